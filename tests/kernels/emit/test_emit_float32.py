"""Emitted float32 kernels equal the reference but for rounding, with its NaN and infinities, within their memory."""

from __future__ import annotations

import numpy as np
import pytest
from emitted_cases import CHANNELS, geometries
from guarded import run
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.kernels.emit import target
from qengine.kernels.emit.float32.batch_matmul import plan_batch_matmul
from qengine.kernels.emit.float32.convolution import plan_convolution
from qengine.kernels.emit.float32.dense import plan_dense
from qengine.kernels.emit.float32.depthwise import plan_depthwise
from qengine.kernels.emit.float32.elementwise import plan_binary, plan_unary
from qengine.kernels.emit.float32.gemm import TILES, panel_widths
from qengine.kernels.emit.float32.layer import Layer, stretches
from qengine.kernels.emit.float32.pieces import ANY, Clamp, Order, spans
from qengine.kernels.emit.float32.pool import plan_average_pool, plan_max_pool
from qengine.kernels.emit.float32.softmax import plan_softmax
from qengine.kernels.emit.float32.sums import plan_sum
from qengine.kernels.emit.float32.transposed import plan_transposed
from qengine.kernels.emit.layer import Geometry
from qengine.kernels.reference import activations, conv, eigen_floats, pooling, reduction, softmax, xnnpack_floats
from qengine.kernels.reference.windows import Slide

CLAMPS = st.sampled_from([ANY, Clamp(0.0), Clamp(0.0, 6.0), Clamp(-1.0, 1.0)])
SEEDS = st.integers(0, 2**32 - 1)
STRANGE = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-40, 3e38, -3e38, 88.8, -88.8, 104.5, -110.0, 1e-8])
STRANGE = STRANGE.astype(np.float32)
FACTOR = 2e-6
"""Of the largest magnitude: sums of some hundred float32 products in another order."""


def assert_close(got, want, factor=FACTOR, largest=None):
    """largest: the magnitude by which the tolerance goes, where it isn't that of the result (which was clamped)."""
    with np.errstate(all="ignore"):
        want = np.asarray(want, np.float32)
        assert got.shape == want.shape
        finite = np.isfinite(want)
        assert np.array_equal(got[~finite], want[~finite], equal_nan=True)
        assert np.isfinite(got[finite]).all()
        largest = np.abs(want[finite]).max(initial=1e-6) if largest is None else largest
        assert np.abs(got[finite] - want[finite]).max(initial=0) <= factor * largest


