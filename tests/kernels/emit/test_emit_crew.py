"""Shared programs give the same bits as on one thread; threads end with their crew, with the process, with a fork."""

from __future__ import annotations

import gc
import os
import sys
import threading

import numpy as np
import pytest
from fresh import fresh_process
from guarded import Memory
from hypothesis import given
from hypothesis import strategies as st
from test_emit_native import plans_of_every_kind

from qengine.kernels.emit import crew, native, shares
from qengine.kernels.emit.crew import Crew, processors
from qengine.kernels.emit.float32.elementwise import plan_unary
from qengine.kernels.emit.plan import SLACK, BoundRow, Cut
from qengine.kernels.emit.program import Program


@pytest.fixture
def everything_is_shared(monkeypatch):
    monkeypatch.setattr(shares, "SHARED_WORK", 0)
    monkeypatch.setattr(shares, "WORTH", 0)


def workers():
    return [thread for thread in threading.enumerate() if thread.name == "qengine"]


SIZE = 1 << 16
CONTENT = np.random.default_rng(0).integers(0, 96, SIZE).astype(np.uint8)  # as floats they are small numbers


class Prepared:
    """A compiled operation on memory of its own, alone or with a crew."""

    def __init__(self, compiled, together=None):
        places = {place for stage in compiled.stages for row in stage for place in row.arguments}
        indices = [getattr(place, "number", 0) for place in places]
        self.inputs, self.outputs = (
            [Memory(SIZE, SLACK, at_start=True) for _ in range(max(indices) + 1)] for _ in "io"
        )
        for number, memory in enumerate(self.inputs):
            memory.bytes[:] = np.roll(CONTENT, number)
        for memory in self.outputs:
            memory.bytes[:] = 0
        self.scratch = Memory(compiled.scratch, at_start=True)
        addresses = [[memory.address for memory in memories] for memories in (self.inputs, self.outputs)]
        self.fault = Memory(16, at_start=True)
        bound = compiled.bind(*addresses, self.scratch.address, self.fault.address)
        self.program = Program(bound, compiled.target, together)

    def result(self):
        """What lies in inputs (states among them) and outputs after a run."""
        self.program.run()
        return np.concatenate([memory.bytes for memory in (*self.inputs, *self.outputs)])


@pytest.mark.parametrize("size", [2, 3, 7])
def test_every_kind_of_kernel_gives_the_same_bits_shared(host, everything_is_shared, size):
    variant = native.variant()
    together = Crew(size, variant)
    shared = 0
    for compiled in plans_of_every_kind(variant):
        alone, with_others = Prepared(compiled), Prepared(compiled, together)
        for _ in range(3):
            assert np.array_equal(alone.result(), with_others.result()), compiled.stages
        shared += with_others.program.threads > 1
    assert shared > 60
    assert len(workers()) == size - 1


ROWS = st.lists(
    st.builds(
        lambda count, work, unit, whole: BoundRow(
            "k", (1000, count * unit, 7), work, None if whole else Cut(1, ((0, 10), (2, -1)), unit)
        ),
        st.integers(1, 50),
        st.integers(0, 1000),
        st.sampled_from([1, 4]),
        st.booleans(),
    ),
    max_size=8,
)


def things_counted(rows):
    """Each single thing that the rows do: (where, its address, its other argument)."""
    found = []
    for row in rows:
        if row.divisible is None:
            found.append(row)
        else:
            unit = row.divisible.unit
            address, count, other = row.arguments
            found += [("part", address + 10 * i, other - i) for i in range(0, count, unit)]
    return found


@given(stages=st.lists(ROWS, max_size=5), threads=st.integers(1, 5))
def test_sharing_divides_rows_without_losing_or_doubling_any(stages, threads):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shares, "SHARED_WORK", 300)
        patch.setattr(shares, "WORTH", 500)
        parts = shares.shares(stages, threads)
    chunks = [chunk for part in parts for chunk in part]
    flat = [row for chunk in chunks for row in chunk]
    assert things_counted(flat) == things_counted(row for stage in stages for row in stage)
    assert sum(row.work for row in flat) == sum(row.work for stage in stages for row in stage)
    assert all(len(part) == 1 for part in parts) or threads > 1


