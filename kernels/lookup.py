"""Lookup tables: a function of one quantized number, tabulated once, applied by indexing.

Source: LUTPopulate and LUTLookup in TFLite's common.h.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from .arrays import AnyArray, FloatingArray, Int16Array, IntegerArray
from .fixed_point import round_half_away

Float = TypeVar("Float", np.float32, np.float64)


def lookup_table(
    function: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]],
    input_scale: float,
    input_zero_point: int,
    output_scale: float,
    output_zero_point: int,
    dtype: npt.DTypeLike,
) -> AnyArray:
    """q -> quantized function(real), (256,) of int8 or uint8, in the order of q's bits read as uint8.

    q_out = clamp(zero_point + round(function(scale * (q - zero_point)) * (1 / output_scale))), everything in float32,
    ties away from zero. `function` maps float32 (256,) to float32 (256,). Infinities are clamped, NaN becomes 0.
    """
    limits = np.iinfo(np.dtype(dtype))
    if limits.bits != 8:
        raise ValueError(f"expected an 8-bit type, got {limits.dtype}")
    one = np.float32(1)
    q = np.arange(256, dtype=np.uint8).view(limits.dtype).astype(np.int32)
    # Outside a function's domain, and far inside an exponential's, NaN and infinity are meant.
    with np.errstate(all="ignore"):
        real = function(np.float32(input_scale) * (q - np.int32(input_zero_point)).astype(np.float32))
        if real.dtype != np.float32:
            raise TypeError(f"expected a function to float32, got {real.dtype}")
        rescaled = round_half_away(real * (one / np.float32(output_scale))) + np.float32(output_zero_point)
    return _to_integer(rescaled, limits)


def lookup(x: AnyArray, table: AnyArray) -> AnyArray:
    """int8 or uint8 x (...) through a table of `lookup_table`: (...) of the table's type."""
    return table[x.view(np.uint8)]


def lookup_table_int16(
    function: Callable[[npt.NDArray[Float]], npt.NDArray[Float]],
    input_scale: Float,
    input_zero_point: int,
    output_scale: Float,
    output_zero_point: int,
) -> Int16Array:
    """int16 table (513,) of a function on 512 equal steps over the input's range, for `lookup_int16`.

    Each entry is the rounded sample less half of the error that straight interpolation would make in the middle of
    its step. Computed in the float type of the scales, ties away from zero.
    """
    float_type = type(input_scale)
    low, high = -32768, 32767
    input_low = input_scale * float_type(low - input_zero_point)
    input_high = input_scale * float_type(high - input_zero_point)
    output_low = output_scale * float_type(low - output_zero_point)
    output_high = output_scale * float_type(high - output_zero_point)
    step = (input_high - input_low) / float_type(512)
    inverse = float_type(65536) / (output_high - output_low)

    index = np.arange(513, dtype=float_type)
    with np.errstate(all="ignore"):
        samples = function(input_low + index[:-1] * step) * inverse
        middles = function(input_low + index[:-1] * step + step / float_type(2)) * inverse
        nexts = function(input_low + index[1:] * step) * inverse
        rounded = round_half_away(samples)
        interpolated = round_half_away((nexts + rounded) / float_type(2))
        bias = round_half_away((interpolated - round_half_away(middles)) / float_type(2))
        last = round_half_away(function(np.asarray([input_high])) * inverse)
    return _to_integer(np.concatenate([rounded - bias, last]), np.iinfo(np.int16))


def _to_integer(x: FloatingArray, limits: np.iinfo[Any]) -> AnyArray:
    """Integral x clamped to a type; NaN becomes 0."""
    return np.asarray(np.clip(np.where(np.isnan(x), 0, x), limits.min, limits.max)).astype(limits.dtype)


def lookup_int16(x: Int16Array, table: Int16Array) -> Int16Array:
    """int16 x (...) through a table of 513: the upper 9 bits choose an entry, the lower 7 interpolate to the next.

    entry + ((next - entry) * low + 64 >> 7); the slope wraps in 16 bits.
    """
    index = 256 + (x.astype(np.int32) >> 7)
    entry = table[index].astype(np.int32)
    slope = (table[index + 1] - table[index]).astype(np.int32)
    interpolated: IntegerArray = entry + ((slope * (x.astype(np.int32) & 127) + 64) >> 7)
    return interpolated.astype(np.int16)
