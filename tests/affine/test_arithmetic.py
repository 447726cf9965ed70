"""Quantize, dequantize, multipliers and activation bounds; against fractions, and against the runtime."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qengine import affine
from qengine.build import Builder
from qengine.op import UnknownOp
from qengine.tflite import to_bytes

TYPES = [np.int8, np.uint8, np.int16]


def half_away(x: Fraction) -> int:
    return int(abs(x) + Fraction(1, 2)) * (1 if x >= 0 else -1)


def test_a_few_numbers_are_read_by_eye():
    q = affine.quantize([-1.0, -0.25, 0.0, 0.24, 0.25, 100.0, -100.0], 0.5, 3, np.int8)
    assert q.dtype == np.int8
    assert q.tolist() == [1, 2, 3, 3, 4, 127, -128]
    assert affine.dequantize(q, 0.5, 3).tolist() == [-1.0, -0.5, 0.0, 0.0, 0.5, 62.0, -65.5]


def test_ties_round_away_from_zero():
    real = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]
    assert affine.quantize(real, 1.0, 10, np.int8).tolist() == [7, 8, 9, 11, 12, 13]


def test_channels_have_scales_of_their_own():
    real = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    by_row = affine.quantize(real, [1.0, 0.5], [0, 10], np.int8, axis=0)
    assert by_row.tolist() == [[1, 2, 3], [12, 14, 16]]
    by_column = affine.quantize(real, [1.0, 0.5, 0.1], 0, np.int8, axis=-1)
    assert by_column.tolist() == [[1, 4, 30], [1, 4, 30]]
    np.testing.assert_array_equal(affine.dequantize(by_row, [1.0, 0.5], [0, 10], axis=0), real)


def test_narrow_numbers_keep_their_own_limits():
    assert affine.quantize([-9.0, 9.0], 1.0, 0, np.int8, bits=4).tolist() == [-8, 7]
    assert affine.quantize([-9.0, 9.0], 1.0, 0, np.int8, bits=4, narrow_range=True).tolist() == [-7, 7]
    assert affine.quantize([-9.0, 99.0], 1.0, 0, np.uint8, bits=4).tolist() == [0, 15]
    assert affine.quantize([-999.0], 1.0, 0, np.int8, narrow_range=True).tolist() == [-127]


@given(
    st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=10),
    st.floats(1e-3, 1e3),
    st.integers(-128, 127),
    st.sampled_from([np.int8, np.int16, np.int32]),
)
def test_doubles_are_the_exact_quotient_rounded_to_double_and_then_away(real, scale, zero_point, dtype):
    limits = np.iinfo(dtype)
    expected = [min(max(half_away(Fraction(x / scale)) + zero_point, limits.min), limits.max) for x in real]
    assert affine.quantize(real, scale, zero_point, dtype).tolist() == expected


@pytest.mark.parametrize("dtype", [*TYPES, np.int32, np.int64])
def test_the_largest_real_numbers_become_the_limits(dtype):
    limits = np.iinfo(dtype)
    q = affine.quantize(np.array([-np.inf, -1e38, 1e38, np.inf], np.float32), 1e-30, 0, dtype)
    # float64's last number below 2**63 is 2**63 - 1024
    last = limits.max if limits.bits < 64 else 2**63 - 1024
    assert q.tolist() == [limits.min, limits.min, last, last]


@given(st.integers(-(2**15), 2**15 - 1), st.floats(2.0**-20, 2.0**20, width=32), st.integers(-128, 127))
def test_a_number_comes_back_through_its_real_number(q, scale, zero_point):
    real = affine.dequantize(np.int16(q), scale, zero_point)
    assert real.dtype == np.float32
    assert real == np.float32(Fraction(scale) * (q - zero_point))
    assert affine.quantize(real, scale, zero_point, np.int16) == q


def one_operator(code, name, type_in, type_out, scale, zero_point, size, quantized_input):
    b = Builder()
    asked = dict(scale=scale, zero_point=zero_point)
    x = b.input("x", (size,), type_in, **(asked if quantized_input else {}))
    y = b.add(UnknownOp(code, name), [x], shape=(size,), type=type_out, **({} if quantized_input else asked), version=2)
    return to_bytes(b.model([y]))


def reference_output(litert, model, x):
    reference = litert.Interpreter(model_content=model, experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF)
    reference.allocate_tensors()
    reference.set_tensor(reference.get_input_details()[0]["index"], x)
    reference.invoke()
    return reference.get_tensor(reference.get_output_details()[0]["index"])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("scale", "point"), [(0.1, 0), (0.5, 3), (0.037, 7), (1e-4, 0)])
def test_quantize_is_the_reference_kernel_of_the_runtime(litert, dtype, scale, point):
    zero_point = 0 if dtype is np.int16 else point
    rng = np.random.default_rng(0)
    limits = np.iinfo(dtype)
    ties = (np.arange(limits.min, limits.max, max(1, (limits.max - limits.min) // 5000)) + 0.5) * np.float32(scale)
    x = np.concatenate([rng.normal(0, 60 * scale, 5000), ties, [2e9 * scale, -2e9 * scale]]).astype(np.float32)
    model = one_operator(114, "QUANTIZE", np.float32, dtype, scale, zero_point, x.size, False)
    expected = reference_output(litert, model, x)
    np.testing.assert_array_equal(affine.quantize(x, np.float32(scale), zero_point, dtype), expected)


def test_beyond_two_to_the_31_steps_quantize_clamps_where_the_runtime_wraps(litert):
    x = np.array([3e9, -3e9, np.inf], np.float32)
    model = one_operator(114, "QUANTIZE", np.float32, np.int8, 1.0, 0, x.size, False)
    assert reference_output(litert, model, x).tolist() == [-128, -128, -128]
    assert affine.quantize(x, 1.0, 0, np.int8).tolist() == [127, -128, 127]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("scale", "point"), [(0.1, 0), (0.037, 7)])
def test_dequantize_is_the_reference_kernel_of_the_runtime(litert, dtype, scale, point):
    zero_point = 0 if dtype is np.int16 else point
    limits = np.iinfo(dtype)
    q = np.arange(limits.min, limits.max + 1).astype(dtype)
    model = one_operator(6, "DEQUANTIZE", dtype, np.float32, scale, zero_point, q.size, True)
    expected = reference_output(litert, model, q)
    np.testing.assert_array_equal(affine.dequantize(q, np.float32(scale), zero_point), expected)


@given(st.floats(2.0**-31, 2.0**30))
def test_a_multiplier_comes_back_to_one_part_in_two_to_the_31(real):
    multiplier, shift = affine.multiplier_and_shift(real)
    assert isinstance(multiplier, int)
    back = affine.real_multiplier(multiplier, shift)
    assert Fraction(float(back)) == Fraction(multiplier) * Fraction(2) ** (shift - 31)
    assert abs(Fraction(float(back)) - Fraction(real)) <= Fraction(real) / 2**31


def test_multipliers_of_arrays_are_arrays():
    multiplier, shift = affine.multiplier_and_shift(np.array([[0.5, 3.0]]))
    assert multiplier.dtype == shift.dtype == np.int32
    assert affine.real_multiplier(multiplier, shift).tolist() == [[0.5, 3.0]]


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("NONE", (-128, 127)),
        ("RELU", (-28, 127)),
        ("RELU6", (-28, 32)),
        ("RELU_N1_TO_1", (-38, -18)),
        ("TANH", (-128, 127)),
    ],
)
def test_activation_bounds_are_read_by_eye(name, bounds):
    assert affine.activation_range(name, 0.1, -28, np.int8) == bounds


def test_activation_bounds_stay_within_the_type_and_round_away():
    assert affine.activation_range("RELU6", 0.01, 100, np.int8) == (100, 127)
    assert affine.activation_range("RELU6", 6 / 2.5, 0, np.int8) == (0, 3)
    assert affine.activation_range("RELU_N1_TO_1", 2.0, 0, np.int8) == (-1, 1)
    assert affine.activation_range("RELU", 0.1, 0, np.uint8) == (0, 255)
    assert affine.activation_range("RELU", 0.1, 0, np.int16) == (0, 32767)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: affine.quantize([np.nan], 1.0, 0, np.int8), "expected real numbers, got NaN"),
        (lambda: affine.quantize([1j], 1.0, 0, np.int8), "expected real numbers, got complex128"),
        (lambda: affine.quantize([1.0], 0.0, 0, np.int8), "expected finite positive scales"),
        (lambda: affine.quantize([1.0], np.inf, 0, np.int8), "expected finite positive scales"),
        (lambda: affine.quantize([1.0], 1.0, 0.5, np.int8), "expected integer zero points, got float64"),
        (lambda: affine.quantize([1.0], 1.0, 0, np.float32), "expected an integer type, got float32"),
        (lambda: affine.quantize([1.0], 1.0, 0, np.int8, bits=9), "expected at most the 8 bits of int8, got 9"),
        (lambda: affine.quantize([1.0], [1.0, 2.0], 0, np.int8), "expected one scale and zero point"),
        (lambda: affine.quantize([1.0], [1.0, 2.0], 0, np.int8, axis=0), "expected 1 scales and zero points"),
        (lambda: affine.quantize([1.0], [1.0], 0, np.int8, axis=1), "expected an axis of 1 dimensions, got 1"),
        (lambda: affine.dequantize([1.0], 1.0, 0), "expected integers, got float64"),
        (lambda: affine.multiplier_and_shift(np.inf), "expected finite real multipliers, got inf"),
        (lambda: affine.activation_range("SWISH", 1.0, 0, np.int8), "expected an activation among NONE, RELU"),
        (lambda: affine.activation_range("RELU6", 1e-12, 0, np.int8), r"expected a scale that reaches 6 in 2\*\*31"),
    ],
)
def test_bad_input_is_one_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
