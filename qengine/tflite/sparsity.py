"""The SparsityParameters table, read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..model import Dimension, DimensionType, Sparsity
from . import schema
from .flat import Flat
from .members import member

if TYPE_CHECKING:
    from .put import At, Put

_VECTORS = {"int32": "Int32Vector", "uint16": "Uint16Vector", "uint8": "Uint8Vector"}
"""The three widths in which the indices of a sparse dimension may be kept."""


def read_sparsity(flat: Flat, at: int, where: str) -> Sparsity:
    def dimension(at: int, where: str) -> Dimension:
        values = flat.read("DimensionMetadata", at, where)
        return Dimension(
            member(DimensionType, values["format"], f"{where}.format"),
            values["dense_size"],
            _read_indices(flat, values["array_segments_type"], values["array_segments"], f"{where}.array_segments"),
            _read_indices(flat, values["array_indices_type"], values["array_indices"], f"{where}.array_indices"),
        )

    values = flat.read("SparsityParameters", at, where)
    dimensions = values["dim_metadata"]
    return Sparsity(
        values["traversal_order"],
        values["block_map"],
        None if dimensions is None else tuple(flat.each(dimensions, f"{where}.dim_metadata", dimension)),
    )


def _read_indices(flat: Flat, kind: int, at: int | None, where: str) -> NDArray[np.generic] | None:
    table = flat.member("SparseIndexVector", kind, at, where)
    if table is None or at is None:
        return None
    values = flat.read(table, at, where, arrays=True)["values"]
    if isinstance(values, memoryview):
        return np.frombuffer(bytes(values), np.uint8)
    indices: NDArray[np.generic] | None = values
    return indices


def put_sparsity(put: Put, sparsity: Sparsity, where: str) -> At:
    def dimension(part: Dimension, where: str) -> At:
        segments_type, segments = _put_indices(put, part.segments, f"{where}.array_segments")
        indices_type, indices = _put_indices(put, part.indices, f"{where}.array_indices")
        return put.table(
            "DimensionMetadata",
            where,
            format=part.format,
            dense_size=part.dense_size,
            array_segments_type=segments_type,
            array_segments=segments,
            array_indices_type=indices_type,
            array_indices=indices,
        )

    return put.table(
        "SparsityParameters",
        where,
        traversal_order=sparsity.traversal_order,
        block_map=sparsity.block_map,
        dim_metadata=put.each(sparsity.dimensions, f"{where}.dim_metadata", dimension),
    )


def _put_indices(put: Put, indices: NDArray[np.generic] | None, where: str) -> tuple[int, At | None]:
    if indices is None:
        return 0, None
    table = _VECTORS.get(indices.dtype.name)
    if table is None:
        raise ModelError(f"expected int32, uint16 or uint8, got {indices.dtype}", where)
    return schema.codes("SparseIndexVector")[table], put.table(table, where, values=indices)
