"""Sums and differences of quantized numbers that have two scales: a +- b, brought to the output's scale.

Every rule takes integers a, b of mutually broadcastable shapes and gives the output's integers, zero point added,
not yet clamped: int64. b's sign is a number, 1 or -1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from ..arrays import Int64Array, IntegerArray
from ..fixed_point import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
    rounding_divide_by_pot_unchecked,
    saturate,
    saturating_rounding_doubling_high_mul,
    wrap_int32,
)
from .lanes import in_vector_loop, inner_loop

Sign = Literal[1, -1]


class Multiplier(NamedTuple):
    """A real multiplier: value * 2**(shift - 31)."""

    value: int
    shift: int


class ZeroPoints(NamedTuple):
    a: int
    b: int
    output: int


class Scales(NamedTuple):
    """float32 numbers."""

    a: float
    b: float
    output: float


@dataclass(frozen=True)
class CommonScale:
    """TFLite's rule: both inputs, with `left_shift` more bits, to twice their larger scale; the sum to the output's.

    left_shift is 20 for 8-bit numbers and 15 for 16-bit ones: with |a - zero point| <= 2**(30 - left_shift) the shifted
    input fits int32, and so does the sum of two, each at most half of that after scaling.
    """

    a: Multiplier
    b: Multiplier
    output: Multiplier
    zero_points: ZeroPoints
    left_shift: int

    @classmethod
    def of(cls, scales: Scales, zero_points: ZeroPoints, left_shift: int) -> CommonScale:
        """Twice the larger scale, and 2**left_shift * output, are rounded to float32, the rest is double."""
        a, b, output = map(np.float32, scales)
        twice = float(np.float32(2) * max(a, b))
        divisor = float(np.float32(2**left_shift) * output)
        first, second, last = (
            Multiplier(*quantize_multiplier(real)) for real in (float(a) / twice, float(b) / twice, twice / divisor)
        )
        return cls(first, second, last, zero_points, left_shift)

    def shifted(self, q: IntegerArray, zero_point: int) -> Int64Array:
        """q less its zero point, with left_shift more bits."""
        return wrap_int32((q.astype(np.int64) - zero_point) << self.left_shift)


def add_scalar(a: IntegerArray, b: IntegerArray, scale: CommonScale, sign: Sign = 1) -> Int64Array:
    """The rule of reference kernels and of scalar tails: each of the three multiplications rounds twice.

    An output multiplier of 1 or more, which only SUB lets pass, gives what the processor makes of a shift by a
    negative number.
    """
    scaled_a = multiply_by_quantized_multiplier(scale.shifted(a, scale.zero_points.a), *scale.a)
    scaled_b = multiply_by_quantized_multiplier(scale.shifted(b, scale.zero_points.b), *scale.b)
    product = saturating_rounding_doubling_high_mul(wrap_int32(scaled_a + sign * scaled_b), scale.output.value)
    return wrap_int32(rounding_divide_by_pot_unchecked(product, -scale.output.shift & 63) + scale.zero_points.output)


def add_vector(a: IntegerArray, b: IntegerArray, scale: CommonScale, *, shift_first: bool) -> Int64Array:
    """The rule of optimized vector loops on 8-bit numbers: inputs round once, then are cut.

    shift_first: the input's own shift is part of the shift to the left, so nothing is cut unless it is below
    -left_shift. Else it comes after the multiplication, and what it shifts out is lost.
    The result is narrowed to 16 bits without saturation, before and after the zero point is added.
    """
    total = _vector_input(a, scale.zero_points.a, scale.a, scale.left_shift, shift_first=shift_first)
    total = total + _vector_input(b, scale.zero_points.b, scale.b, scale.left_shift, shift_first=shift_first)
    product = saturating_rounding_doubling_high_mul(wrap_int32(total), scale.output.value)
    return wrap_int16(rounding_divide_by_pot(product, -scale.output.shift) + scale.zero_points.output)


def add_vector_int16(a: IntegerArray, b: IntegerArray, scale: CommonScale) -> Int64Array:
    """The rule of the optimized vector loop on 16-bit numbers: as `add_vector` with shift_first, without narrowing."""
    total = _vector_input(a, scale.zero_points.a, scale.a, scale.left_shift, shift_first=True)
    total = total + _vector_input(b, scale.zero_points.b, scale.b, scale.left_shift, shift_first=True)
    product = saturating_rounding_doubling_high_mul(wrap_int32(total), scale.output.value)
    return wrap_int32(rounding_divide_by_pot(product, -scale.output.shift) + scale.zero_points.output)


def add_optimized(a: IntegerArray, b: IntegerArray, scale: CommonScale) -> Int64Array:
    """The rule of optimized ADD for int8, uint8 and int16: the vector loop's where it runs, else the scalar one.

    Blocks are 16 numbers for int8 and int16, 8 for uint8 and where one operand is a scalar; int16 has a vector loop
    only where nothing is broadcast.
    """
    shape = np.broadcast_shapes(a.shape, b.shape)
    loop = inner_loop(a.shape, b.shape)
    scalar = add_scalar(a, b, scale)
    if a.dtype == np.int16:
        if _squeezed(a.shape) != _squeezed(b.shape):
            return scalar
        return np.where(in_vector_loop(shape, loop.length, 16), add_vector_int16(a, b, scale), scalar)
    wide = a.dtype == np.int8 and not loop.scalar
    vector = add_vector(a, b, scale, shift_first=wide)
    return np.where(in_vector_loop(shape, loop.length, 16 if wide else 8), vector, scalar)


@dataclass(frozen=True)
class FloatScales:
    """XNNPACK's rule: one shared shift, multipliers of at most 21 bits, one rounding, half up."""

    a: int
    b: int
    shift: int
    zero_points: ZeroPoints

    @classmethod
    def of(cls, scales: Scales, zero_points: ZeroPoints, sign: Sign = 1) -> FloatScales:
        """From scales whose ratios to the output's lie in [2**-10, 2**8)."""
        ratios = np.array([scales.a, scales.b], np.float32) / np.float32(scales.output)
        shift = 20 - (int(np.frexp(ratios.max())[1]) - 1)
        a, b = (int(multiplier) for multiplier in np.rint(np.ldexp(ratios, shift)))
        return cls(a, sign * b, shift, zero_points)


