"""Measuring: laps alternate, spreads are in order, every node gets its time."""

from __future__ import annotations

import numpy as np
import pytest

import qengine as qe
from qengine.kernels.emit import native
from qengine.kernels.profile import Profile
from qengine.latency import KERNEL_SETS, about, alternate, node_times, ratio, runtimes, some_input, spread, whole_call
from qengine.ops.fully_connected import FullyConnected
from qengine.ops.reshape import Reshape
from qengine.ops.unique import Unique
from qengine.output import Output
from qengine.summary import plan


def model() -> qe.Model:
    """Dense layers with a reshape between, and an operator that NumPy runs."""
    b = qe.Builder()
    x = b.input("x", (1, 40), np.float32)
    weights = b.constant(np.ones((60, 40), np.float32), name="weights")
    y = b.add(FullyConnected(), [x, weights, np.zeros(60, np.float32)], name="y")
    flat = b.add(Reshape(new_shape=(60,)), [y], name="flat")
    kinds = [Output(type=np.float32), Output(type=np.int32)]
    return b.model(b.add(Unique(), [flat], outputs=kinds))


def test_laps_alternate_and_all_are_timed() -> None:
    order: list[str] = []
    calls = {name: (lambda name=name: order.append(name)) for name in "ab"}
    laps = alternate(calls, seconds=0.0, rounds=4)
    assert "".join(order[-8:]) == "abababab"
    assert {name: len(taken) for name, taken in laps.items()} == {"a": 4, "b": 4}
    assert min(laps["a"] + laps["b"]) > 0


def test_a_ratio_is_the_median_of_the_laps_ratios() -> None:
    assert ratio([2.0, 30.0, 1.0], [1.0, 10.0, 10.0]) == 2.0


def test_a_spread_counts_every_call_in_order() -> None:
    calls: list[int] = []
    found = spread(lambda: calls.append(1), 0.01)
    assert found.calls == len(calls) - 3
    assert 0 < found.least <= found.p10 <= found.median <= found.p90 <= found.p99


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.float32, np.int32, np.bool_, np.object_])
def test_inputs_are_of_the_shape_and_type_asked_for(dtype: type) -> None:
    array = some_input((2, 300), dtype)
    assert array.shape == (2, 300)
    assert array.dtype == dtype
    if dtype in (np.int8, np.uint8):
        assert (int(array.min()), int(array.max())) == (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if dtype is np.int32:
        assert not array.any(), "they may be indices"
    assert np.array_equal(array, some_input((2, 300), dtype))


def test_every_node_is_timed_once() -> None:
    times = node_times(model(), Profile.XNNPACK, 0.02)
    assert [node.operator for node in times] == ["FULLY_CONNECTED", "RESHAPE", "UNIQUE"]
    assert times[0].macs == 60 * 40
    assert times[2].microseconds > 0
    if not native.obstacle():
        assert times[0].kernel.startswith("native ")
        assert (times[1].kernel, times[1].microseconds) == ("alias", 0)


def test_a_plan_says_what_runs_where() -> None:
    found = plan(model())
    operators = [node.operator for node in found.nodes]
    assert operators == ["FULLY_CONNECTED", "RESHAPE", "UNIQUE"]
    assert found.nodes[0].bytes == 4 * (40 + 60 * 40 + 60 + 60)
    if native.obstacle():
        return
    assert found.variant == native.variant().name
    assert [(call.native, call.nodes) for call in found.calls] == [(True, (0, 1)), (False, (2,))]
    assert [node.call for node in found.nodes] == [0, None, 1]
    assert found.packed >= 4 * 60 * 40
    assert found.arena > 0


def test_the_whole_call_gives_the_outputs() -> None:
    made = qe.Interpreter(model=model())
    made.allocate_tensors()
    values, positions = whole_call(made)()
    assert values.size == 1, "all outputs of the dense layer are the sum of the inputs"
    assert positions.shape == (60,)


def test_the_runtime_s_kernel_sets_run_where_it_is_installed() -> None:
    pytest.importorskip("ai_edge_litert")
    found = runtimes(qe.to_bytes(model()))
    assert set(found) == set(KERNEL_SETS)
    for made in found.values():
        assert whole_call(made)()[1].shape == (60,)


def test_a_measurement_names_what_it_was_made_with() -> None:
    facts = about(3)
    assert facts["threads"] == 3
    assert facts["NumPy"] == np.__version__
    assert {"processor", "variant", "Python", "qengine", "date"} <= facts.keys()
