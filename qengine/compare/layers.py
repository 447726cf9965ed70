"""The float model whose layers a quantized one has: tidied as it was, its channels balanced as they were.

Quantizing folds batch normalization and padding, fuses activations, and may balance channels: divide what computes a
channel by s, and multiply the depthwise filter that reads it by s (`ptq.balance`). All that leaves the function as it
is, but not its layers: a quantized model's weights are told from faulty ones only beside those of this model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import ModelError
from ..model import Graph, Model, Node, Tensor, TensorType
from ..op import Array
from ..ptq.balance import OUTPUT_AXIS, THROUGH, Balance, balanced, shares
from ..ptq.prepare import prepared
from .recording import real_values
from .sides import counterparts
from .split import constant_of, source_of


@dataclass(frozen=True)
class Layers:
    """model: of the float model's function; factors: by graph, by tensor of it, what each channel was divided by;
    origins: by graph and node of it, the numbers of the float model's own nodes that went into it."""

    model: Model
    factors: tuple[Mapping[int, Array], ...]
    origins: Sequence[Sequence[tuple[int, ...]]]


def layers_of(real: Model, quantized: Model) -> Layers:
    """The float model as the quantized one was made of it: tidied if it was, balanced where its weights show it."""
    own = [[(at,) for at in range(len(graph.nodes))] for graph in real.graphs]
    forms: list[tuple[Model, Sequence[Sequence[tuple[int, ...]]]]] = [(real, own)]
    with suppress(ModelError):  # of an operator that nothing is known of: the model stays as it is
        forms.insert(0, prepared(real))
    form, origins = max(
        forms, key=lambda form: sum(len(_shared(form[0], quantized, n)) for n in _both(real, quantized))
    )
    graphs = list(form.graphs)
    factors: list[dict[int, Array]] = [{} for _ in graphs]
    for number in _both(form, quantized):
        for balance in _candidates(form.graphs[number]):
            if _is_balanced(graphs[number], quantized.graphs[number], _shared(form, quantized, number), balance):
                graphs[number] = balanced(graphs[number], [balance])
                factors[number] |= dict.fromkeys(balance.tensors, balance.s)
    return Layers(replace(form, graphs=tuple(graphs)), tuple(factors), origins)


def _both(real: Model, quantized: Model) -> range:
    return range(min(len(real.graphs), len(quantized.graphs)))


def _shared(real: Model, quantized: Model, number: int) -> dict[int, Node]:
    """The quantized model's nodes by the float model's, where both are one operator and compute the same tensor."""
    there, graph = counterparts(real, quantized, number), quantized.graphs[number]
    producers = {i: node for node in graph.nodes for i in node.outputs}
    found = {}
    for at, node in enumerate(real.graphs[number].nodes):
        if node.outputs and node.outputs[0] in there:
            other = producers.get(source_of(graph, there[node.outputs[0]]))
            if other is not None and other.op.name == node.op.name:
                found[at] = other
    return found


def _candidates(graph: Graph) -> Iterator[Balance]:
    """Every balance that quantizing might do in a graph, in its order."""
    readers: dict[int, list[Node]] = {}
    for node in graph.nodes:
        for i in node.inputs:
            readers.setdefault(i, []).append(node)
    for at, node in enumerate(graph.nodes):
        options: Any = node.op
        if node.op.name not in OUTPUT_AXIS or options.fused_activation_function not in THROUGH:
            continue
        weights, tensors = _weights(graph, node), _read_depthwise(readers, node.outputs[0])
        if weights is None or weights.type is not TensorType.FLOAT32 or not tensors:
            continue
        s = shares(weights.array, OUTPUT_AXIS[node.op.name])
        if s is not None:
            yield Balance(at, tensors, s)


def _read_depthwise(readers: Mapping[int, Sequence[Node]], index: int) -> tuple[int, ...]:
    """A tensor and its padded forms, where depthwise convolutions alone read them; empty where others do."""
    found: tuple[int, ...] = (index,)
    for node in readers.get(index, ()):
        padded = _read_depthwise(readers, node.outputs[0]) if node.op.name == "PAD" else ()
        if not padded and (node.op.name != "DEPTHWISE_CONV_2D" or node.inputs[0] != index):
            return ()
        found = (*found, *padded)
    return found if index in readers else ()


def _is_balanced(graph: Graph, other: Graph, shared: Mapping[int, Node], balance: Balance) -> bool:
    """Whether a node's quantized weights are nearer to those with channels divided than to those it has."""
    node = graph.nodes[balance.node]
    if balance.node not in shared:
        return False
    mine, theirs = _weights(graph, node), _weights(other, shared[balance.node])
    if mine is None or theirs is None or mine.shape != theirs.shape or theirs.quantization is None:
        return False
    along = [1] * len(mine.shape or ())
    along[OUTPUT_AXIS[node.op.name]] = -1
    real, held = mine.array.astype(np.float64), real_values(theirs, theirs.array)
    plain, divided = (np.square(held - values).sum() for values in (real, real / balance.s.reshape(along)))
    return bool(divided < plain)


def _weights(graph: Graph, node: Node) -> Tensor | None:
    """A convolution's constant weights."""
    return constant_of(graph, node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1] >= 0 else None
