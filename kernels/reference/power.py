"""POW."""

from __future__ import annotations

import numpy as np

from ..arrays import AnyArray
from ..fixed_point import float_to_int32


def power(base: AnyArray, exponent: AnyArray) -> AnyArray:
    """base ** exponent for float32 or int32, broadcast.

    int32 goes through float64: what doesn't fit becomes -2**31. Where the shapes differ and `exponent` is one number
    close to an integer of 1 or more, the base is multiplied by itself (see `repeated`).
    """
    if base.shape != exponent.shape and exponent.size == 1:
        value = float(exponent.reshape(-1)[0])
        whole = round(value) if 0 < value < 2**31 else 0
        if whole >= 1 and abs(value - whole) < 1e-5:
            shape = np.broadcast_shapes(base.shape, exponent.shape)
            return repeated(base, whole).reshape(shape)
    if base.dtype.kind == "f":
        return np.asarray(np.power(base, exponent))
    return float_to_int32(np.power(base.astype(np.float64), exponent)).astype(np.int32)


def repeated(base: AnyArray, exponent: int) -> AnyArray:
    """base ** exponent by squaring; int32 wraps, floats are clamped to the finite ones after every multiplication."""
    if exponent == 1:
        return base
    root = repeated(base, exponent // 2)
    result = finite(root * root)
    return finite(base * result) if exponent % 2 else result


def finite(x: AnyArray) -> AnyArray:
    """Floats clamped to the finite ones; integers as they are."""
    if x.dtype.kind != "f":
        return x
    limit = np.finfo(x.dtype).max
    return np.asarray(np.clip(x, -limit, limit))
