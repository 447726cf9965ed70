"""How many bytes tensors may take: a limit that no file and no input can talk past."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from .model import Shape

LIMIT = 2 << 30
"""Bytes that tensors without data may take together, unless QENGINE_MEMORY says otherwise."""


def limit() -> int:
    return int(os.environ.get("QENGINE_MEMORY", LIMIT))


def check(wanted: int, where: str = "") -> None:
    """RuntimeError where tensors need more bytes than they may take."""
    if wanted > limit():
        place = f" - at `{where}`" if where else ""
        raise RuntimeError(
            f"expected tensors of at most {limit()} bytes together, got {wanted}{place} "
            "(the environment variable QENGINE_MEMORY raises the limit)"
        )


def room(shape: Shape, dtype: npt.DTypeLike) -> Shape:
    """The shape, checked: what an operator asks before it makes an array whose size values decide."""
    wanted = np.dtype(dtype).itemsize
    for length in shape:
        wanted *= length
    check(wanted)
    return shape
