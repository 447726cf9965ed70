"""Requantizers: the ways the runtime brings an accumulator to the scale of its output.

Which of them a kernel set uses where is the operator's knowledge; here each is a value that can be handed on.
`multiplier`, `shift` and `scale` are scalars or one per channel, (c,), along the last axis of the accumulators.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self, final

import numpy as np
import numpy.typing as npt

from .arrays import AnyArray, Float32Array, Float64Array, FloatingArray, Int32Array, Int64Array, IntegerArray
from .fixed_point import (
    float_to_int32,
    multiply_by_quantized_multiplier,
    multiply_by_quantized_multiplier_half_up,
    multiply_by_quantized_multiplier_int64,
    quantize_multipliers,
    round_half_away,
    wrap_int32,
)


@dataclass(frozen=True, eq=False)
class Requantizer:
    """A rule for acc * real multiplier -> integer. Two are equal when their type and numbers are."""

    @classmethod
    def from_real(cls, real: FloatingArray) -> Self:
        """The rule for a real multiplier, a scalar or (c,)."""
        raise NotImplementedError

    def rescale(self, acc: IntegerArray) -> Int64Array:
        """Accumulators (..., c) times the real multiplier, rounded: int32 numbers (..., c)."""
        raise NotImplementedError

    def __call__(self, acc: IntegerArray, zero_point: int, low: int, high: int, dtype: npt.DTypeLike) -> AnyArray:
        """Accumulators (..., c) to `dtype` (..., c): clamp(zero_point + rescale(acc), low, high).

        The sum wraps in 32 bits, as in the runtime.
        """
        return np.clip(wrap_int32(self.rescale(acc) + zero_point), low, high).astype(dtype)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)
        )

    def __hash__(self) -> int:
        return hash((type(self), *(np.asarray(getattr(self, field.name)).tobytes() for field in fields(self))))


@final
@dataclass(frozen=True, eq=False)
class DoubleRounding(Requantizer):
    """Rounds the product half up, then the shift half away from zero.

    Reference convolutions, and most scalar code of the runtime. int32 accumulators.
    """

    multiplier: int | Int32Array
    shift: int | Int32Array

    @classmethod
    def from_real(cls, real: FloatingArray) -> Self:
        return cls(*quantize_multipliers(real))

    def rescale(self, acc: IntegerArray) -> Int64Array:
        return multiply_by_quantized_multiplier(acc, self.multiplier, self.shift)


@final
@dataclass(frozen=True, eq=False)
class HalfUp(Requantizer):
    """Rounds the product half up and the shift half up.

    Optimized convolutions and fully connected layers on x86. int32 accumulators.
    """

    multiplier: int | Int32Array
    shift: int | Int32Array

    @classmethod
    def from_real(cls, real: FloatingArray) -> Self:
        return cls(*quantize_multipliers(real))

    def rescale(self, acc: IntegerArray) -> Int64Array:
        return multiply_by_quantized_multiplier_half_up(acc, self.multiplier, self.shift)


@final
@dataclass(frozen=True, eq=False)
class ChannelSplit(Requantizer):
    """`HalfUp` in the first block * floor(c / block) channels, `DoubleRounding` in the rest.

    A vector loop and its scalar tail: optimized depthwise and transposed convolutions (8), MEAN (16). Where the
    vector loop runs over the whole tensor (QUANTIZE, 16), hand the accumulators in as (1, n). int32 accumulators.
    """

    multiplier: int | Int32Array
    shift: int | Int32Array
    block: int = 8

    @classmethod
    def from_real(cls, real: FloatingArray, block: int = 8) -> Self:
        return cls(*quantize_multipliers(real), block=block)

    def rescale(self, acc: IntegerArray) -> Int64Array:
        channels = acc.shape[-1]
        vectorized = np.arange(channels) < channels // self.block * self.block
        return np.where(
            vectorized,
            multiply_by_quantized_multiplier_half_up(acc, self.multiplier, self.shift),
            multiply_by_quantized_multiplier(acc, self.multiplier, self.shift),
        )


@final
@dataclass(frozen=True, eq=False)
class FlatSplit(Requantizer):
    """`HalfUp` in the first 16 * floor(n / 16) of all n accumulators, `DoubleRounding` in the rest.

    A vector loop over the whole tensor and its scalar tail: optimized transposed convolution of uint8.
    """

    multiplier: int
    shift: int

    @classmethod
    def from_real(cls, real: FloatingArray) -> Self:
        multipliers, shifts = quantize_multipliers(real)
        return cls(multipliers.item(), shifts.item())

    def rescale(self, acc: IntegerArray) -> Int64Array:
        flat = ChannelSplit(self.multiplier, self.shift, block=16).rescale(acc.reshape(1, -1))
        return flat.reshape(acc.shape)


@final
@dataclass(frozen=True, eq=False)
class Wide(Requantizer):
    """Cuts the multiplier to 16 bits and rounds once, half up: int16 activations with int64 bias.

    int64 accumulators in [-2**47, 2**47).
    """

    multiplier: int | Int32Array
    shift: int | Int32Array

    @classmethod
    def from_real(cls, real: FloatingArray) -> Self:
        return cls(*quantize_multipliers(real))

    def rescale(self, acc: IntegerArray) -> Int64Array:
        return multiply_by_quantized_multiplier_int64(acc, self.multiplier, self.shift)


@final
@dataclass(frozen=True, eq=False)
class Float64(Requantizer):
    """Multiplies in float64 and rounds half away from zero: reference fully connected layers."""

    scale: float | Float64Array

    @classmethod
    def from_real(cls, real: FloatingArray) -> Self:
        return cls(np.asarray(real, np.float64))

    def rescale(self, acc: IntegerArray) -> Int64Array:
        return float_to_int32(round_half_away(acc.astype(np.float64) * self.scale))


@final
@dataclass(frozen=True, eq=False)
class Float32(Requantizer):
    """Multiplies in float32 and rounds half to even: XNNPACK. int32 accumulators; above 2**24 they are rounded first.

    The clamp comes before the conversion to integer, so a product beyond int32 is the nearest bound.
    """

    scale: np.float32 | Float32Array

    @classmethod
    def from_real(cls, real: FloatingArray) -> Self:
        """Raises TypeError when real isn't float32: rounding it here would hide where the runtime rounds."""
        real = np.asarray(real)
        if real.dtype != np.float32:
            raise TypeError(f"expected a float32 scale, got {real.dtype}")
        return cls(real)

    def rescale(self, acc: IntegerArray) -> Int64Array:
        product: Any = acc.astype(np.float32) * self.scale
        # 2**31 - 128 is the largest float32 below 2**31.
        nearest: FloatingArray = np.rint(np.clip(product, np.float32(-(2.0**31)), np.float32(2.0**31 - 128)))
        return nearest.astype(np.int64)

    def __call__(self, acc: IntegerArray, zero_point: int, low: int, high: int, dtype: npt.DTypeLike) -> AnyArray:
        return np.clip(self.rescale(acc) + zero_point, low, high).astype(dtype)


def of_products(
    rule: type[Requantizer],
    input_scale: np.float32,
    weight_scales: Float32Array,
    output_scale: np.float32,
    *,
    single: bool = False,
) -> Requantizer:
    """The requantizer of sums of products: input scale * weight scales / output scale, as the runtime computes it.

    weight_scales float32, a scalar or (c,). Float32 (XNNPACK): f32(f32(input * weight) / output). Others in double:
    (input * weight) / output, and where `single` (uint8 kernels, fully connected with one scale) the product is
    rounded to float32 first.
    """
    if rule is Float32:
        return Float32.from_real((input_scale * weight_scales).astype(np.float32) / output_scale)
    wide = weight_scales.astype(np.float64)
    product = (input_scale * weight_scales).astype(np.float64) if single else np.float64(input_scale) * wide
    return rule.from_real(product / np.float64(output_scale))
