"""Emitted GATHER equals the reference, and a program says which position lies outside."""

from __future__ import annotations

import numpy as np
import pytest
from guarded import Memory, flip
from hypothesis import given, settings
from hypothesis import strategies as st

import qengine as qe
from qengine.build import Builder
from qengine.kernels.emit.gather import Slices, plan_gather
from qengine.kernels.emit.plan import SLACK
from qengine.kernels.emit.program import Program
from qengine.kernels.reference.movement import gather
from qengine.ops.gather import Gather


def run_checked(compiled, inputs, shape, dtype):
    """The output and the two numbers of the fault."""
    memories = [Memory(x.nbytes, SLACK, at_start=False) for x in inputs]
    for memory, x in zip(memories, inputs, strict=True):
        memory.bytes[:] = np.ascontiguousarray(x).reshape(-1).view(np.uint8) ^ flip(x.dtype)
    output, fault = Memory(int(np.prod(shape)) * np.dtype(dtype).itemsize, at_start=False), np.zeros(2, np.int64)
    addresses = [memory.address for memory in memories]
    Program(compiled.bind(addresses, [output.address], 0, fault.ctypes.data), compiled.target).run()
    assert all(memory.is_clean for memory in (*memories, output))
    return (output.bytes ^ flip(dtype)).view(dtype).reshape(shape), fault.tolist()


@settings(max_examples=60)
@given(
    sizes=st.tuples(
        *[st.integers(1, 3)] * 2, st.integers(1, 9), st.integers(1, 5), st.sampled_from([1, 3, 16, 40, 150])
    ),
    dtype=st.sampled_from([np.int8, np.int16, np.float32, np.int64]),
    index=st.sampled_from([np.int16, np.int32, np.int64]),
    seed=st.integers(0, 2**32 - 1),
    outside=st.booleans(),
)
def test_slices_are_those_of_the_reference(variant, sizes, dtype, index, seed, outside):
    batches, outer, length, count, inner = sizes
    rng = np.random.default_rng(seed)
    x = rng.integers(-100, 100, (batches, outer, length, inner)).astype(dtype)
    positions = rng.integers(0, length, (batches, count)).astype(index)
    want = gather(x, positions, 2, 1)
    wrong = int(rng.choice([-1, length, -(2**15)]))
    if outside:
        positions[-1, -1] = wrong
    slices = Slices(batches, outer, length, count, inner * x.itemsize)
    compiled = plan_gather(variant, slices, 8 * positions.itemsize, (0, 1), "inputs[1]")
    got, fault = run_checked(compiled, [x, positions], want.shape, dtype)
    assert fault == ([1, wrong] if outside else [0, 0])
    if not outside:
        assert np.array_equal(got, want)


@pytest.mark.parametrize("profile", ["xnnpack", "reference"])
def test_a_position_outside_is_an_error_each_time_and_leaves_the_next_call_alone(profile):
    b = Builder()
    table = b.constant(np.arange(12, dtype=np.float32).reshape(4, 3))
    model = b.model([b.add(Gather(), [table, b.input("positions", (2,), "int32")])])
    it = qe.Interpreter(model=model, profile=profile)
    it.allocate_tensors()
    (at,), (out,) = it.get_input_details(), it.get_output_details()
    for _ in range(2):
        it.set_tensor(at["index"], np.array([1, 4], np.int32))
        with pytest.raises(RuntimeError, match=r"from 0 to 3, got .*4.* - at `\$\.subgraphs\[0\]\.operators\[0\]"):
            it.invoke()
        it.set_tensor(at["index"], np.array([3, 0], np.int32))
        it.invoke()
        np.testing.assert_array_equal(it.get_tensor(out["index"]), [[9, 10, 11], [0, 1, 2]])
