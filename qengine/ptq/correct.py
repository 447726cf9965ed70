"""Biases corrected for what rounding the weights does on average: Nagel et al., arXiv:1906.04721, section 4.2.

Rounded weights w + e add e * x to each output. Its mean over samples is a constant a channel, which the bias can take
back. Calibration knows the mean of every channel that is read; zeros of SAME padding count as far as they are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model import Buffer, Graph, Model, Tensor
from ..op import Array, Op
from ..options import Padding
from ..shapes import window
from .draft import floats
from .plan import Bias, GraphPlan, Plan, Weight
from .recipe import Recipe
from .weights import quantize_weights

Floats = NDArray[np.float64]


def corrected(model: Model, plan: Plan, means: Mapping[tuple[int, int], Array]) -> Model:
    """The float model with the biases that make up for its weights' rounding by a plan. Tensors keep their indices;
    biases that several nodes read become several. means: of an activation's channels, by graph and tensor.
    """
    graphs = []
    for number, (graph, part) in enumerate(zip(model.graphs, plan.graphs, strict=True)):
        known = {i: mean for (of, i), mean in means.items() if of == number}
        graphs.append(_corrected(graph, part, plan.recipe, known) if known else graph)
    return replace(model, graphs=tuple(graphs))


def _corrected(graph: Graph, part: GraphPlan, recipe: Recipe, means: Mapping[int, Array]) -> Graph:
    tensors, nodes = list(graph.tensors), list(graph.nodes)
    uses = Counter(i for node in nodes for i in node.inputs)
    for at, how in enumerate(part.nodes):
        for position, bias in enumerate(how.inputs):
            node = nodes[at]
            weight = how.inputs[bias.weight] if isinstance(bias, Bias) else None
            if not isinstance(bias, Bias) or not isinstance(weight, Weight):
                continue
            source, index = node.inputs[bias.activation], node.inputs[position]
            if source not in means:
                continue
            lost = _lost(tensors[node.inputs[bias.weight]], weight, recipe)
            shift = None if lost is None else mean_of_outputs(node.op, lost, means[source], tensors[source].shape)
            if shift is None or tensors[index].shape != shift.shape:
                continue
            values = (floats(tensors[index]) + shift).astype(np.float32)
            made = replace(tensors[index], data=Buffer(values.tobytes()))
            if uses[index] == 1 and index not in graph.outputs:
                tensors[index] = made
                continue
            names = {tensor.name for tensor in tensors}
            tensors.append(replace(made, name=next(n for n in _numbered(made.name or "bias") if n not in names)))
            inputs = (*node.inputs[:position], len(tensors) - 1, *node.inputs[position + 1 :])
            nodes[at] = replace(node, inputs=inputs)
    return replace(graph, tensors=tuple(tensors), nodes=tuple(nodes))


def _numbered(name: str) -> Iterator[str]:
    return (f"{name}_{number}" for number in count(1))


def _lost(tensor: Tensor, weight: Weight, recipe: Recipe) -> Floats | None:
    """What rounding takes from weights; None where there is nothing finite to take."""
    values = floats(tensor)
    if not np.isfinite(values).all():
        return None
    observer = recipe.weight_observer
    made = quantize_weights(values, weight.type, weight.axis, observer, weight.block_size, weight.bits)
    return np.asarray(values.astype(np.float64) - made.real(), np.float64)


def mean_of_outputs(op: Op, weights: Floats, mean: Floats, shape: tuple[int, ...] | None) -> Floats | None:
    """(channels,): the mean over positions of what `op` gives, without its bias, for an input whose channels are `mean`
    everywhere. shape: the input's, for the share of positions at which each weight meets padding; None: it never does.
    None where the operator or its shapes aren't known here.
    """
    if op.name == "FULLY_CONNECTED":
        if weights.ndim != 2 or weights.shape[1] % len(mean):
            return None
        return np.asarray(weights @ np.tile(mean, weights.shape[1] // len(mean)), np.float64)
    if op.name not in ("CONV_2D", "DEPTHWISE_CONV_2D") or weights.ndim != 4:
        return None
    summed = np.einsum("nhwc,h,w->nc", weights, *_shares(op, weights.shape, shape))
    if op.name == "DEPTHWISE_CONV_2D":
        if weights.shape[3] % len(mean):
            return None
        return np.asarray(summed[0] * np.repeat(mean, weights.shape[3] // len(mean)), np.float64)
    if len(mean) % weights.shape[3]:
        return None
    groups = len(mean) // weights.shape[3]
    if weights.shape[0] % groups:
        return None
    by_group = summed.reshape(groups, weights.shape[0] // groups, -1)
    return np.asarray(np.einsum("goc,gc->go", by_group, mean.reshape(groups, -1)).reshape(-1), np.float64)


def _shares(op: Op, size: tuple[int, ...], shape: tuple[int, ...] | None) -> tuple[Floats, Floats]:
    """For each row and each column of the filter: at which share of the outputs it lies within the input."""
    options: Any = op
    if shape is None or len(shape) != 4 or options.padding is not Padding.SAME:
        return np.ones(size[1]), np.ones(size[2])
    return (
        _inside(shape[1], size[1], options.stride_h, options.dilation_h_factor),
        _inside(shape[2], size[2], options.stride_w, options.dilation_w_factor),
    )


def _inside(length: int, size: int, stride: int, dilation: int) -> Floats:
    if length < 1:
        return np.ones(size)
    ends = window(length, size, stride, dilation, Padding.SAME)
    at = np.arange(ends.output)[:, None] * stride - ends.before + np.arange(size)[None, :] * dilation
    return np.asarray(((at >= 0) & (at < length)).mean(axis=0), np.float64)
