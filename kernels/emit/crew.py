"""Worker threads that help the thread that runs a program.

The leader opens one shared stage after another: a list of chunks, each a stretch of rows. It takes chunks from the
front, the workers take them from the back, until none is left; then the leader waits for those under way. Nobody waits
for a worker that the system doesn't let run. A chunk is claimed by exchanging one word, which holds the number of the
stage too, so a late worker can't take it for another's.

Who waits spins for some microseconds, then yields the processor at every look. A worker that finds nothing to do for a
while goes to sleep in a lock of Python's, and the next run wakes it. In native code threads hold no lock of the
interpreter.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
import weakref
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from . import native
from .language import I1, I32, I64, POINTER, VOID, Function, Type, Value
from .plan import Family, aligned_bytes
from .target import Target
from .walker import walk

SPINS = 2000
"""Looks at a word before the processor is yielded at every further look: some ten microseconds."""
PATIENCE = SPINS + 3000
"""Looks before a worker without work goes to sleep: about a millisecond, as waking may take as long."""
FOREVER = 1 << 62

_CLAIM, _DONE, _STAGE, _SLOTS = 0, 64, 128, 192
"""Words of the memory that a crew shares, a cache line each.

claim  number of the stage << 32 | first chunk that nobody has << 16 | end of those that nobody has
done   chunks of this stage that are finished
stage  the leader's own count of stages
slots  by the last bits of a stage's number, where its chunks are listed
"""
_SLOT_COUNT = 8
_SIZE = _SLOTS + 64 * _SLOT_COUNT
MOST_CHUNKS = (1 << 16) - 1


def _walk_chunk(f: Function, chunks: Value, index: Value) -> None:
    chunk = chunks + (index << 4)
    walk(f, chunk.load(POINTER, 0, 8), chunk.load(I64, 8, 8))


def _load(place: Value, offset: int) -> Value:
    """A word that another thread writes, and with it all that it wrote before."""
    return place.function.emit(I64, f"load atomic i64, ptr {(place + offset).name} acquire, align 8")


def _store(place: Value, offset: int, value: Value | int) -> None:
    """A word for other threads, and before it all that was written."""
    word = place.function.constant(value, I64)
    place.function.write(f"store atomic i64 {word.name}, ptr {(place + offset).name} release, align 8")


def _exchange(place: Value, offset: int, old: Value, new: Value) -> Value:
    """Replaces a word if it is `old` still; whether it was."""
    f, word = place.function, (place + offset).name
    pair = f.emit(Type("{ i64, i1 }"), f"cmpxchg ptr {word}, i64 {old.name}, i64 {new.name} acq_rel acquire, align 8")
    return f.emit(I1, f"extractvalue {{ i64, i1 }} {pair.name}, 1")


def _count_done(control: Value) -> None:
    control.function.emit(I64, f"atomicrmw add ptr {(control + _DONE).name}, i64 1 acq_rel, align 8")


def _rest(f: Function, looks: Value, give_way: Value) -> None:
    """Between two looks at a word."""
    if f.target.is_x86:
        f.call("llvm.x86.sse2.pause", VOID)
    with f.when(looks > SPINS):
        f.emit(I32, f"call i32 {give_way.name}()")


def _slot(control: Value, stage: Value) -> Value:
    return control + (((stage & (_SLOT_COUNT - 1)) << 6) + _SLOTS)


def _share(f: Function, control: Value, chunks: Value, count: Value, give_way: Value) -> None:
    """Opens a stage, takes chunks while there are any, waits for those that others took."""
    stage = control.load(I64, _STAGE, 8) + 1
    control.store(stage, _STAGE)
    _slot(control, stage).store(chunks)
    _store(control, _DONE, 0)
    _store(control, _CLAIM, (stage << 32) | count)
    with f.loop(FOREVER) as again:
        claim = _load(control, _CLAIM)
        first, end = claim.shift_right_unsigned(16) & MOST_CHUNKS, claim & MOST_CHUNKS
        with f.when(first < end), f.when(_exchange(control, _CLAIM, claim, claim + (1 << 16))):
            _walk_chunk(f, chunks, first)
            _count_done(control)
        again.stop_when(first >= end)
    with f.loop(FOREVER, looks=f.constant(0, I64)) as each:
        each.stop_when(_load(control, _DONE).equals(count))
        _rest(f, each.looks, give_way)
        each.looks = each.looks + 1


def _write_lead(f: Function) -> None:
    """Stage after stage: (where its chunks are listed, how many). A stage of one chunk is the leader's alone."""
    row = f.arguments(LEAD.slots)
    with f.loop(row.stages, stage=row.table) as each:
        chunks, count = each.stage.load(POINTER, 0, 8), each.stage.load(I64, 8, 8)
        with f.when(count.equals(1)):
            _walk_chunk(f, chunks, f.constant(0, I64))
        with f.when(count > 1):
            _share(f, row.control, chunks, count, row.give_way)
        each.stage = each.stage + 16


LEAD = Family("lead", "*control *table #stages *give_way", _write_lead)


