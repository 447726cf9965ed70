"""What LiteRT refuses when it opens a file, though a Model can say it."""

from __future__ import annotations

import numpy as np

from ..errors import ModelError
from ..model import Blockwise, Buffer, Dimension, DimensionType, External, Model, MultiAxis, Tensor, TensorType

_COUNT = 2**64
_SIZELESS = (TensorType.STRING, TensorType.RESOURCE, TensorType.VARIANT)


def check_model(model: Model) -> None:
    """ModelError where LiteRT's constructor raises ValueError; what only its preparation refuses passes.

    Two things pass here that don't pass there. A one-dimensional tensor may say a `quantized_dimension` other than 0,
    as files for TFLM do: with one scale an element there is only one way to read it. And operators aren't looked at:
    whether there is a kernel for one, and of which versions, is known where it is prepared.
    """
    if not model.graphs:
        raise ModelError("expected a subgraph, got none", "$.subgraphs")
    for i, graph in enumerate(model.graphs):
        for j, tensor in enumerate(graph.tensors):
            try:
                _check_tensor(tensor, len(graph.tensors))
            except ModelError as error:
                raise error.within(f"$.subgraphs[{i}].tensors[{j}]") from None
    for i, signature in enumerate(model.signatures or ()):
        if signature.key is None:
            raise ModelError("expected a key, got none", f"$.signature_defs[{i}].signature_key")


def _check_tensor(tensor: Tensor, tensors: int) -> None:
    shape = tensor.shape or ()
    if tensor.quantization is not None:
        _check_quantization(tensor, shape, tensors)
    if tensor.is_variable and tensor.data is not None and not isinstance(tensor.data, External):
        raise ModelError("expected a variable tensor without a buffer, got one with it", "buffer")
    if tensor.is_variable and tensor.type in _SIZELESS:
        raise ModelError(f"expected a variable of a type with a size, got {tensor.type.name}", "type")
    if isinstance(tensor.data, Buffer) and tensor.sparsity is not None:
        _check_sparsity(tensor)
    elif tensor.type not in _SIZELESS:
        needed = _bytes_required(tensor.type, shape)
        if isinstance(tensor.data, Buffer) and len(tensor.data) < needed:
            raise ModelError(
                f"expected {needed} bytes for {tensor.type.name}{list(shape)}, got {len(tensor.data)}", "buffer"
            )


def _bytes_required(type_: TensorType, shape: tuple[int, ...]) -> int:
    """How many bytes the elements of a tensor take; their number, and bytes without packing, must be below 2**64."""
    elements = 1
    for size in (*shape, max(type_.bits // 8, 1)):
        elements *= size
        if size < 0 or elements >= _COUNT:
            raise ModelError(f"expected less than 2**64 bytes, got shape {list(shape)}", "shape")
    return -(-elements * type_.bits // 8) if type_.bits < 8 else elements


def _check_quantization(tensor: Tensor, shape: tuple[int, ...], tensors: int) -> None:
    quantization = tensor.quantization
    assert quantization is not None
    details, scale, zero_point = quantization.details, quantization.scale, quantization.zero_point
    if isinstance(details, MultiAxis):
        _check_multi_axis(details, shape, tensors)
        return
    if isinstance(details, Blockwise) or scale is None or len(scale) == 0:
        return
    if zero_point is None:
        raise ModelError("expected a zero point, got none", "quantization.zero_point")
    if len(zero_point) != len(scale):
        raise ModelError(
            f"expected {len(scale)} zero points, as scales, got {len(zero_point)}", "quantization.zero_point"
        )
    axis = quantization.axis
    if len(shape) == 1 and len(scale) == shape[0] and axis >= 0:
        return
    if axis < 0 or (shape and axis >= len(shape)):
        got = f"expected an axis of shape {list(shape)}, got {axis}"
        raise ModelError(got, "quantization.quantized_dimension")
    if len(scale) != 1 and shape and len(scale) != shape[axis]:
        raise ModelError(f"expected 1 or {shape[axis]} scales, got {len(scale)}", "quantization.scale")


def _check_multi_axis(details: MultiAxis, shape: tuple[int, ...], tensors: int) -> None:
    where = "quantization.details"
    if not 0 <= details.scales < tensors:
        raise ModelError(f"expected the index of one of {tensors} tensors, got {details.scales}", f"{where}.scales")
    if details.zero_points != -1 and not 0 <= details.zero_points < tensors:
        got = f"expected -1 or the index of one of {tensors} tensors, got {details.zero_points}"
        raise ModelError(got, f"{where}.zero_points")
    if details.block_size < 0:
        raise ModelError(f"expected a block size from 0, got {details.block_size}", f"{where}.block_size")
    axes = details.quantized_dimensions
    if not axes or any(axis < 0 or (shape and axis >= len(shape)) for axis in axes):
        raise ModelError(f"expected axes of shape {list(shape)}, got {axes}", f"{where}.quantized_dimensions")


def _check_sparsity(tensor: Tensor) -> None:
    sparsity = tensor.sparsity
    assert sparsity is not None
    if sparsity.traversal_order is None or sparsity.dimensions is None:
        raise ModelError("expected a traversal order and dimensions, got none", "sparsity")
    for i, dimension in enumerate(sparsity.dimensions):
        if dimension.format is DimensionType.SPARSE_CSR and not _has_indices(dimension):
            raise ModelError("expected segments and indices, got none", f"sparsity.dim_metadata[{i}]")


def _has_indices(dimension: Dimension) -> bool:
    return isinstance(dimension.segments, np.ndarray) and isinstance(dimension.indices, np.ndarray)
