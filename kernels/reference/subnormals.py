"""Subnormal floats as zero: how XNNPACK's delegate sets the processor while it runs."""

from __future__ import annotations

import numpy as np

from ..arrays import FloatingArray


def flush_subnormals(x: FloatingArray) -> FloatingArray:
    """x, with numbers below the smallest normal one (float32: 2**-126) replaced by a zero of their sign."""
    tiny = np.finfo(x.dtype).tiny
    return np.where(np.abs(x) < tiny, np.copysign(x.dtype.type(0), x), x)
