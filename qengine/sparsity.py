"""Sparse constants of a model as dense arrays."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from . import memory
from .kernels import reference
from .model import Buffer, Dimension, Tensor
from .op import Array


def dense(tensor: Tensor) -> Array:
    """A sparse constant's values (shape `shape`, `type.dtype`), read-only.

    ValueError where the sparsity doesn't fit the shape or the bytes; RuntimeError where the array takes more memory
    than tensors may: few bytes can say much.
    """
    sparsity = tensor.sparsity
    assert sparsity is not None
    shape = memory.room(tensor.shape or (), tensor.type.dtype)
    levels = list(_levels(sparsity.dimensions or ()))
    array = reference.sparse.densify(
        stored(tensor), shape, sparsity.traversal_order or (), levels, sparsity.block_map or ()
    )
    array.flags.writeable = False
    return array


def stored(tensor: Tensor) -> Array:
    """The values (n,) of a sparse constant that its file holds, read-only. ValueError where they aren't there."""
    type_ = tensor.type
    if not isinstance(tensor.data, Buffer) or type_.bits % 8 or not type_.bits:
        raise ValueError(f"expected sparse numbers of whole bytes in the file, got {type_.name}")
    if len(tensor.data) % type_.dtype.itemsize:
        raise ValueError(f"expected whole {type_.name} numbers, got {len(tensor.data)} bytes")
    return np.frombuffer(bytes(tensor.data.data), type_.dtype.newbyteorder("<")).astype(type_.dtype, copy=False)


def _levels(dimensions: Iterable[Dimension]) -> Iterable[reference.sparse.Level]:
    for dimension in dimensions:
        if dimension.segments is None or dimension.indices is None:
            yield reference.sparse.Level(dimension.dense_size)
        else:
            yield reference.sparse.Level(0, dimension.segments.astype(np.int64), dimension.indices.astype(np.int64))