def _write_help(f: Function) -> None:
    """Takes chunks of the stage that is open, until there have been none for a while."""
    row = f.arguments(HELP.slots)
    with f.loop(FOREVER, looks=f.constant(0, I64)) as each:
        claim = _load(row.control, _CLAIM)
        first, end = claim.shift_right_unsigned(16) & MOST_CHUNKS, claim & MOST_CHUNKS
        open_ = first < end
        with f.when(open_):
            chunks = _slot(row.control, claim.shift_right_unsigned(32)).load(POINTER, 0, 8)
            with f.when(_exchange(row.control, _CLAIM, claim, claim - 1)):
                _walk_chunk(f, chunks, end - 1)
                _count_done(row.control)
        with f.when(open_ ^ 1):
            _rest(f, each.looks, row.give_way)
        each.looks = open_.select(f.constant(0, I64), each.looks + 1)
        each.stop_when(each.looks > PATIENCE)


HELP = Family("help", "*control *give_way", _write_help)


def processors() -> int:
    """How many processors this process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def _way_to_yield() -> int:
    """The address of the system's function that lets other threads run."""
    if sys.platform == "win32":
        function = ctypes.WinDLL("kernel32").SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


class _Shared:
    """What a crew's threads share; they hold no reference to the crew, so that it can be collected while they live."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.memory = aligned_bytes(_SIZE)
        self.start_over()

    def start_over(self) -> None:
        """As if no thread had ever been started: also what is true after a fork, in the child."""
        self.memory[:] = 0
        self.lock = threading.Lock()
        self.leading = False
        self.closing = False
        self.asleep = [True] * self.size
        self.wake = [threading.Lock() for _ in range(self.size)]
        self.threads: list[threading.Thread] = []
        for lock in self.wake:
            lock.acquire()

    def rouse(self) -> None:
        """Wakes who sleeps. The lock must be held."""
        for index in range(len(self.threads)):
            if self.asleep[index]:
                self.asleep[index] = False
                self.wake[index].release()


def _work(shared: _Shared, index: int, assist: Callable[[], None]) -> None:
    """A worker's life: sleep, help while there is work, sleep."""
    while True:
        shared.wake[index].acquire()
        while True:
            with shared.lock:
                if shared.closing:
                    return
            assist()
            with shared.lock:
                if not shared.leading and not shared.closing:
                    shared.asleep[index] = True
                    break


def _close(shared: _Shared) -> None:
    """Ends the threads; waits for them but where a worker itself collects its crew."""
    with shared.lock:
        shared.closing = True
        shared.rouse()
    for thread in shared.threads:
        if thread is not threading.current_thread():
            thread.join()


class Crew:
    """`size` threads, the calling one included. The others start with the first run and end with the crew."""

    def __init__(self, size: int, variant: Target) -> None:
        self.size = size
        self._variant = variant
        self._turn = threading.Lock()
        self._shared = _Shared(size - 1)
        _crews.add(self)
        weakref.finalize(self, _close, self._shared)

    @functools.cached_property
    def _native(self) -> tuple[Callable[[ctypes.c_void_p], None], Callable[[ctypes.c_void_p], None]]:
        """The kernels that lead and help."""
        addresses = native.addresses({LEAD.name, HELP.name}, self._variant)
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
        return function(addresses[LEAD.name]), function(addresses[HELP.name])

    def order(self, table: int, stages: int) -> tuple[int, ...]:
        """The arguments for `run`, of a table of stages at this address."""
        return int(self._shared.memory.ctypes.data), table, stages, _way_to_yield()

    def run(self, order: ctypes.c_void_p) -> bool:
        """Leads through the stages of an order; False, and nothing done, where no threads can be started."""
        with self._turn:
            shared = self._shared
            if not shared.threads and not self._start():
                return False
            with shared.lock:
                shared.leading = True
                shared.rouse()
            try:
                self._native[0](order)
            finally:
                shared.leading = False
        return True

    def _start(self) -> bool:
        shared = self._shared
        arguments = np.array([shared.memory.ctypes.data, _way_to_yield()], np.int64)
        assist = _Assisting(self._native[1], arguments)
        try:
            for index in range(shared.size):
                thread = threading.Thread(target=_work, args=(shared, index, assist), name="qengine", daemon=True)
                thread.start()
                shared.threads.append(thread)
        except RuntimeError:  # the system gives no more threads
            _close(shared)
            shared.start_over()
            return False
        return True


class _Assisting:
    """The native call of a worker, and the memory that it reads."""

    def __init__(self, assist: Callable[[ctypes.c_void_p], None], arguments: npt.NDArray[np.int64]) -> None:
        self._assist, self._arguments = assist, arguments
        self._pointer = ctypes.c_void_p(arguments.ctypes.data)

    def __call__(self) -> None:
        self._assist(self._pointer)


_crews: weakref.WeakSet[Crew] = weakref.WeakSet()


def _after_fork() -> None:
    """In a child process there are no workers: each crew starts its own when it next runs."""
    for crew in _crews:
        crew._turn = threading.Lock()
        crew._shared.start_over()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_after_fork)
