"""From a range of real numbers to scale and zero point."""

from __future__ import annotations

from typing import overload

import numpy as np
import numpy.typing as npt

from ..kernels.arrays import Float32Array, Int32Array
from ..kernels.fixed_point import round_half_away


def integer_limits(bits: int = 8, signed: bool = True, narrow_range: bool = False) -> tuple[int, int]:
    """(smallest, largest) number of a type of `bits` bits, 2 to 16; narrow_range leaves the smallest out.

    >>> integer_limits(8), integer_limits(4, signed=False), integer_limits(8, narrow_range=True)
    ((-128, 127), (0, 15), (-127, 127))
    """
    if not 2 <= bits <= 16:
        raise ValueError(f"expected 2 to 16 bits, got {bits}")
    smallest = -(2 ** (bits - 1)) if signed else 0
    return smallest + narrow_range, smallest + 2**bits - 1


@overload
def parameters(
    low: float,
    high: float,
    bits: int = ...,
    signed: bool = ...,
    symmetric: bool = ...,
    narrow_range: bool = ...,
) -> tuple[float, int]: ...
@overload
def parameters(
    low: npt.NDArray[np.floating],
    high: npt.NDArray[np.floating],
    bits: int = ...,
    signed: bool = ...,
    symmetric: bool = ...,
    narrow_range: bool = ...,
) -> tuple[Float32Array, Int32Array]: ...
def parameters(
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    bits: int = 8,
    signed: bool = True,
    symmetric: bool = False,
    narrow_range: bool = False,
) -> tuple[float, int] | tuple[Float32Array, Int32Array]:
    """Scale and zero point that cover the real numbers [low, high], which are extended to contain 0.

    With [qmin, qmax] = integer_limits(bits, signed, narrow_range):
    asymmetric: scale = (high - low) / (qmax - qmin), zero_point = round(qmin - low / scale), within [qmin, qmax]
                (from `high` instead where that loses less: qmax - high / scale);
    symmetric:  scale = max(-low, high) / (2**(bits - 1) - 1), zero_point the middle number, 0 of signed types.

    low and high are numbers, or arrays (c,) for one scale a channel. Computed in float64, ties away from zero; then the
    scale is rounded to float32, as files store it: the ends are met to half a step, and 0 exactly. A range of nothing
    but 0 gives scale 1. Numbers give (float, int), arrays (float32 (c,), int32 (c,)).
    ValueError when low > high, or where the scale would be no normal float32.

    >>> parameters(-1.0, 1.55)
    (0.009999999776482582, -28)
    >>> parameters(-1.0, 1.27, symmetric=True)
    (0.009999999776482582, 0)
    """
    qmin, qmax = integer_limits(bits, signed, narrow_range)
    lows, highs = np.asarray(low, np.float64), np.asarray(high, np.float64)
    if not (np.isfinite(lows).all() and np.isfinite(highs).all() and (lows <= highs).all()):
        raise ValueError(f"expected finite low <= high, got {lows} and {highs}")
    lows, highs = np.minimum(lows, 0), np.maximum(highs, 0)
    middle = 0 if signed else 2 ** (bits - 1)
    bounds = np.maximum(-lows, highs)
    nothing = bounds == 0
    if symmetric:
        exact = np.where(nothing, 1, bounds / (2 ** (bits - 1) - 1))
        zero_point = np.full(exact.shape, middle)
    else:
        with np.errstate(over="ignore"):  # an infinite scale is refused below
            exact = np.where(nothing, 1, (highs - lows) / (qmax - qmin))
        below, above = lows / exact, highs / exact
        from_low_is_better = abs(qmin) - below < abs(qmax) + above
        nudged = round_half_away(np.where(from_low_is_better, qmin - below, qmax - above))
        zero_point = np.where(nothing, min(max(0, qmin), qmax), np.clip(nudged, qmin, qmax).astype(np.int64))
    limits = np.finfo(np.float32)
    if ((exact < limits.tiny) | (exact > limits.max)).any():
        raise ValueError(f"expected a range whose scale is a normal float32, got {lows} to {highs} in {bits} bits")
    scale = exact.astype(np.float32)
    if scale.ndim == 0:
        return float(scale), int(zero_point)
    return scale, zero_point.astype(np.int32)
