"""The public layers on arrays and numbers: by eye, and against the runtime in each kernel set."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from qengine import affine, ops
from qengine.build import Builder
from qengine.kernels import Profile, conv_int8, depthwise_conv_int8, matmul_int8, requantize
from qengine.options import Padding
from qengine.tflite import to_bytes

KERNEL_SETS = {
    "xnnpack": "AUTO",
    "optimized": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "reference": "BUILTIN_REF",
}
PROFILES = pytest.mark.parametrize("profile", KERNEL_SETS)
HALF = dict(input_scale=0.5, input_zero_point=0, weight_scales=1.0, output_scale=1.0, output_zero_point=0)


def random_layer(seed, x_shape, weight_shape, channels):
    """Operands and numbers that make outputs spread over int8, with ties among them."""
    rng = np.random.default_rng(seed)
    terms = np.prod(weight_shape) // channels
    operands = (
        rng.integers(-128, 128, x_shape).astype(np.int8),
        rng.integers(-127, 128, weight_shape).astype(np.int8),
        rng.integers(-3000, 3000, channels).astype(np.int32),
    )
    scales = np.float32(rng.uniform(0.5, 1.5, channels) * 0.01)
    scales[::2] = np.float32(2.0**-7)
    numbers = dict(
        input_scale=0.5,
        input_zero_point=int(rng.integers(-128, 128)),
        weight_scales=scales,
        output_scale=float(2.0 ** np.ceil(np.log2(0.5 * 0.01 * 70 * np.sqrt(terms)))),
        output_zero_point=int(rng.integers(-20, 20)),
    )
    return operands, numbers


def from_the_runtime(litert, profile, op, operands, numbers, axis):
    x, weights, bias = operands
    b = Builder()
    image = b.input("x", x.shape, np.int8, scale=numbers["input_scale"], zero_point=numbers["input_zero_point"])
    filters = b.constant(weights, scale=numbers["weight_scales"], axis=axis)
    out = b.add(op, [image, filters, bias], scale=numbers["output_scale"], zero_point=numbers["output_zero_point"])
    kernel_set = getattr(litert.OpResolverType, KERNEL_SETS[profile])
    runtime = litert.Interpreter(model_content=to_bytes(b.model([out])), experimental_op_resolver_type=kernel_set)
    runtime.allocate_tensors()
    runtime.set_tensor(runtime.get_input_details()[0]["index"], x)
    runtime.invoke()
    return runtime.get_tensor(runtime.get_output_details()[0]["index"])


@pytest.mark.parametrize(
    ("profile", "rounded"),
    [
        ("reference", [-3, -2, -1, 1, 2, 3]),
        ("optimized", [-2, -1, 0, 1, 2, 3]),
        ("xnnpack", [-2, -2, 0, 0, 2, 2]),
    ],
)
def test_a_quarter_is_rounded_as_each_kernel_set_does(profile, rounded):
    multiplier, shift = affine.multiplier_and_shift(0.25)
    acc = np.array([-10, -6, -2, 2, 6, 10], np.int32)
    q = requantize(acc, multiplier, shift, 0, profile=profile)
    assert q.dtype == np.int8
    assert q.tolist() == rounded
    assert requantize(acc, multiplier, shift, 0, profile=Profile(profile)).tolist() == rounded


def test_requantizing_clamps_after_the_zero_point_is_added():
    acc = np.array([[1000, -1000, 8]], np.int32)
    multipliers, shifts = affine.multiplier_and_shift(np.array([1.0, 1.0, 0.5]))
    assert requantize(acc, multipliers, shifts, -3).tolist() == [[127, -128, 1]]
    assert requantize(acc, multipliers, shifts, -3, low=-3, high=90).tolist() == [[90, -3, 1]]


def test_a_layer_is_read_by_eye():
    x = np.array([[10, 20], [30, -40]], np.int8)
    assert matmul_int8(x, np.array([[1, 1], [2, 0]], np.int8), np.array([0, 6], np.int32), **HALF).tolist() == [
        [15, 13],
        [-5, 33],
    ]
    image = x.reshape(1, 2, 2, 1)
    ones = np.ones((1, 2, 2, 1), np.int8)
    assert conv_int8(image, ones, **HALF).ravel().tolist() == [10, -10, -5, -20]
    assert conv_int8(image, ones, **HALF, padding="valid").ravel().tolist() == [10]
    assert conv_int8(image, ones, **HALF, padding=(1, 0, 1, 0), stride=(2, 2)).ravel().tolist() == [5]
    assert depthwise_conv_int8(image, ones, **HALF).ravel().tolist() == [10, -10, -5, -20]


@PROFILES
@pytest.mark.parametrize(
    ("x_shape", "weight_shape", "stride", "dilation", "padding"),
    [
        ((2, 9, 7, 5), (11, 3, 3, 5), (1, 1), (1, 1), "same"),
        ((1, 9, 8, 16), (24, 1, 1, 16), (2, 1), (1, 1), "valid"),
        ((1, 12, 12, 4), (8, 3, 2, 2), (1, 2), (1, 1), "same"),
        ((1, 12, 12, 6), (9, 3, 3, 6), (1, 1), (2, 3), "valid"),
    ],
)
def test_a_convolution_is_the_runtime_s(litert, profile, x_shape, weight_shape, stride, dilation, padding):
    operands, numbers = random_layer(0, x_shape, weight_shape, weight_shape[0])
    op = ops.Conv2D(
        padding=Padding[padding.upper()],
        stride_h=stride[0],
        stride_w=stride[1],
        dilation_h_factor=dilation[0],
        dilation_w_factor=dilation[1],
    )
    wanted = from_the_runtime(litert, profile, op, operands, numbers, 0)
    window = dict(stride=stride, dilation=dilation, padding=padding)
    np.testing.assert_array_equal(conv_int8(*operands, **numbers, **window, profile=profile), wanted)


@PROFILES
@pytest.mark.parametrize(
    ("channels", "multiplier", "stride", "padding"), [(19, 1, (1, 1), "same"), (8, 3, (2, 2), "valid")]
)
def test_a_depthwise_convolution_is_the_runtime_s(litert, profile, channels, multiplier, stride, padding):
    outputs = channels * multiplier
    operands, numbers = random_layer(1, (2, 9, 8, channels), (1, 3, 3, outputs), outputs)
    op = ops.DepthwiseConv2D(
        padding=Padding[padding.upper()], stride_h=stride[0], stride_w=stride[1], depth_multiplier=multiplier
    )
    wanted = from_the_runtime(litert, profile, op, operands, numbers, 3)
    q = depthwise_conv_int8(*operands, **numbers, stride=stride, padding=padding, profile=profile)
    np.testing.assert_array_equal(q, wanted)


@PROFILES
@pytest.mark.parametrize("per_channel", [True, False])
def test_a_matrix_product_is_the_runtime_s(litert, profile, per_channel):
    operands, numbers = random_layer(2, (50, 70), (40, 70), 40)
    if not per_channel:
        numbers["weight_scales"] = numbers["weight_scales"][1]
    wanted = from_the_runtime(litert, profile, ops.FullyConnected(), operands, numbers, 0)
    np.testing.assert_array_equal(matmul_int8(*operands, **numbers, profile=profile), wanted)


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba isn't installed")
@PROFILES
def test_compiled_loops_give_the_same(profile):
    layers = [
        (conv_int8, random_layer(3, (1, 6, 7, 5), (11, 3, 3, 5), 11)),
        (depthwise_conv_int8, random_layer(4, (1, 6, 7, 6), (1, 3, 3, 12), 12)),
        (matmul_int8, random_layer(5, (4, 30), (10, 30), 10)),
    ]
    for layer, (operands, numbers) in layers:
        plain = layer(*operands, **numbers, low=-100, profile=profile)
        np.testing.assert_array_equal(layer(*operands, **numbers, low=-100, profile=profile, compiled=True), plain)


X = np.zeros((1, 4, 4, 4), np.int8)
W = np.zeros((6, 3, 3, 4), np.int8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conv_int8(X.astype(np.uint8), W, **HALF), "expected int8 x, got uint8"),
        (lambda: conv_int8(X, W.astype(float), **HALF), "expected int8 weights, got float64"),
        (lambda: conv_int8(X[0], W, **HALF), "expected 4 dimensions"),
        (lambda: conv_int8(X, W[..., :3], **HALF), "expected filters for whole groups of 4 channels"),
        (lambda: conv_int8(X, W[:5, ..., :2], **HALF), "expected filters for whole groups of 4 channels"),
        (lambda: conv_int8(X, W, np.zeros(6), **HALF), r"expected int32 bias of shape \[6\], got float64 \[6\]"),
        (lambda: conv_int8(X, W, np.zeros(5, np.int32), **HALF), r"expected int32 bias of shape \[6\]"),
        (lambda: conv_int8(X, W, **HALF, stride=(0, 1)), "expected strides and dilations of 1 or more"),
        (lambda: conv_int8(X, W, **HALF, padding="full"), 'expected padding "same", "valid" or'),
        (lambda: conv_int8(X, W, **HALF, padding=(0, 0, -1, 0)), 'expected padding "same", "valid" or'),
        (lambda: conv_int8(X, W, **HALF, low=5, high=4), "expected -128 <= low <= high <= 127, got 5 and 4"),
        (lambda: conv_int8(X, W, **HALF, profile="tpu"), "'tpu' is not a valid Profile"),
        (lambda: conv_int8(X, W, **{**HALF, "output_zero_point": 128}), "expected a zero point within int8, got 128"),
        (lambda: conv_int8(X, W, **{**HALF, "input_zero_point": -129}), "expected a zero point within int8, got -129"),
        (lambda: conv_int8(X, W, **{**HALF, "weight_scales": [1.0, 2.0]}), "expected 1 weight scale or 6"),
        (lambda: conv_int8(X, W, **{**HALF, "output_scale": 0.0}), "expected finite positive scales"),
        (lambda: depthwise_conv_int8(X, W, **HALF), r"expected filters \[1, h, w, a multiple of 4\]"),
        (lambda: matmul_int8(X, W, **HALF), "expected 2 dimensions"),
        (lambda: matmul_int8(X, W[0, 0, :, :3], **HALF), "expected as many columns in x as in weights, got 4 and 3"),
        (lambda: requantize(np.array([2**31]), 2**30, 0, 0), "expected int32 accumulators"),
        (lambda: requantize(np.array([1]), -1, 0, 0), r"expected multipliers in \[0, 2\*\*31\)"),
        (lambda: requantize(np.array([1]), 2**30, 32, 0), r"shifts in \[-31, 31\], got 1073741824 and 32"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
