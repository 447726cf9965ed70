"""What SPLIT and SPLIT_V share: pieces of a tensor along one dimension."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..model import Shape
from ..op import Array


def shapes(shape: Shape, axis: int, lengths: Sequence[int]) -> list[Shape]:
    """The shapes of pieces of these lengths."""
    return [(*shape[:axis], length, *shape[axis + 1 :]) for length in lengths]


def pieces(x: Array, axis: int, lengths: Sequence[int]) -> tuple[Array, ...]:
    """x cut along `axis` into pieces of these lengths, views of it."""
    return tuple(np.split(x, np.cumsum(lengths[:-1], dtype=np.int64), axis))