def normal(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def strange(rng, x, share=0.1):
    """x with some of its elements NaN, infinite, subnormal, huge."""
    return np.where(rng.random(x.shape) < share, rng.choice(STRANGE, x.shape), x).astype(np.float32)


@st.composite
def layers(draw, shape, outputs):
    rng = np.random.default_rng(draw(SEEDS))
    bias = normal(rng, outputs) if draw(st.booleans()) else None
    return Layer(normal(rng, *shape), bias, draw(CLAMPS), draw(st.sampled_from(Order))), rng


def finished(layer, sums):
    sums = sums if layer.bias is None else sums + layer.bias
    return conv.clamped(sums, layer.clamp.low, layer.clamp.high)


def sliding(geometry):
    return conv.Geometry(geometry.stride, geometry.dilation, geometry.output[:2], geometry.before)


@st.composite
def convolutions(draw):
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    depth, outputs = draw(CHANNELS), groups * draw(CHANNELS)
    geometry = draw(geometries(groups * depth, outputs))
    return geometry, *draw(layers((outputs, *geometry.window, depth), outputs))


@settings(max_examples=50)
@given(case=convolutions())
def test_convolution_equals_the_reference(variant, case):
    geometry, layer, rng = case
    x = normal(rng, geometry.batch, *geometry.input)
    sums = conv.conv_2d(x.astype(np.float64), layer.weights.astype(np.float64), sliding(geometry))
    got = run(plan_convolution(variant, geometry, layer), [x], sums.shape, np.float32)
    assert_close(got, finished(layer, sums.astype(np.float32)), largest=np.abs(sums).max())


@st.composite
def depthwise_convolutions(draw):
    channels = draw(CHANNELS)
    outputs = channels * draw(st.sampled_from([1, 1, 1, 2, 3]))
    geometry = draw(geometries(channels, outputs, st.sampled_from([1, 2, 3, 3, 3, 5, 6])))
    return geometry, *draw(layers((1, *geometry.window, outputs), outputs))


@settings(max_examples=50)
@given(case=depthwise_convolutions())
def test_depthwise_convolution_equals_the_reference(variant, case):
    geometry, layer, rng = case
    x = normal(rng, geometry.batch, *geometry.input)
    sums = conv.depthwise_conv_2d(x.astype(np.float64), layer.weights.astype(np.float64), sliding(geometry))
    got = run(plan_depthwise(variant, geometry, layer), [x], sums.shape, np.float32)
    assert_close(got, finished(layer, sums.astype(np.float32)), largest=np.abs(sums).max())


@st.composite
def dense_layers(draw):
    rows, k = draw(st.sampled_from([1, 1, 2, 7])), draw(st.integers(0, 200))
    columns = draw(st.one_of(CHANNELS, st.integers(100, 300)))
    layer, rng = draw(layers((columns, k), columns))
    return layer, normal(rng, rows, k)


@settings(max_examples=40)
@given(case=dense_layers())
def test_dense_equals_the_reference(variant, case):
    layer, x = case
    sums = (x.astype(np.float64) @ layer.weights.T.astype(np.float64)).astype(np.float32)
    assert_close(
        run(plan_dense(variant, len(x), layer), [x], sums.shape, np.float32),
        finished(layer, sums),
        largest=np.abs(sums).max(initial=1.0),
    )


@pytest.mark.parametrize("clamp", [ANY, Clamp(0.0), Clamp(0.0, 6.0)])
def test_nan_and_infinity_come_through_products_and_bounds(variant, clamp):
    layer = Layer(np.eye(5, dtype=np.float32), None, clamp)
    x = np.array([[np.nan, 1, 2, 3, 4], [np.inf, 1, 2, 3, 4], [1, -np.inf, 2, 3, 4]], np.float32)
    with np.errstate(invalid="ignore"):
        want = conv.clamped(x @ layer.weights.T, clamp.low, clamp.high)
    assert_close(run(plan_dense(variant, 3, layer), [x], (3, 5), np.float32), want)


def test_what_follows_the_input_in_memory_is_never_multiplied(variant):
    """SLACK may hold NaN, which a zero weight would not hide."""
    x = np.concatenate([np.ones(3, np.float32), np.full(13, np.nan, np.float32)])
    layer = Layer(np.ones((7, 3), np.float32), None, ANY)
    memory = np.ones(3, np.float32)
    assert np.array_equal(run(plan_dense(variant, 1, layer), [memory], (1, 7), np.float32), np.full((1, 7), 3.0))
    assert np.array_equal(run(plan_dense(variant, 1, layer), [x], (1, 7), np.float32), np.full((1, 7), 3.0))


def test_a_window_outside_the_image_gives_the_bias(variant):
    geometry = Geometry(1, (2, 2, 1), (2, 2, 1), (2, 2), dilation=(4, 4), before=(2, 2))
    layer = Layer(np.ones((1, 2, 2, 1), np.float32), np.array([0.5], np.float32), ANY)
    x = np.ones((1, 2, 2, 1), np.float32)
    assert np.array_equal(run(plan_convolution(variant, geometry, layer), [x], x.shape, np.float32), x * 0.5)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), channels=CHANNELS, outputs=CHANNELS)
def test_transposed_convolution_equals_the_reference(variant, data, channels, outputs):
    numbers = [data.draw(st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3))) for _ in range(2)]
    (height, tall, down), (width, wide, across) = numbers
    before = data.draw(st.integers(0, tall - 1)), data.draw(st.integers(0, wide - 1))
    output = (max(1, (height - 1) * down + tall - 2 * before[0]), max(1, (width - 1) * across + wide - before[1]))
    geometry = Geometry(2, (height, width, channels), (*output, outputs), (tall, wide), (down, across), before=before)
    layer, rng = data.draw(layers((outputs, tall, wide, channels), outputs))
    x = normal(rng, 2, height, width, channels)
    sums = conv.transpose_conv_2d(
        x.astype(np.float64), layer.weights.astype(np.float64), geometry.stride, before, output
    )
    got = run(plan_transposed(variant, geometry, layer), [x], sums.shape, np.float32)
    assert_close(got, finished(layer, sums.astype(np.float32)), largest=np.abs(sums).max(initial=1e-6))


