"""Transfer learning: a trained network with a new head, for other classes than it knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import ModelError, Unsupported
from ..model import Graph, Model, Node, Tensor, TensorType
from ..ptq.draft import Draft, Placed, rewritten
from ..ptq.fuse import with_options
from .initializers import glorot_uniform

_AFTER = ("LOG_SOFTMAX", "LOGISTIC", "RESHAPE", "SOFTMAX", "SQUEEZE")
"""What may follow the layer that gives the scores."""


def new_head(model: Model, classes: int, *, seed: int = 0, name: str = "head") -> Model:
    """The float model with random weights in the layer that gives its first output's scores, which are `classes` now.

    That layer is a FULLY_CONNECTED or CONV_2D with constant float weights, maybe a SOFTMAX, LOGISTIC, RESHAPE or
    SQUEEZE after it. Its tensors are named `name`, `name`_weights and `name`_bias, so that settings can tell it from
    the body: `rates={"^head": 1.0, "": 0.0}` trains it alone, 0.05 instead of 0.0 the body slowly.

    Unsupported where the output is made otherwise, ModelError where the weights aren't real numbers.
    """
    if classes < 1:
        raise ValueError(f"expected 1 class or more, got {classes}")
    draft = Draft(model.graphs[0])
    chain = _chain(draft, model.graphs[0])
    at, node = chain[0]
    before, layer = _random(draft, node, at, classes, np.random.default_rng(seed), name)
    nodes = list(draft.nodes)
    nodes[at] = Placed(layer, nodes[at].origin)
    _widen(draft, node.outputs[0], before, classes, name)
    for after, each in chain[1:]:
        if each.op.name == "RESHAPE":
            nodes[after] = Placed(_reshaped(draft, each, after, before, classes), nodes[after].origin)
        _widen(draft, each.outputs[0], before, classes, None)
    draft.nodes = nodes
    rest = [Draft(graph) for graph in model.graphs[1:]]
    return rewritten(model, [draft, *rest])[0]


def _where(at: int) -> str:
    return f"$.subgraphs[0].operators[{at}]"


def _chain(draft: Draft, graph: Graph) -> list[tuple[int, Node]]:
    """From the layer of scores to the output, with their numbers."""
    makers = {i: at for at, node in enumerate(graph.nodes) for i in node.outputs}
    index, found = graph.outputs[0], []
    while index in makers:
        at = makers[index]
        node = graph.nodes[at]
        found.append((at, node))
        if node.op.name in ("CONV_2D", "FULLY_CONNECTED"):
            return found[::-1]
        if node.op.name not in _AFTER:
            raise Unsupported(f"expected a layer of scores before the output, got {node.op.name}", _where(at))
        index = node.inputs[0]
    raise Unsupported("expected a layer of scores before the output, got none", "$.subgraphs[0].outputs[0]")


def _random(draft: Draft, node: Node, at: int, classes: int, rng: np.random.Generator, name: str) -> tuple[int, Node]:
    """How many scores the layer gave, and the layer with other weights."""
    tensor = draft.tensors[node.inputs[1]]
    if not tensor.is_constant or tensor.type is not TensorType.FLOAT32 or tensor.shape is None:
        raise ModelError(f"expected constant float32 weights, got {tensor.type.name}", f"{_where(at)}.inputs[1]")
    weights = glorot_uniform(rng, (classes, *tensor.shape[1:]))
    inputs = [
        node.inputs[0],
        draft.constant(weights, TensorType.FLOAT32, f"{name}_weights"),
        draft.constant(np.zeros(classes, np.float32), TensorType.FLOAT32, f"{name}_bias"),
        *node.inputs[3:],
    ]
    return tensor.shape[0], replace(node, inputs=tuple(inputs))


def _widen(draft: Draft, index: int, before: int, classes: int, name: str | None) -> None:
    """A tensor of scores as one of `classes`, named anew where a name is given."""

    def changed(shape: tuple[int, ...] | None) -> tuple[int, ...] | None:
        return (*shape[:-1], classes) if shape and shape[-1] in (before, -1) else shape

    tensor: Tensor = draft.tensors[index]
    if tensor.shape and tensor.shape[-1] != before:
        raise Unsupported(f"expected {before} scores along the last axis, got {list(tensor.shape)}", tensor.name or "")
    draft.tensors[index] = replace(
        tensor,
        name=tensor.name if name is None else name,
        shape=changed(tensor.shape),
        shape_signature=changed(tensor.shape_signature),
    )


def _reshaped(draft: Draft, node: Node, at: int, before: int, classes: int) -> Node:
    """A RESHAPE of scores, for so many."""
    if len(node.inputs) < 2 or node.inputs[1] < 0:
        shape = tuple(node.op.new_shape or ())  # type: ignore[attr-defined]
        if shape and shape[-1] == before:
            return replace(node, op=with_options(node.op, new_shape=(*shape[:-1], classes)))
        return node
    tensor = draft.tensors[node.inputs[1]]
    if not tensor.is_constant:
        raise Unsupported("expected a constant shape, got a computed one", f"{_where(at)}.inputs[1]")
    lengths = np.array(tensor.array)
    if lengths[-1] == before:
        lengths[-1] = classes
    return replace(node, inputs=(node.inputs[0], draft.constant(lengths, tensor.type, tensor.name), *node.inputs[2:]))
