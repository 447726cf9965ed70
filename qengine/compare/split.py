"""One layer's error, split by cause: its float operator with one thing after the other put on its grid.

The float node is computed again with its inputs rounded (without ends), then clipped, its weights rounded, its bias;
then its output is rounded, then clipped; last comes what the quantized kernel itself gives. Each difference is one
cause's error, and together they are the whole error, element by element.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..model import Graph, Node, Tensor
from ..op import Array
from ..packing import integer_range
from .budget import PARTS
from .recording import CONVERSIONS

Compute = Callable[[Sequence[Array | None]], Array]


@dataclass(frozen=True)
class Step:
    """A grid without ends: scale and zero point; low, high: its ends, as real numbers."""

    scale: float
    low: float
    high: float

    @staticmethod
    def of(tensor: Tensor) -> Step | None:
        """None where a tensor isn't quantized as a whole."""
        q = tensor.quantization
        if tensor.type.dtype.kind not in "iu" or q is None or q.scale is None or len(q.scale) != 1:
            return None
        point = 0 if q.zero_point is None or not len(q.zero_point) else int(q.zero_point[0])
        low, high = integer_range(tensor.type)
        scale = float(q.scale[0])
        return Step(scale, scale * (low - point), scale * (high - point))

    def rounded(self, real: Array) -> Array:
        return np.asarray(np.rint(real.astype(np.float64) / self.scale) * self.scale)

    def clipped(self, real: Array) -> Array:
        return np.asarray(np.clip(real, self.low, self.high))


@dataclass(frozen=True)
class Inputs:
    """A float node's inputs, and what the quantized node has in their place. real: as the float model has them.

    By position, steps: the grid of an activation; weights, bias: the numbers that constants became; nearest: the bias
    only rounded. What else a bias was changed by is a correction, if it makes the error smaller.
    """

    real: Sequence[Array | None]
    steps: Mapping[int, Step]
    weights: Mapping[int, Array]
    bias: Mapping[int, Array] = field(default_factory=dict)
    nearest: Mapping[int, Array] = field(default_factory=dict)


def split(compute: Compute, inputs: Inputs, output: Step | None, got: Array) -> tuple[Array, dict[str, Array]]:
    """The float node's output, and by cause its errors, float64; got: what the quantized node gives, as real numbers.

    Without a grid for the output nothing is requantized: what is left then is rounding of activations on the fly.
    """
    stages = _Stages(compute, list(inputs.real))
    errors = dict.fromkeys(PARTS, np.zeros(got.shape))
    errors["activation_rounding"] = stages.put({i: s.rounded(stages.at(i)) for i, s in inputs.steps.items()})
    errors["clipping"] = stages.put({i: s.clipped(stages.at(i)) for i, s in inputs.steps.items()})
    errors["weight_rounding"] = stages.put(inputs.weights)
    errors["bias"] = stages.put(inputs.nearest)
    changed = stages.put(inputs.bias)
    corrects = np.sum((errors["weight_rounding"] + changed) ** 2) < np.sum(errors["weight_rounding"] ** 2)
    cause = "weight_rounding" if corrects else "bias"
    errors[cause] = errors[cause] + changed
    if output is None:
        errors["activation_rounding"] = errors["activation_rounding"] + (got - stages.output)
        return stages.first, errors
    rounded = output.rounded(stages.output)
    clipped = output.clipped(rounded)
    errors["clipping"] = errors["clipping"] + (clipped - rounded)
    errors["requantization"] = (rounded - stages.output) + (got - clipped)
    return stages.first, errors


class _Stages:
    """A float node whose inputs change one after the other."""

    def __init__(self, compute: Compute, arguments: list[Array | None]) -> None:
        self.compute, self.arguments = compute, arguments
        self.first = self.output = compute(arguments).astype(np.float64)

    def at(self, position: int) -> Array:
        found = self.arguments[position]
        assert found is not None
        return found

    def put(self, changes: Mapping[int, Array]) -> Array:
        """By how much the output changes with these inputs."""
        changed = False
        for position, array in changes.items():
            before = self.at(position)
            made = array.astype(before.dtype).reshape(before.shape)
            changed = changed or not np.array_equal(before, made)
            self.arguments[position] = made
        if not changed:
            return np.zeros(self.output.shape)
        after = self.compute(self.arguments).astype(np.float64)
        difference = after - self.output
        self.output = after
        return np.asarray(difference)


def constant_of(graph: Graph, index: int) -> Tensor | None:
    """The constant that a tensor is, or is converted from."""
    tensor = graph.tensors[index]
    if tensor.is_constant:
        return tensor
    source = source_of(graph, index)
    return graph.tensors[source] if source != index and graph.tensors[source].is_constant else None


def source_of(graph: Graph, index: int) -> int:
    """The tensor that one is, before conversions (QUANTIZE, DEQUANTIZE)."""
    producers = {i: node for node in graph.nodes for i in node.outputs}
    while (node := producers.get(index)) is not None and node.op.name in CONVERSIONS:
        index = node.inputs[0]
    return index


def made_by(graph: Graph, node: Node) -> Node:
    """The node whose outputs one converts (QUANTIZE, DEQUANTIZE), itself where it computes, or where none does."""
    source = source_of(graph, node.outputs[0]) if node.outputs else -1
    return next((other for other in graph.nodes if source in other.outputs), node)