LENGTHS = st.sampled_from([1, 2, 3, 5, 8, 15, 16, 17, 31, 40, 64, 70])


@settings(max_examples=60, deadline=None)
@given(data=st.data(), m=LENGTHS, k=LENGTHS, n=LENGTHS, swapped=st.tuples(st.booleans(), st.booleans()), seed=SEEDS)
def test_products_of_matrices_equal_numpy_s(variant, data, m, k, n, swapped, seed):
    rng = np.random.default_rng(seed)
    outer = data.draw(st.sampled_from([((), ()), ((2,), (2,)), ((3, 1), (2,)), ((1,), (2, 2)), ((2,), ())]))
    x = normal(rng, *outer[0], *((k, m) if swapped[0] else (m, k)))
    y = normal(rng, *outer[1], *((n, k) if swapped[1] else (k, n)))
    turned = [np.swapaxes(part, -1, -2) if turn else part for part, turn in zip((x, y), swapped, strict=True)]
    want = np.matmul(*(part.astype(np.float64) for part in turned))
    compiled = plan_batch_matmul(variant, x.shape, y.shape, *swapped)
    assert_close(run(compiled, [x, y], want.shape, np.float32), want, largest=np.abs(want).max() + k)


SHAPES = st.sampled_from(
    [((5,), (5,)), ((3, 40), (40,)), ((2, 1, 7), (3, 1)), ((4, 33), (1,)), ((1, 6), (5, 1)), ((), (70,))]
)
BINARIES = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "max": lambda a, b: np.where(a > b, a, b),
    "min": lambda a, b: np.where(a < b, a, b),
    "sqdiff": lambda a, b: (a - b) * (a - b),
    "prelu": activations.prelu,
}


@settings(max_examples=30)
@given(
    name=st.sampled_from(sorted(BINARIES)),
    shapes=SHAPES,
    swap=st.booleans(),
    swapped=st.booleans(),
    flush=st.booleans(),
    clamp=CLAMPS,
    seed=SEEDS,
)
def test_functions_of_two_equal_numpy_s(variant, name, shapes, swap, swapped, flush, clamp, seed):
    rng = np.random.default_rng(seed)
    a, b = (strange(rng, normal(rng, *shape)) for shape in (shapes[::-1] if swap else shapes))
    taken = [xnnpack_flush(x) if flush else x for x in (a, b)]
    with np.errstate(all="ignore"):
        want = conv.clamped(BINARIES[name](*(taken[::-1] if swapped else taken)), clamp.low, clamp.high)
    compiled = plan_binary(variant, name, a.shape, b.shape, clamp, swapped=swapped, flush=flush)
    assert_close(run(compiled, [a, b], want.shape, np.float32), want)


def xnnpack_flush(x):
    return np.where(np.abs(x) < np.finfo(np.float32).tiny, np.copysign(np.float32(0), x), x)


UNARIES = {
    "same": lambda x: x,
    "neg": np.negative,
    "abs": np.abs,
    "square": np.square,
    "sqrt": activations.sqrt,
    "rsqrt": activations.rsqrt,
    "newton": lambda x: xnnpack_floats.rsqrt(xnnpack_flush(x)),
    "exp": activations.exp,
    "expofnumber": xnnpack_floats.exp,
    "logistic": activations.logistic,
    "tanh": activations.tanh,
    "elu": activations.elu,
    "xnnpacktanh": xnnpack_floats.tanh,
    "xnnpacklogistic": xnnpack_floats.logistic,
    "xnnpackelu": xnnpack_floats.elu,
    "xnnpackgelu": xnnpack_floats.gelu,
    "xnnpackgelutanh": xnnpack_floats.gelu_tanh,
    "xnnpackhardswish": xnnpack_floats.hard_swish,
    "eigentanh": eigen_floats.tanh,
    "eigenlogistic": eigen_floats.logistic,
    "gelutanh": activations.gelu_tanh_cubed,
    "hardswish": activations.hard_swish_scaled,
    "leaky": lambda x: activations.leaky_relu(x, 0.3),
    "sqrtnewton": lambda x: xnnpack_floats.sqrt(xnnpack_flush(x)),
    "floor": np.floor,
    "ceil": np.ceil,
    "rint": np.rint,
    "floornormal": lambda x: np.floor(xnnpack_flush(x)),
    "ceilnormal": lambda x: np.ceil(xnnpack_flush(x)),
    "sign": np.sign,
    "log": activations.log,
    "lognormal": lambda x: xnnpack_floats.log(xnnpack_flush(x)),
    "sine": xnnpack_floats.sin,
    "cosine": xnnpack_floats.cos,
}
POSITIVE = ("sqrt", "rsqrt", "newton", "sqrtnewton", "log", "lognormal")
PERIODIC = ("sine", "cosine")


