"""Numbers of one type as numbers of another, as C converts them, but that floats outside an integer type saturate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..arrays import AnyArray, FloatingArray


def cast(x: AnyArray, dtype: npt.DTypeLike) -> AnyArray:
    """x (...) as `dtype` (...).

    To bool: whether it isn't 0 (NaN isn't). Floats to integers: cut towards 0, saturated, NaN as the largest number.
    Integers to integers: the low bits. Complex to real: the real part.
    """
    target = np.dtype(dtype)
    if x.dtype.kind == "c" and target.kind != "c":
        x = x.real
    if target.kind == "b":
        return np.asarray(x != 0)
    if x.dtype.kind == "f" and target.kind in "iu":
        return saturate(x, target)
    if target == np.float16:
        return x.astype(np.float32).astype(np.float16)
    return x.astype(target)


def saturate(x: FloatingArray, target: np.dtype[np.integer[npt.NBitBase]] | np.dtype[np.generic]) -> AnyArray:
    """Floats cut towards 0, within the integer type `target`; NaN as its largest number."""
    limits = np.iinfo(target)  # type: ignore[type-var]
    wide = x.astype(np.float64)
    beyond = float(limits.max) + 1  # a power of two: exact, as is the lower bound
    low, high = wide < limits.min, (wide >= beyond) | np.isnan(wide)
    whole = np.where(low | high, 0, wide).astype(target)
    return np.where(high, limits.max, np.where(low, limits.min, whole)).astype(target)


def cast_narrow(x: FloatingArray, low: int, high: int, dtype: npt.DTypeLike) -> AnyArray:
    """Floats to integers of 2 or 4 bits: clamped, then cut towards 0; NaN as the largest number."""
    clamped = np.where(x < high, x, x.dtype.type(high))
    return np.asarray(np.maximum(clamped, x.dtype.type(low))).astype(dtype)
