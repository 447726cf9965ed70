"""SOFTMAX and LOG_SOFTMAX over the last axis: floats, and three rules for integers."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from .. import reference
from ..arrays import Float32Array, FloatingArray, Int16Array, Int64Array, IntegerArray
from ..fixed_point import (
    INT32_MAX,
    INT32_MIN,
    count_leading_zeros,
    float_to_int32,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    round_half_away,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
    wrap_int32,
)
from ..gemmlowp import exp_on_negative_values, get_reciprocal, log_on_values_above_one
from ..lookup import lookup_int16, lookup_table_int16

_INPUT_BITS = 5
"""Differences to the row's largest number are Q5.26: exp(-32) is nothing."""
_SUM_BITS = 12


def softmax(x: FloatingArray, beta: float) -> FloatingArray:
    """exp(beta * x) / sum(exp(beta * x)), in float32, summed one after the other.

    The powers that are divided have the type of x.
    """
    wide: Float32Array = x.astype(np.float32, copy=False)
    powers = reference.activations.exp((wide - _row_maximum(wide)) * np.float32(beta))
    total = np.add.accumulate(powers, axis=-1, dtype=np.float32)[..., -1:]
    return np.asarray(powers.astype(x.dtype).astype(np.float32) / total).astype(x.dtype, copy=False)


def log_softmax(x: Float32Array) -> Float32Array:
    """x - log(sum(exp(x)))."""
    shifted: Float32Array = x - _row_maximum(x)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True, dtype=np.float32)))


def _row_maximum(x: Float32Array) -> Float32Array:
    """The largest number of each row; NaN and -inf count as the smallest float."""
    lowest = np.finfo(np.float32).min
    return np.asarray(np.fmax.reduce(x, axis=-1, keepdims=True, initial=lowest), np.float32)


class FixedInput(NamedTuple):
    """Differences of integers as Q5.26: times multiplier * 2**(shift - 31). Below `lowest` their power counts as 0."""

    multiplier: int
    shift: int
    lowest: int

    @classmethod
    def of(cls, scale: float, beta: float) -> FixedInput:
        """From a float32 scale; a product beyond 2**31 - 1 is cut, for then only the largest number of a row counts."""
        real = min(float(np.float32(beta)) * float(np.float32(scale)) * 2.0 ** (31 - _INPUT_BITS), 2.0**31 - 1)
        multiplier, shift = quantize_multiplier(real)
        return cls(multiplier, shift, -int(np.floor((2**_INPUT_BITS - 1) * 2.0 ** (31 - _INPUT_BITS - shift))))

    def differences(self, q: IntegerArray) -> tuple[Int64Array, Int64Array]:
        """q less the largest of its row, as integers and as Q5.26."""
        difference = q.astype(np.int64) - q.max(axis=-1, keepdims=True).astype(np.int64)
        return difference, self.rescale(difference)

    def rescale(self, difference: Int64Array) -> Int64Array:
        return multiply_by_quantized_multiplier(np.maximum(difference, self.lowest), self.multiplier, self.shift)

    def powers(self, difference: Int64Array, rescaled: Int64Array) -> Int64Array:
        """exp of differences in Q0.31; 0 below `lowest`."""
        return np.where(difference >= self.lowest, exp_on_negative_values(rescaled, _INPUT_BITS), 0)


def softmax_fixed_point(q: IntegerArray, numbers: FixedInput, bits: int) -> Int64Array:
    """Reference kernels on 8-bit numbers: probabilities in units of 2**-bits, 0 to 2**bits, before the zero point.

    RuntimeError where the runtime aborts: with 8 bits, when the powers of a row add up to 512 or more.
    """
    difference, rescaled = numbers.differences(q)
    powers = numbers.powers(difference, rescaled)
    total = rounding_divide_by_pot(powers, _SUM_BITS).sum(axis=-1, keepdims=True)
    reciprocal, exponent = get_reciprocal(wrap_int32(total), _SUM_BITS)
    right = exponent + 31 - bits
    if (right > 31).any():
        raise RuntimeError(f"expected powers of a row that add up to less than {2 ** (bits + 1)}, got more")
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(reciprocal, powers), right)


def power_table(scale: float, beta: float) -> Float32Array:
    """exp(-beta * scale * i) for i = 0 ... 255."""
    step = -np.float32(scale) * np.float32(beta)
    exponents = (step * np.arange(256, dtype=np.float32)).astype(np.float64)
    return np.asarray(np.exp(exponents)).astype(np.float32)


