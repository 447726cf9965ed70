"""bfloat16, which NumPy lacks: its 16 bits in uint16 arrays, the upper half of a float32's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .arrays import Float32Array, FloatingArray

BFloat16Array = npt.NDArray[np.uint16]


def from_bfloat16(bits: BFloat16Array) -> Float32Array:
    """bfloat16 bits (...) as float32 (...), exact."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def to_bfloat16(x: FloatingArray) -> BFloat16Array:
    """float32 (...) to the nearest bfloat16 (...), ties to even; NaN becomes the quiet NaN of its sign."""
    x = np.asarray(x, np.float32)
    bits = x.view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    quiet = (bits >> 31 << 15) | 0x7FC0
    return np.where(np.isnan(x), quiet, rounded).astype(np.uint16)