def test_a_stage_is_cut_into_large_chunks_at_the_ends_and_small_ones_between(monkeypatch):
    monkeypatch.setattr(shares, "WORTH", 0)
    stage = [BoundRow("k", (0, 1000), 100_000, Cut(1, ((0, 4),)))]
    (part,) = shares.shares([stage], 2)
    assert [chunk[0].arguments[1] for chunk in part] == [300, 120, 80, 80, 120, 300]
    assert [chunk[0].arguments[0] for chunk in part] == [0, 1200, 1680, 2000, 2320, 2800]


def test_stages_of_little_work_stay_on_one_thread_together(monkeypatch):
    monkeypatch.setattr(shares, "WORTH", 0)
    small, large = BoundRow("k", (0, 10), 100), BoundRow("k", (0, 1000), 100_000, Cut(1, ((0, 4),)))
    parts = shares.shares([[small], [small, small], [large], [small]], 2)
    assert [len(part) for part in parts] == [1, 6, 1]
    assert [len(part[0]) for part in parts] == [3, 1, 1]


def test_a_model_of_little_work_is_not_shared():
    large = BoundRow("k", (0, 1000), shares.WORTH - 1, Cut(1, ((0, 4),)))
    assert [len(part) for part in shares.shares([[large]], 2)] == [1]


@pytest.fixture
def shared_tanh(host, everything_is_shared):
    def make(crew_of_two):
        return Prepared(plan_unary(native.variant(), "tanh", 4096), crew_of_two)

    return make


def test_threads_end_with_their_crew(shared_tanh):
    before = len(workers())
    together = Crew(2, native.variant())
    made = shared_tanh(together)
    assert len(workers()) == before, "nothing starts before it is needed"
    made.program.run()
    assert len(workers()) == before + 1
    del made, together
    gc.collect()
    assert len(workers()) == before


def test_a_sleeping_worker_is_woken(shared_tanh):
    together = Crew(2, native.variant())
    made = shared_tanh(together)
    for _ in range(3):
        made.program.run()
        for _ in range(1000):
            if together._shared.asleep == [True]:
                break
            threading.Event().wait(0.01)
        assert together._shared.asleep == [True]


def test_without_threads_to_start_the_program_runs_alone(shared_tanh, monkeypatch):
    alone, made = shared_tanh(None), shared_tanh(Crew(2, native.variant()))

    def start(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert np.array_equal(alone.result(), made.result())


def test_threads_of_python_that_lead_one_crew_take_turns(shared_tanh):
    together = Crew(2, native.variant())
    alone, made = shared_tanh(None), [shared_tanh(together) for _ in range(4)]
    leaders = [threading.Thread(target=lambda m=m: [m.program.run() for _ in range(50)]) for m in made]
    for leader in leaders:
        leader.start()
    for leader in leaders:
        leader.join()
    assert all(np.array_equal(alone.result(), m.result()) for m in made)


SCRIPT = """
import os, sys, threading
import numpy as np
from qengine.kernels.emit import native, shares
from qengine.kernels.emit.crew import Crew
from qengine.kernels.emit.float32.elementwise import plan_unary
from qengine.kernels.emit.plan import aligned
from qengine.kernels.emit.program import Program
shares.SHARED_WORK = shares.WORTH = 0
x = aligned(np.linspace(-1, 1, 4096, dtype=np.float32))
out = aligned(np.zeros(4096, np.float32))
plan = plan_unary(native.variant(), "square", 4096)
program = Program(plan.bind([x.ctypes.data], [out.ctypes.data]), plan.target, Crew(2, plan.target))
def right():
    out[:] = 0
    program.run()
    return program.threads == 2 and np.array_equal(out.view(np.float32), x.view(np.float32) ** 2)
assert right()
"""


def test_the_process_ends_while_workers_sleep_or_look_for_work(host, tmp_path):
    assert fresh_process(SCRIPT + "print(threading.active_count())", tmp_path) == "2"


@pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
def test_a_forked_child_starts_threads_of_its_own(host, tmp_path):
    child = """
import warnings
warnings.simplefilter("ignore")  # newer Pythons warn of forks in processes with threads
child = os.fork()
if child == 0:
    os._exit(0 if right() and threading.active_count() == 2 else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), right())
"""
    assert fresh_process(SCRIPT + child, tmp_path) == "0 True"


def test_there_are_processors():
    assert 1 <= processors() <= (os.cpu_count() or 1)
    assert crew.PATIENCE > crew.SPINS
