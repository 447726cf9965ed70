"""Applying scale and zero point: to real numbers, back, to real factors, and to the bounds of fused activations."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import numpy.typing as npt

from ..kernels.arrays import AnyArray, Float32Array, Float64Array, Int32Array
from ..kernels.fixed_point import quantize_multiplier, quantize_multipliers, round_half_away
from .ranges import integer_limits


def quantize(
    real: npt.ArrayLike,
    scale: npt.ArrayLike,
    zero_point: npt.ArrayLike,
    dtype: npt.DTypeLike,
    axis: int | None = None,
    *,
    bits: int | None = None,
    narrow_range: bool = False,
) -> AnyArray:
    """q = clamp(round(real / scale) + zero_point), ties away from zero: real (...) -> `dtype` (...).

    With axis None, one scale and zero point; else scale (c,) and zero_point (c,) or one number, c = real.shape[axis].
    The limits are the type's, or with `bits` those of a narrower number in it; narrow_range leaves the smallest out.
    float32 is divided in float32 for 8- and 16-bit types, as TFLite's reference QUANTIZE does, with the same result to
    the bit up to 2**31 steps; all else (float64, Python's numbers, biases) in float64. What lies farther out, infinity
    too, is clamped to the nearer limit, where TFLite on x86 gives the smallest number for either sign.
    ValueError for NaN, for a scale that isn't finite and positive, and for shapes that don't fit.

    >>> quantize([-0.9, 0.25, 0.75, 99.0], 0.5, 3, np.int8)
    array([  1,   4,   5, 127], dtype=int8)
    """
    x = np.asarray(real)
    if x.dtype.kind not in "fiu":
        raise ValueError(f"expected real numbers, got {x.dtype}")
    single = x.dtype in (np.float16, np.float32) and np.dtype(dtype).itemsize <= 2
    x = x.astype(np.float32 if single else np.float64)
    if np.isnan(x).any():
        raise ValueError("expected real numbers, got NaN among them")
    scales, zero_points = _per_channel(scale, zero_point, x.shape, axis)
    low, high = _limits(dtype, bits, narrow_range)
    with np.errstate(over="ignore"):  # beyond the largest float is beyond every limit
        steps = round_half_away(x / scales.astype(x.dtype))
    # float64 holds every limit but int64's: there the sum is clamped to 2**63 - 1024.
    clamped: AnyArray = np.clip(steps.astype(np.float64) + zero_points, low, _largest_float(high))
    return clamped.astype(dtype)


def dequantize(
    q: npt.ArrayLike, scale: npt.ArrayLike, zero_point: npt.ArrayLike, axis: int | None = None
) -> Float32Array:
    """real = scale * (q - zero_point): q (...) of any integer type -> float32 (...).

    With axis None, one scale and zero point; else scale (c,) and zero_point (c,) or one number, c = q.shape[axis].
    The difference is exact, then rounded to float32 (exact up to 2**24, so for all 8- and 16-bit numbers), then
    multiplied in float32: TFLite's reference DEQUANTIZE to the bit.

    >>> dequantize(np.array([-6, 6, 127], np.int8), 0.5, 3)
    array([-4.5,  1.5, 62. ], dtype=float32)
    """
    numbers = np.asarray(q)
    if numbers.dtype.kind not in "iu":
        raise ValueError(f"expected integers, got {numbers.dtype}")
    scales, zero_points = _per_channel(scale, zero_point, numbers.shape, axis)
    real: Float32Array = (numbers.astype(np.int64) - zero_points).astype(np.float32) * scales.astype(np.float32)
    return np.asarray(real)


@overload
def multiplier_and_shift(real: float) -> tuple[int, int]: ...
@overload
def multiplier_and_shift(real: npt.NDArray[np.floating]) -> tuple[Int32Array, Int32Array]: ...
def multiplier_and_shift(
    real: float | npt.NDArray[np.floating],
) -> tuple[int, int] | tuple[Int32Array, Int32Array]:
    """A real factor as integers: real ~ multiplier * 2**(shift - 31), as TFLite's QuantizeMultiplier.

    multiplier in [2**30, 2**31), rounded to nearest, ties away from zero: right to one part in 2**31. shift >= -31;
    what is smaller than 2**-32, and 0, gives (0, 0). A number gives two ints, an array two int32 arrays of its shape.
    ValueError where a factor isn't finite.

    >>> multiplier_and_shift(0.75)
    (1610612736, 0)
    """
    return quantize_multiplier(float(real)) if np.ndim(real) == 0 else quantize_multipliers(real)


def real_multiplier(multiplier: npt.ArrayLike, shift: npt.ArrayLike) -> Float64Array:
    """multiplier * 2**(shift - 31) as float64 of the arguments' shape: exact for int32 multipliers.

    >>> float(real_multiplier(1610612736, 0))
    0.75
    """
    factor = np.ldexp(np.asarray(multiplier, np.float64), np.asarray(shift, np.int32) - 31)
    return np.asarray(factor, np.float64)


_ACTIVATIONS: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0, None),
    "RELU6": (0, 6),
    "RELU_N1_TO_1": (-1, 1),
    "TANH": (None, None),
    "SIGN_BIT": (None, None),
}


def activation_range(
    name: str, scale: float | np.floating[Any], zero_point: int, dtype: npt.DTypeLike
) -> tuple[int, int]:
    """(low, high): what a fused activation clamps its output to, in numbers of `dtype`.

    A bound f is zero_point + round(f / scale), divided in float32, ties away from zero, and never beyond the type's.
    NONE, RELU, RELU6, RELU_N1_TO_1; TANH and SIGN_BIT are ignored by integer kernels of the runtime and clamp nothing.
    ValueError for other names, and where a bound is so many steps away that no int32 holds it.

    >>> activation_range("RELU6", 6 / 255, -128, np.int8), activation_range("RELU", 0.5, 10, np.int8)
    ((-128, 127), (10, 127))
    """
    if name not in _ACTIVATIONS:
        raise ValueError(f"expected an activation among {', '.join(_ACTIVATIONS)}, got {name!r}")
    low, high = _limits(dtype, None, False)
    lowest, highest = _ACTIVATIONS[name]

    def bound(real: float) -> int:
        with np.errstate(all="ignore"):
            steps = float(round_half_away(np.float32(real) / np.float32(scale)))
        if not abs(steps) < 2**31:
            raise ValueError(f"expected a scale that reaches {real} in 2**31 steps, got {scale}")
        return int(steps) + zero_point

    return (
        low if lowest is None else max(low, bound(lowest)),
        high if highest is None else min(high, bound(highest)),
    )


def _per_channel(
    scale: npt.ArrayLike, zero_point: npt.ArrayLike, shape: tuple[int, ...], axis: int | None
) -> tuple[AnyArray, AnyArray]:
    """Scale and zero point, shaped to go with an array of that shape; checked."""
    scales, zero_points = np.asarray(scale), np.asarray(zero_point)
    if zero_points.dtype.kind not in "iu":
        raise ValueError(f"expected integer zero points, got {zero_points.dtype}")
    if not (np.isfinite(scales).all() and (scales > 0).all()):
        raise ValueError(f"expected finite positive scales, got {scales}")
    if axis is None:
        if scales.size != 1 or zero_points.size != 1:
            raise ValueError(
                f"expected one scale and zero point where no axis is given, got {scales.size} and {zero_points.size}"
            )
        return scales.reshape(()), zero_points.reshape(()).astype(np.int64)
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"expected an axis of {len(shape)} dimensions, got {axis}")
    channels = shape[axis]
    if scales.size != channels or zero_points.size not in (1, channels):
        raise ValueError(
            f"expected {channels} scales and zero points along axis {axis}, got {scales.size} and {zero_points.size}"
        )
    along = [1] * len(shape)
    along[axis] = channels
    return scales.reshape(along), np.broadcast_to(zero_points.ravel(), channels).reshape(along).astype(np.int64)


def _limits(dtype: npt.DTypeLike, bits: int | None, narrow_range: bool) -> tuple[int, int]:
    """(smallest, largest) number to use of a type."""
    if np.dtype(dtype).kind not in "iu":
        raise ValueError(f"expected an integer type, got {np.dtype(dtype)}")
    limits: Any = np.iinfo(np.dtype(dtype))
    if bits is None:
        return int(limits.min) + narrow_range, int(limits.max)
    if bits > limits.bits:
        raise ValueError(f"expected at most the {limits.bits} bits of {limits.dtype}, got {bits}")
    return integer_limits(bits, np.dtype(dtype).kind == "i", narrow_range)


def _largest_float(high: int) -> float:
    """The largest float64 that isn't above high."""
    return float(high) if int(float(high)) <= high else float(np.nextafter(float(high), 0))
