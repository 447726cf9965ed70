"""Emitted recurrent layers equal the reference: outputs and states, over sequences."""

from __future__ import annotations

import numpy as np
from guarded import Memory, flip
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.kernels.emit.float32.recurrent import Cell as FloatCell
from qengine.kernels.emit.float32.recurrent import plan_lstm as plan_float_lstm
from qengine.kernels.emit.plan import SLACK, source
from qengine.kernels.emit.program import Program
from qengine.kernels.emit.recurrent import plan_lstm, plan_svdf
from qengine.kernels.reference import lstm as float_lstm
from qengine.kernels.reference.lstm_integer import Cell, Gate, Sum, lstm_integer
from qengine.kernels.reference.matrices import FloatMatrix
from qengine.kernels.reference.svdf import Points, svdf_integer
from qengine.kernels.requantizers import DoubleRounding


def run_with_states(compiled, x, states, shape):
    """The output, and what became of the states, which lie as NumPy has them; x and the output are stored flipped."""
    memories = [Memory(array.nbytes, SLACK, at_start=False) for array in (x, *states)]
    for memory, array, kind in zip(memories, (x, *states), (x.dtype, *["i2"] * len(states)), strict=True):
        memory.bytes[:] = np.ascontiguousarray(array).reshape(-1).view(np.uint8) ^ flip(kind)
    output = Memory(int(np.prod(shape)) * x.dtype.itemsize, at_start=False)
    scratch = Memory(compiled.scratch, at_start=False)
    stages = compiled.bind([memory.address for memory in memories], [output.address], scratch.address)
    Program(stages, compiled.target).run()
    assert all(memory.is_clean for memory in (*memories, output, scratch))
    after = [m.bytes.view(s.dtype).reshape(s.shape) for m, s in zip(memories[1:], states, strict=True)]
    return (output.bytes ^ flip(x.dtype)).view(x.dtype).reshape(shape), after


def rule(rng, low, high):
    return DoubleRounding.from_real(np.asarray(rng.uniform(low, high)))


sizes = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 40), st.integers(1, 40))


@settings(max_examples=30, deadline=None)
@given(
    sizes=sizes,
    seed=st.integers(0, 2**32 - 1),
    exponent=st.sampled_from([*range(-15, -8), -30, -20, -16, -8, -3, 1]),
    clip=st.sampled_from([0, 3000]),
    time_major=st.booleans(),
)
def test_lstm_gives_the_reference_s_outputs_and_states(variant, sizes, seed, exponent, clip, time_major):
    steps, batch, width, cells = sizes
    rng = np.random.default_rng(seed)

    def sums(columns):
        weights = rng.integers(-127, 128, (cells, columns)).astype(np.int8)
        bias = rng.integers(-5000, 5000, cells).astype(np.int32)
        return Sum.of(weights, int(rng.integers(-128, 128)), bias, rule(rng, 0.001, 0.9))

    gates = [Gate(sums(width), sums(cells)) for _ in range(4)]
    zero_point = int(rng.integers(-20, 20))
    cell = Cell(*gates, exponent, rule(rng, 1e-6, 1e-4), zero_point, zero_point, cell_clip=clip)
    x = rng.integers(-128, 128, (steps, batch, width)).astype(np.int8)
    h = rng.integers(-128, 128, (batch, cells)).astype(np.int8)
    c = rng.integers(-32768, 32768, (batch, cells)).astype(np.int16)
    compiled = plan_lstm(
        variant, steps, batch, cell, time_major=time_major, output_state=source(1), cell_state=source(2)
    )
    given = x if time_major else np.ascontiguousarray(x.swapaxes(0, 1))
    got, (got_h, got_c) = run_with_states(compiled, given, [h, c], (*given.shape[:2], cells))
    want = lstm_integer(x, cell, h, c)
    np.testing.assert_array_equal(got if time_major else got.swapaxes(0, 1), want)
    np.testing.assert_array_equal(got_h, h)
    np.testing.assert_array_equal(got_c, c)


@settings(max_examples=30, deadline=None)
@given(
    sizes=sizes,
    rank=st.integers(1, 3),
    memory=st.integers(1, 40),
    kept=st.sampled_from([np.int8, np.int16]),
    seed=st.integers(0, 2**32 - 1),
)
def test_svdf_gives_the_reference_s_outputs_and_state(variant, sizes, rank, memory, kept, seed):
    _, batch, width, units = sizes
    rng = np.random.default_rng(seed)
    features = rng.integers(-128, 128, (units * rank, width)).astype(np.int8)
    limits = np.iinfo(kept)
    times = rng.integers(limits.min, limits.max + 1, (units * rank, memory)).astype(kept)
    bias = rng.integers(-5000, 5000, units).astype(np.int32) if rng.integers(2) else None
    points = Points(*(int(point) for point in rng.integers(-128, 128, 3)))
    if kept is np.int16:
        points = points._replace(state=0)
    to_state, to_output = rule(rng, 0.001, 2), rule(rng, 1e-8, 1e-5 if kept is np.int16 else 1e-2)
    x = rng.integers(-128, 128, (batch, width)).astype(np.int8)
    state = rng.integers(limits.min, limits.max + 1, (batch, units * rank, memory)).astype(kept)
    compiled = plan_svdf(
        variant,
        batch,
        features,
        times,
        bias,
        rank,
        points,
        to_state,
        to_output,
        state=source(1),
    )
    got, (after,) = run_with_states(compiled, x, [state], (batch, units))
    added = 0 if bias is None else bias.astype(np.int64)
    want = svdf_integer(x, features, times, added, state, rank, points, to_state, to_output)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(after, state)


@settings(max_examples=30, deadline=None)
@given(
    sizes=sizes,
    seed=st.integers(0, 2**32 - 1),
    function=st.sampled_from(["tanh", "relu", "relu6"]),
    coupled=st.booleans(),
    clip=st.sampled_from([0.0, 0.5]),
    time_major=st.booleans(),
)
def test_float_lstm_gives_the_reference_s_outputs_and_states(variant, sizes, seed, function, coupled, clip, time_major):
    steps, batch, width, cells = sizes
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    weights, recurrent = ([normal(cells, n) / np.float32(2 * np.sqrt(n)) for _ in range(4)] for n in (width, cells))
    biases = [normal(cells) for _ in range(4)]
    gates = [
        float_lstm.Gate(FloatMatrix(w), FloatMatrix(r), b) for w, r, b in zip(weights, recurrent, biases, strict=True)
    ]
    if coupled:
        gates[0] = weights[0] = recurrent[0] = biases[0] = None
    functions = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0), "relu6": lambda x: np.clip(x, 0, 6)}
    cell = float_lstm.Cell(*gates, functions[function], cell_clip=clip)
    x, h, c = normal(steps, batch, width), normal(batch, cells), normal(batch, cells)
    given = x if time_major else np.ascontiguousarray(x.swapaxes(0, 1))
    compiled = plan_float_lstm(
        variant,
        steps,
        batch,
        FloatCell(tuple(weights), tuple(recurrent), tuple(biases), function, clip),
        time_major=time_major,
        output_state=source(1),
        cell_state=source(2),
    )
    got, (got_h, got_c) = run_with_states(compiled, given, [h, c], (*given.shape[:2], cells))
    want = float_lstm.lstm(x, None, cell, h, c, together=time_major)
    for one, other in ((got if time_major else got.swapaxes(0, 1), want), (got_h, h), (got_c, c)):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
