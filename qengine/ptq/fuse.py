"""Nodes that another node can do on the side: padding, scaling and shifting by constants, clamping."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model import Shape, Tensor, TensorType
from ..op import Op, Weights
from ..options import ActivationFunctionType, Padding
from ..shapes import window
from .draft import Draft, floats

_FUSING = {
    "ADD",
    "AVERAGE_POOL_2D",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "DIV",
    "FULLY_CONNECTED",
    "MAX_POOL_2D",
    "MUL",
    "SUB",
    "TRANSPOSE_CONV",
}
"""Operators whose kernels clamp their output where `fused_activation_function` says so."""

_CLAMPS = {
    "RELU": ActivationFunctionType.RELU,
    "RELU6": ActivationFunctionType.RELU6,
    "RELU_N1_TO_1": ActivationFunctionType.RELU_N1_TO_1,
}


def fuse_activations(draft: Draft, named: set[int]) -> bool:
    """RELU, RELU6 and RELU_N1_TO_1 into the node that computes their input. Whether something changed."""
    changed, at = False, -1
    while (at := at + 1) < len(draft.nodes):
        node = draft.nodes[at].node
        if node.op.name not in _CLAMPS:
            continue
        producer = _only_reader(draft, node.inputs[0], named)
        if producer is None or draft.nodes[producer].node.op.name not in _FUSING:
            continue
        op = draft.nodes[producer].node.op
        if _activation(op) is ActivationFunctionType.NONE:
            draft.change(producer, op=with_options(op, fused_activation_function=_CLAMPS[node.op.name]))
            draft.absorb(producer, at, output=node.outputs[0])
            changed, at = True, at - 1
    return changed


def fold_scaling(draft: Draft, named: set[int]) -> bool:
    """MUL, DIV, ADD or SUB of a convolution's output and a constant a channel, into its weights and bias."""
    changed, at = False, -1
    while (at := at + 1) < len(draft.nodes):
        node = draft.nodes[at].node
        if node.op.name not in ("MUL", "DIV", "ADD", "SUB") or len(node.inputs) != 2:
            continue
        found = _scaling(draft, at, named)
        if found is None:
            continue
        producer, factor, shift = found
        _rescale(draft, producer, factor, shift)
        op = draft.nodes[producer].node.op
        draft.change(producer, op=with_options(op, fused_activation_function=_activation(node.op)))
        draft.absorb(producer, at, output=node.outputs[0])
        changed, at = True, at - 1
    return changed


def _scaling(draft: Draft, at: int, named: set[int]) -> tuple[int, NDArray[Any], NDArray[Any]] | None:
    """The node whose output is scaled, and the factor and shift a channel (float64), where that can be folded."""
    node = draft.nodes[at].node
    first, second = node.inputs
    if draft.tensors[first].is_constant and node.op.name in ("MUL", "ADD"):
        first, second = second, first
    constant = draft.tensors[second]
    producer = _only_reader(draft, first, named)
    if producer is None or not constant.is_constant or constant.type is not TensorType.FLOAT32:
        return None
    source = draft.nodes[producer].node
    weights = source.op.weights[0] if source.op.weights else None
    if weights is None or weights.bias is None or _activation(source.op) is not ActivationFunctionType.NONE:
        return None
    if source.op.name not in _FUSING or not _has_float_weights(draft, source.inputs, weights):
        return None
    channels = (draft.tensors[source.inputs[weights.input]].shape or ())[weights.axis]
    values = _by_channel(floats(constant), draft.tensors[first], channels)
    if values is None or (node.op.name == "DIV" and (values == 0).any()):
        return None
    one, none = np.ones(channels), np.zeros(channels)
    factor = {"MUL": values, "DIV": 1 / np.where(values == 0, 1, values)}.get(node.op.name, one)
    shift = {"ADD": values, "SUB": -values}.get(node.op.name, none)
    return producer, factor, shift


def _has_float_weights(draft: Draft, inputs: tuple[int, ...], weights: Weights) -> bool:
    """Whether weights, and bias where there is one, are float constants."""
    assert weights.bias is not None
    parts = [inputs[weights.input], inputs[weights.bias] if weights.bias < len(inputs) else -1]
    held = [draft.tensors[i] for i in parts if i >= 0]
    return all(tensor.is_constant and tensor.type is TensorType.FLOAT32 for tensor in held)


def _by_channel(values: NDArray[Any], output: Tensor, channels: int) -> NDArray[Any] | None:
    """The constant as one number a channel, where it stretches over the rest of the output without changing it."""
    shape: Shape = values.shape
    if len(shape) > len(output.shape or ()) or any(length != 1 for length in shape[:-1]):
        return None
    if values.size not in (1, channels):
        return None
    return np.broadcast_to(values.reshape(-1), channels).astype(np.float64)


