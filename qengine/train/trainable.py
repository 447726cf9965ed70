"""Which constants of a graph can be trained."""

from __future__ import annotations

import numpy as np

from ..model import External, Graph, Node, TensorType

_OPERANDS = {
    "ADD": (0, 1),
    "BATCH_NORMALIZATION": (1, 2, 3, 4),
    "DIV": (0, 1),
    "MUL": (0, 1),
    "PRELU": (1,),
    "SUB": (0, 1),
}
"""Operators that have constants to train besides weights and biases, and at which inputs. (A batch normalization's mean
and variance have no gradient: they are changed by running.)"""


def trainable(graph: Graph) -> list[int]:
    """Tensors, each once: float constants that are weights or biases of an operator, slopes, and what is added to or
    multiplied with a tensor, unless it is a single number."""
    found: dict[int, None] = {}
    for node in graph.nodes:
        for position in _positions(node):
            index = node.inputs[position] if position < len(node.inputs) else -1
            if index >= 0 and index not in found and _is_trainable(graph, index, node):
                found[index] = None
    return list(found)


def _positions(node: Node) -> list[int]:
    positions = [weights.input for weights in node.op.weights]
    positions += [weights.bias for weights in node.op.weights if weights.bias is not None]
    if node.op.name == "UNIDIRECTIONAL_SEQUENCE_LSTM":
        positions += [9, 10, 11, 16, 17]
    return [*positions, *_OPERANDS.get(node.op.name, ())]


def _is_trainable(graph: Graph, index: int, node: Node) -> bool:
    tensor = graph.tensors[index]
    return (
        tensor.type is TensorType.FLOAT32
        and tensor.is_constant
        and not isinstance(tensor.data, External)
        and index not in graph.inputs
        and (tensor.array.size > 1 or bool(node.op.weights))
        and bool(np.isfinite(tensor.array).all())
    )