@pytest.mark.parametrize("name", sorted(UNARIES))
@pytest.mark.parametrize("spread", [0.01, 1.0, 30.0])
def test_functions_of_one_equal_the_reference(variant, name, spread):
    """Over small, usual and large numbers each, since the tolerance goes by the largest result."""
    rng = np.random.default_rng(1)
    for size in (1, 16, 77, 1000):
        x = normal(rng, size) * np.float32(spread)
        x = np.abs(x) if name in POSITIVE else x
        with np.errstate(all="ignore"):
            assert_close(
                run(plan_unary(variant, name, size, parameter=0.3), [x], (size,), np.float32), UNARIES[name](x)
            )


@pytest.mark.parametrize("name", sorted(UNARIES))
def test_functions_of_strange_numbers_equal_the_reference(variant, name):
    for number in STRANGE:
        if name in PERIODIC and 1e6 < abs(number) < np.inf:
            continue  # its turns are no longer exact
        if number < -5 and "gelu" in name and not variant.needs:
            continue  # that number times 0, where erf is -1: but for the last bit, without a fused multiply-add
        x = np.array([number], np.float32)
        with np.errstate(all="ignore"):
            assert_close(
                run(plan_unary(variant, name, 1, parameter=0.3), [x], (1,), np.float32), UNARIES[name](x), 1e-5
            )


@pytest.mark.parametrize("name", ["tanh", "elu", "logistic", "exp", "gelutanh"])
def test_functions_are_exact_to_a_few_units_in_the_last_place(variant, name):
    x = np.concatenate([np.linspace(-80, 80, 4001), np.geomspace(1e-30, 10, 500), -np.geomspace(1e-30, 10, 500)])
    x = x.astype(np.float32)
    got = run(plan_unary(variant, name, x.size), [x], x.shape, np.float32)
    with np.errstate(all="ignore"):
        want = UNARIES[name](x.astype(np.float64))
        error = np.abs(got - want) / np.spacing(np.maximum(np.abs(want), np.finfo(np.float32).tiny).astype(np.float32))
    bounded = want >= np.finfo(np.float32).tiny if name != "gelutanh" else want > 1e-3
    assert error[bounded].max() <= (4 if name != "gelutanh" else 64)


@settings(max_examples=30)
@given(
    rows=st.integers(1, 5),
    size=st.integers(1, 70),
    beta=st.sampled_from([1.0, 0.5, 2.0, -1.0]),
    seed=SEEDS,
    odd=st.booleans(),
)
def test_softmax_equals_the_reference(variant, rows, size, beta, seed, odd):
    rng = np.random.default_rng(seed)
    x = normal(rng, rows, size) * np.float32(5)
    x = strange(rng, x, 0.05) if odd else x
    with np.errstate(all="ignore"):
        want = softmax.softmax(x, beta)
    assert_close(run(plan_softmax(variant, rows, size, beta), [x], x.shape, np.float32), want)


@st.composite
def pools(draw):
    channels = draw(CHANNELS)
    geometry = draw(geometries(channels, channels, st.integers(1, 4), st.just(1)))
    return geometry, np.random.default_rng(draw(SEEDS))


def slides(geometry):
    return [
        Slide(geometry.window[axis], geometry.stride[axis], geometry.output[axis], geometry.before[axis])
        for axis in (0, 1)
    ]


@settings(max_examples=30)
@given(case=pools(), clamp=CLAMPS, most=st.booleans(), drop_nan=st.booleans())
def test_pools_equal_the_reference(variant, case, clamp, most, drop_nan):
    geometry, rng = case
    x = strange(rng, normal(rng, geometry.batch, *geometry.input), 0.02)
    with np.errstate(all="ignore"):
        if most:
            compiled = plan_max_pool(variant, geometry, clamp, drop_nan, -np.inf)
            want = pooling.max_pool(x, slides(geometry), np.fmax, -np.inf)
        else:
            compiled = plan_average_pool(variant, geometry, clamp, drop_nan)
            want = (xnnpack_floats.average_pool if drop_nan else pooling.average_pool_float32)(x, slides(geometry))
        bounded = np.fmin(np.fmax(want, np.float32(clamp.low)), np.float32(clamp.high))
        want = bounded if drop_nan else conv.clamped(want, clamp.low, clamp.high)
    assert_close(run(compiled, [x], want.shape, np.float32), want)