def softmax_table(q: IntegerArray, powers: Float32Array, output_scale: float) -> FloatingArray:
    """Optimized kernels on 8-bit numbers: probabilities over output_scale, float32, not rounded yet.

    The sum is taken from left to right in float32.
    """
    row = powers[q.max(axis=-1, keepdims=True).astype(np.int64) - q]
    total = np.add.accumulate(row, axis=-1, dtype=np.float32)[..., -1:]
    return np.asarray(row * (np.float32(1) / (total * np.float32(output_scale))))


def rounded(x: FloatingArray) -> Int64Array:
    """To int32, half away from zero."""
    return float_to_int32(round_half_away(x))


def rounded_half_up(x: FloatingArray) -> Int64Array:
    """To int32 by adding 1/2 in float32 and cutting; x >= 0."""
    return float_to_int32(x + np.float32(0.5))


@cache
def tables_int16() -> tuple[Int16Array, Int16Array]:
    """exp(x) for x in [-10, 0] and 1 / (1 + x) for x in [0, 1], results in Q0.15."""
    unit = np.float64(65535)
    exponential = lookup_table_int16(np.exp, 10.0 / unit, 32767, 2.0 / unit, 0)
    reciprocal = lookup_table_int16(lambda x: 1.0 / (1.0 + x), 1.0 / unit, -32768, 2.0 / unit, 0)
    return exponential, reciprocal


def softmax_int16(q: Int16Array, multiplier: int, shift: int) -> Int64Array:
    """16-bit numbers by two tables: probabilities in Q0.15, 0 to 2**15 - 1.

    multiplier and shift: of scale * beta / (10 / 65535).
    """
    exponential, reciprocal = tables_int16()
    difference = q.astype(np.int64) - q.max(axis=-1, keepdims=True).astype(np.int64)
    steps = multiply_by_quantized_multiplier(difference, multiplier, shift) + 32767
    powers = lookup_int16(np.clip(steps, -32768, 32767).astype(np.int16), exponential).astype(np.int64)
    total = wrap_int32(powers.sum(axis=-1, keepdims=True))

    headroom = count_leading_zeros(total)
    normalized = (((total << (headroom - 1)) + (1 << 13)) >> 14) - (1 << 15) - (1 << 16)
    inverse = lookup_int16(np.clip(normalized, -32768, 32767).astype(np.int16), reciprocal).astype(np.int64)
    right = 31 - headroom
    return np.asarray(np.clip((powers * inverse + (np.int64(1) << (right - 1))) >> right, 0, 32767))


class FixedOutput(NamedTuple):
    """Q5.26 as differences of integers: the inverse of `FixedInput` as a multiplier."""

    multiplier: int
    shift: int

    @classmethod
    def of(cls, numbers: FixedInput) -> FixedOutput:
        return cls(*quantize_multiplier(2.0 ** (31 - numbers.shift) / numbers.multiplier))


def log_softmax_fixed_point(q: IntegerArray, numbers: FixedInput, reverse: FixedOutput) -> Int64Array:
    """Reference kernels on 8-bit numbers: logarithms in units of 1/16, 0 at most; -2**31 + 1 where below range."""
    difference, rescaled = numbers.differences(q)
    powers = numbers.powers(difference, rescaled)
    total = wrap_int32(rounding_divide_by_pot(powers, _SUM_BITS).sum(axis=-1, keepdims=True))
    logarithm = log_on_values_above_one(total, _SUM_BITS, _INPUT_BITS)
    bound = multiply_by_quantized_multiplier(logarithm + INT32_MIN, reverse.multiplier, reverse.shift)
    lowest = np.maximum(numbers.lowest - 1, bound)
    result = rounding_divide_by_pot(wrap_int32(rescaled - logarithm), 31 - _INPUT_BITS - 4)
    return np.where(difference > lowest, result, -INT32_MAX)


def log_softmax_table(q: IntegerArray, powers: Float32Array, input_scale: float, output_scale: float) -> Int64Array:
    """Optimized kernels on 8-bit numbers: logarithms in units of output_scale, half to even; float32 throughout."""
    largest = q.max(axis=-1, keepdims=True)
    row = powers[largest.astype(np.int64) - q]
    total = np.add.accumulate(row, axis=-1, dtype=np.float32)[..., -1:]
    scale, output = np.float32(input_scale), np.float32(output_scale)
    logarithm = np.log(total.astype(np.float64)).astype(np.float32)
    offset = (scale * largest.astype(np.float32) + logarithm) / output
    return float_to_int32(np.rint(scale / output * q.astype(np.float32) - offset))
