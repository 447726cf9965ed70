"""How a float model and a quantized one of it are brought together: the layers of the first as the second has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from ..model import Graph, Model, Node, TensorType
from ..op import Array
from .layers import Layers, layers_of
from .recording import is_quantized
from .sides import counterparts


@dataclass(frozen=True)
class Bridge:
    """One graph of two models. side: which of both is the float one, 0 or 1; None where neither is, or both are."""

    models: tuple[Model, Model]
    number: int
    side: int | None = None
    layers: Layers | None = field(default=None, repr=False)

    def part(self, which: int, node: Node) -> tuple[Graph, Node]:
        """A node of one side as the other side may have it, and its graph."""
        graph = self.models[which].graphs[self.number]
        if which != self.side or self.layers is None:
            return graph, node
        tidy = self.layers.model.graphs[self.number]
        found = next((self._tidied[i] for i in node.outputs if i in self._tidied), None)
        made = next((other for other in tidy.nodes if found in other.outputs), None)
        return (graph, node) if made is None else (tidy, made)

    def factors(self, which: int, index: int) -> Array | None:
        """What the channels of a float tensor are divided by on the other side; None where they aren't."""
        if which != self.side or self.layers is None:
            return None
        return self.layers.factors[self.number].get(self._tidied.get(index, -1))

    def divided(self, which: int, index: int, values: Array) -> Array:
        """What one side's tensor held, channels divided as on the other side."""
        factors = self.factors(which, index)
        return values if factors is None else (values / factors).astype(values.dtype)

    def multiplied(self, which: int, index: int, values: Array) -> Array:
        """What `divided` gives, as the tensor itself holds it."""
        factors = self.factors(which, index)
        return values if factors is None else (values * factors).astype(values.dtype)

    @cached_property
    def _tidied(self) -> dict[int, int]:
        """The float side's tensors in its tidied form."""
        assert self.side is not None
        assert self.layers is not None
        return counterparts(self.models[self.side], self.layers.model, self.number)


def bridges(a: Model, b: Model) -> tuple[Bridge, ...]:
    """By graph of the first model, as far as the second has one too."""
    count = min(len(a.graphs), len(b.graphs))
    coarse = [_coarseness(model) for model in (a, b)]
    if a is b or coarse[0] == coarse[1] or min(coarse) == INTEGERS:
        return tuple(Bridge((a, b), number) for number in range(count))
    side = coarse.index(min(coarse))
    layers = layers_of(*((a, b) if side == 0 else (b, a)))
    return tuple(Bridge((a, b), number, side, layers) for number in range(count))


INTEGERS = 2
"""The coarseness of a model with numbers on a grid."""


def _coarseness(model: Model) -> int:
    """0: all in float32, 1: with constants of 16 bits, INTEGERS."""
    tensors = [tensor for graph in model.graphs for tensor in graph.tensors]
    if any(is_quantized(tensor) for tensor in tensors):
        return INTEGERS
    return 1 if any(tensor.type is TensorType.FLOAT16 for tensor in tensors) else 0