@settings(max_examples=30)
@given(
    outer=st.integers(1, 4),
    reduced=st.integers(1, 150),
    inner=st.sampled_from([1, 1, 2, 16, 70, 130]),
    mean=st.booleans(),
    xnnpack=st.booleans(),
    seed=SEEDS,
)
def test_sums_equal_the_reference(variant, outer, reduced, inner, mean, xnnpack, seed):
    x = normal(np.random.default_rng(seed), outer, reduced, inner)
    function = reduction.mean_float32 if mean else lambda x, axes: x.sum(axis=axes, keepdims=True)
    want = function(x.astype(np.float64), (1,))
    compiled = plan_sum(variant, outer, reduced, inner, mean=mean, xnnpack=xnnpack)
    got = run(compiled, [x], want.shape, np.float32)
    assert_close(got, want, 1e-5)
    if xnnpack:
        function, x, axis = xnnpack_floats.means if mean else xnnpack_floats.sums, x[..., 0] if inner == 1 else x, 1
        np.testing.assert_array_equal(got.reshape(-1), function(x, (axis,)).reshape(-1))


@pytest.mark.parametrize("size", [1, 15, 16, 40, 64, 77, 1000])
def test_xnnpack_softmax_equals_the_reference_bit_for_bit(variant, size):
    if not variant.needs:
        pytest.skip("this variant has no fused multiply-add")
    x = normal(np.random.default_rng(size), 3, size) * np.float32(10)
    got = run(plan_softmax(variant, 3, size, 1.0, xnnpack=True), [x], x.shape, np.float32)
    np.testing.assert_array_equal(got, xnnpack_floats.softmax(x))


EXACT = [name for name in UNARIES if name.startswith(("xnnpack", "eigen"))]


@pytest.mark.parametrize("name", EXACT)
def test_approximations_equal_the_reference_bit_for_bit(variant, name):
    if not variant.needs:
        pytest.skip("this variant has no fused multiply-add")
    rng = np.random.default_rng(0)
    x = np.concatenate([normal(rng, 2000) * np.float32(spread) for spread in (0.01, 1, 5, 100)])
    got = run(plan_unary(variant, name, x.size), [x], x.shape, np.float32)
    different = np.count_nonzero(got != UNARIES[name](x))
    assert different <= 1, "NumPy's way to a fused multiply-add rounds twice: once in 10**8 another bit"


@given(columns=st.integers(1, 400), name=st.sampled_from(sorted(target.TARGETS)))
def test_panels_cover_columns_wasting_at_most_half_a_vector(columns, name):
    variant, end = target.TARGETS[name], 0
    for first, vectors, lanes in panel_widths(variant, columns):
        assert first == end < columns
        assert vectors in TILES[name]
        assert lanes <= variant.lanes
        end += vectors * lanes
    assert columns <= end < columns + max(4, variant.lanes // 2)


@given(size=st.integers(1, 400), name=st.sampled_from(sorted(target.TARGETS)))
def test_spans_cover_every_element_once(size, name):
    covered = [0] * size
    for span in spans(target.TARGETS[name], size):
        for at in range(span.first, span.first + (span.count - 1) * span.lanes + span.columns):
            covered[at] += 1
    assert set(covered) == {1}


@given(case=geometries(3, 3), axis=st.integers(0, 1))
def test_stretches_hold_the_taps_inside_the_image(case, axis):
    found = {}
    for stretch in stretches(case, axis):
        for at in range(stretch.count):
            start = stretch.start + at * case.stride[axis]
            taps = range(stretch.first_tap, stretch.first_tap + stretch.taps)
            found[stretch.first + at] = [(tap, start + i * case.dilation[axis]) for i, tap in enumerate(taps)]
    for out in range(case.output[axis]):
        begin = out * case.stride[axis] - case.before[axis]
        seen = [(tap, begin + tap * case.dilation[axis]) for tap in range(case.window[axis])]
        assert found[out] == [(tap, at) for tap, at in seen if 0 <= at < case.input[axis]]
