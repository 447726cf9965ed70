"""Channels balanced between a layer and the depthwise convolution after it: same function, finer steps.

One scale serves a whole activation, so channels that stay small have few of its 256 steps. Dividing what computes a
channel by s and multiplying the depthwise filter that reads it by s changes nothing in real numbers (a RELU in between
lets s > 0 through). Weights with a scale a channel absorb both exactly. Nagel et al., arXiv:1906.04721, section 4.1.

s is the norm of the filter that computes the channel, relative to the largest. It knows nothing of the samples: what
they saw of a small channel may be too little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model import Buffer, Graph, Tensor, TensorType
from ..options import ActivationFunctionType
from .draft import floats
from .plan import GraphPlan, Treatment, Weight

LEAST = 1 / 8
"""The smallest s: a filter of almost no weights may have a bias, and its channel must not outgrow the others."""

BALANCED = "/balanced"
"""What the name of a balanced tensor ends with; underscores may follow."""

OUTPUT_AXIS = {"CONV_2D": 0, "FULLY_CONNECTED": 0, "DEPTHWISE_CONV_2D": 3}
THROUGH = (ActivationFunctionType.NONE, ActivationFunctionType.RELU)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Balance:
    """One activation balanced. tensors: its index and those of its padded forms, whose channel c became 1 / s[c] times
    as large. node: what computes it."""

    node: int
    tensors: tuple[int, ...]
    s: Floats


def balances(graph: Graph, part: GraphPlan) -> list[Balance]:
    """What can be balanced in a graph, by its plan."""
    readers: dict[int, list[int]] = {}
    for at, node in enumerate(graph.nodes):
        for i in node.inputs:
            readers.setdefault(i, []).append(at)
    found = []
    for at, node in enumerate(graph.nodes):
        axis = OUTPUT_AXIS.get(node.op.name)
        if axis is None or not _has_own_weights(graph, part, readers, at):
            continue
        options: Any = node.op
        if options.fused_activation_function not in THROUGH:
            continue
        tensors = _read_depthwise(graph, part, readers, node.outputs[0])
        if tensors is None:
            continue
        s = shares(floats(graph.tensors[node.inputs[1]]), axis)
        if s is not None:
            found.append(Balance(at, tensors, s))
    return found


def shares(weights: NDArray[np.float32], axis: int) -> Floats | None:
    """s of each channel that float weights compute, along their axis; None where all weights are 0."""
    norms = np.sqrt(np.square(np.moveaxis(weights.astype(np.float64), axis, 0).reshape(weights.shape[axis], -1)).sum(1))
    return np.maximum(norms / norms.max(), LEAST) if norms.max(initial=0) > 0 else None


def _has_own_weights(graph: Graph, part: GraphPlan, readers: dict[int, list[int]], at: int) -> bool:
    """Whether a node is integer, with constant weights that have a scale a channel and that nobody else reads."""
    node, how = graph.nodes[at], part.nodes[at]
    weight = how.inputs[1] if how.treatment is Treatment.INTEGER and len(how.inputs) > 1 else None
    if not isinstance(weight, Weight) or weight.axis is None:
        return False
    parts = [i for i in node.inputs[1:3] if i >= 0]
    own = all(readers[i] == [at] and i not in graph.outputs for i in parts)
    return own and all(graph.tensors[i].is_constant and graph.tensors[i].type is TensorType.FLOAT32 for i in parts)


def _read_depthwise(graph: Graph, part: GraphPlan, readers: dict[int, list[int]], index: int) -> tuple[int, ...] | None:
    """The activation and its padded forms, where depthwise convolutions alone read them, in 8 bits."""
    grid = part.tensors[index]
    if grid is None or part.grids[grid].type is not TensorType.INT8 or part.grids[grid].fixed is not None:
        return None
    if index in graph.outputs or not readers.get(index):
        return None
    found: tuple[int, ...] = (index,)
    for at in readers[index]:
        node = graph.nodes[at]
        if node.op.name == "PAD" and node.inputs[0] == index and part.nodes[at].treatment is Treatment.INTEGER:
            padded = _read_depthwise(graph, part, readers, node.outputs[0])
            if padded is None:
                return None
            found = (*found, *padded)
        elif node.op.name != "DEPTHWISE_CONV_2D" or not _has_own_weights(graph, part, readers, at):
            return None
    return found


def balanced(graph: Graph, found: Sequence[Balance]) -> Graph:
    """The graph with weights scaled, of the same function but for float rounding."""
    tensors = list(graph.tensors)

    def scale(index: int, factors: Floats, axis: int) -> None:
        along = [1] * len(tensors[index].shape or ())
        along[axis] = -1
        tensors[index] = _scaled(tensors[index], factors.reshape(along))

    for balance in found:
        node = graph.nodes[balance.node]
        scale(node.inputs[1], 1 / balance.s, OUTPUT_AXIS[node.op.name])
        if len(node.inputs) > 2 and node.inputs[2] >= 0:
            scale(node.inputs[2], 1 / balance.s, -1)
        for reader in graph.nodes:
            if reader.op.name == "DEPTHWISE_CONV_2D" and reader.inputs[0] in balance.tensors:
                multiplier = (tensors[reader.inputs[1]].shape or ())[3] // len(balance.s)
                scale(reader.inputs[1], np.repeat(balance.s, multiplier), 3)
    return replace(graph, tensors=tuple(tensors))


def _scaled(tensor: Tensor, factors: Floats) -> Tensor:
    values = (floats(tensor).astype(np.float64) * factors).astype(np.float32)
    return replace(tensor, data=Buffer(values.tobytes()))