def add_float_scales(a: IntegerArray, b: IntegerArray, scales: FloatScales) -> Int64Array:
    """zero point + floor((a * scale_a + b * scale_b) / 2**shift + 1/2), on numbers less their zero points.

    |a * scale_a| <= 255 * 2**21: int32 holds the sum of two.
    """
    points = scales.zero_points
    total = (a.astype(np.int64) - points.a) * scales.a + (b.astype(np.int64) - points.b) * scales.b
    return np.asarray(((total + (1 << (scales.shift - 1))) >> scales.shift) + points.output)


def add_power_of_two(a: IntegerArray, b: IntegerArray, shift_a: int, shift_b: int, sign: Sign = 1) -> Int64Array:
    """int16 numbers whose scales are powers of two: a / 2**shift_a +- b / 2**shift_b, saturated to int16.

    One of the shifts is 0; the other rounds half away from zero.
    """
    scaled_a = rounding_divide_by_pot(a.astype(np.int64), shift_a)
    scaled_b = rounding_divide_by_pot(b.astype(np.int64), shift_b)
    return saturate(scaled_a + sign * scaled_b, 16)


def _vector_input(
    q: IntegerArray, zero_point: int, multiplier: Multiplier, left_shift: int, *, shift_first: bool
) -> Int64Array:
    x = q.astype(np.int64) - zero_point
    value, shift = multiplier
    if shift_first:
        return saturating_rounding_doubling_high_mul(_shift(x, left_shift + shift), value)
    return _shift(saturating_rounding_doubling_high_mul(_shift(x, left_shift), value), shift)


def _shift(x: Int64Array, by: int) -> Int64Array:
    """x * 2**by in 32 bits, rounded down."""
    return wrap_int32(x << by) if by >= 0 else np.asarray(x >> min(-by, 31))


def wrap_int16(x: Int64Array) -> Int64Array:
    return np.asarray(((x + 2**15) & 0xFFFF) - 2**15)


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without leading dimensions of 1."""
    first = next((i for i, length in enumerate(shape) if length != 1), len(shape))
    return shape[first:]
