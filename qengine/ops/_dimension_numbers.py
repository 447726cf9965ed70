"""What STABLEHLO_GATHER and STABLEHLO_SCATTER share: windows of a tensor, and vectors of numbers that place them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ModelError
from ..model import Shape
from ..op import Array, Spec
from ..shapes import known


def vectors(indices: Array, axis: int) -> Array:
    """The vectors along `axis`, which comes last."""
    return np.moveaxis(indices, axis, -1)


def starts(vectors: Array, dimensions: Sequence[int], rank: int) -> Array:
    """Where windows begin, (.., rank): number i of a vector counts along dimensions[i], the others are 0."""
    found = np.zeros((*vectors.shape[:-1], rank), np.int64)
    found[..., list(dimensions)] = vectors
    return found


def check_axis(indices: Spec, axis: int, count: int, where: str) -> Shape:
    """The shape without `axis`, which must hold vectors of `count` numbers."""
    shape = known(indices)
    if not 0 <= axis < len(shape):
        raise ModelError(f"expected an index_vector_dim from 0 to {len(shape) - 1}, got {axis}")
    if shape[axis] != count:
        raise ModelError(f"expected vectors of {count} numbers, got shape {list(shape)}", where)
    return (*shape[:axis], *shape[axis + 1 :])


def check_dimensions(dimensions: Sequence[int], rank: int, what: str) -> None:
    """ModelError unless they are different dimensions from 0."""
    if len(set(dimensions)) != len(dimensions) or any(not 0 <= axis < rank for axis in dimensions):
        raise ModelError(f"expected different dimensions of {rank} for {what}, got {list(dimensions)}")