def _rescale(draft: Draft, at: int, factor: NDArray[Any], shift: NDArray[Any]) -> None:
    """New weights * factor and bias * factor + shift for node `at`."""
    node = draft.nodes[at].node
    weights = node.op.weights[0]
    assert weights.bias is not None
    old = draft.tensors[node.inputs[weights.input]]
    values = floats(old)
    along = [1] * values.ndim
    along[weights.axis] = -1
    has_bias = weights.bias < len(node.inputs) and node.inputs[weights.bias] >= 0
    before = draft.tensors[node.inputs[weights.bias]] if has_bias else None
    bias = (np.zeros(len(factor)) if before is None else floats(before).reshape(-1)) * factor + shift
    inputs = list(node.inputs) + [-1] * (weights.bias + 1 - len(node.inputs))
    if (factor != 1).any():
        scaled = (values * factor.reshape(along)).astype(np.float32)
        inputs[weights.input] = draft.constant(scaled, TensorType.FLOAT32, old.name)
    name = f"{old.name}_bias" if before is None else before.name
    inputs[weights.bias] = draft.constant(bias.astype(np.float32), TensorType.FLOAT32, name)
    draft.change(at, inputs=inputs)


def fold_padding(draft: Draft, named: set[int]) -> bool:
    """PAD by zeros before convolutions without padding, where SAME adds the very same zeros."""
    changed, at = False, -1
    while (at := at + 1) < len(draft.nodes):
        node = draft.nodes[at].node
        if node.op.name != "PAD" or node.outputs[0] in named or not draft.uses().get(node.outputs[0]):
            continue
        readers = draft.uses()[node.outputs[0]]
        margins = _margins(draft, at)
        if margins is None or not all(p == 0 and _is_same(draft, reader, at, margins) for reader, p in readers):
            continue
        for reader, _ in readers:
            op = draft.nodes[reader].node.op
            draft.change(reader, op=with_options(op, padding=Padding.SAME))
        draft.reroute(node.outputs[0], node.inputs[0])
        first = min(reader for reader, _ in readers)
        draft.absorb(first, at)
        changed, at = True, at - 1
    return changed


def _margins(draft: Draft, at: int) -> NDArray[Any] | None:
    """(4, 2) zeros before and after each axis of a float image, where only height and width are padded."""
    node = draft.nodes[at].node
    image, amounts = draft.tensors[node.inputs[0]], draft.tensors[node.inputs[1]]
    if image.type is not TensorType.FLOAT32 or not amounts.is_constant or amounts.array.shape != (4, 2):
        return None
    margins = amounts.array
    return None if margins[[0, 3]].any() else margins


def _is_same(draft: Draft, reader: int, pad: int, margins: NDArray[Any]) -> bool:
    """Whether the reader is a convolution with VALID padding for which SAME means those margins."""
    node = draft.nodes[reader].node
    op: Any = node.op
    if op.name not in ("CONV_2D", "DEPTHWISE_CONV_2D") or op.padding is not Padding.VALID:
        return False
    image = draft.tensors[draft.nodes[pad].node.inputs[0]]
    size = draft.tensors[node.inputs[1]].shape
    if image.shape is None or size is None or any(length < 0 for length in (image.shape_signature or image.shape)[1:3]):
        return False
    rows = window(image.shape[1], size[1], op.stride_h, op.dilation_h_factor, Padding.SAME)
    columns = window(image.shape[2], size[2], op.stride_w, op.dilation_w_factor, Padding.SAME)
    return bool(margins[1:3].tolist() == [[rows.before, rows.after], [columns.before, columns.after]])


def _only_reader(draft: Draft, index: int, named: set[int]) -> int | None:
    """The node that computes a tensor which one input of one node reads, and no caller."""
    if index in named or len(draft.uses().get(index, ())) != 1:
        return None
    producer = draft.producers().get(index)
    single = producer is not None and len(draft.nodes[producer].node.outputs) == 1
    return producer if single else None


def _activation(op: Op) -> ActivationFunctionType:
    """The operator's fused activation; NONE where it can't have one."""
    options: Any = op
    return options.fused_activation_function if has_option(op, "fused_activation_function") else _NONE


def fused_clamp(op: Op) -> ActivationFunctionType:
    """The clamp of an operator's output, its own or fused; NONE where there is none."""
    return _CLAMPS.get(op.name, _activation(op))


_NONE = ActivationFunctionType.NONE


def has_option(op: Op, name: str) -> bool:
    """Whether the operator's options table has a field of that name."""
    return any(option.name == name for option in fields(op))  # type: ignore[arg-type]


def with_options(op: Op, **changes: Any) -> Op:
    """The operator with other options."""
    return replace(op, **changes)  # type: ignore[type-var]
