"""The plan of quantization: which tensors share a grid of numbers, and how each node's operands are treated.

A plan knows no ranges. `parameters` gives each grid its scale and zero point from a range; `apply` makes the model from
both. Training reads the same plan: fake quantization sits wherever a grid or a `Weight` is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from ..affine import parameters as affine_parameters
from ..model import Quantization, TensorType
from ..packing import integer_range
from .recipe import Recipe

SMALLEST_RANGE = 1e-6
"""Narrower ranges are widened, as TensorFlow's converter does, so that no scale is too small to compute with."""


@dataclass(frozen=True)
class Grid:
    """Numbers scale * (q - zero_point) of one type, shared by tensors.

    range: the tensor whose range decides, of the same graph; with it those in `also`, whose ranges are joined.
    fixed: scale and zero point that the operator prescribes instead. power_of_two: the scale is one, and the type is
    used symmetrically. peak: the least magnitude that the grid must reach.
    """

    type: TensorType
    range: int
    also: tuple[int, ...] = ()
    fixed: tuple[float, int] | None = None
    power_of_two: bool = False
    peak: float = 0.0

    @property
    def symmetric(self) -> bool:
        """Whether the zero point is 0: 16-bit activations."""
        return self.type is TensorType.INT16

    @property
    def levels(self) -> int:
        """How many numbers the grid has."""
        low, high = integer_range(self.type)
        return high - low + (not self.symmetric)

    def parameters(self, low: float, high: float) -> tuple[float, int]:
        """Scale (a float32's value) and zero point that cover [low, high]; `fixed` where there is that."""
        if self.fixed is not None:
            return self.fixed
        low, high = min(low, -self.peak), max(high, self.peak)
        if self.power_of_two:
            reach = max(-low, high, SMALLEST_RANGE)
            scale = 2.0 ** -(self.type.bits - 1)
            while scale * (1 << self.type.bits - 1) < reach:
                scale *= 2
            while scale * (1 << self.type.bits - 1) >= 2 * reach:
                scale /= 2
            return scale, 0
        if high - low <= SMALLEST_RANGE:
            low, high = min(low, -SMALLEST_RANGE / 2), max(high, SMALLEST_RANGE / 2)
        return affine_parameters(low, high, bits=self.type.bits, symmetric=self.symmetric)


@dataclass(frozen=True)
class Activation:
    """An operand read as numbers of a grid; where the tensor has another form, it is converted on the way."""

    grid: int


@dataclass(frozen=True)
class Weight:
    """A constant kept as narrower numbers. axis: of the channels that have a scale each; None: one scale for all.

    decoded: turned back to float by a DEQUANTIZE, as the operator itself computes in float.
    bits: how many of the type's bits are used; 0: all.
    """

    type: TensorType
    axis: int | None = None
    block_size: int = 0
    decoded: bool = False
    bits: int = 0


@dataclass(frozen=True)
class Bias:
    """A constant added to sums of products: its scale is that of input `activation` * input `weight`."""

    type: TensorType
    activation: int
    weight: int


Operand = Activation | Weight | Bias | None


class Treatment(Enum):
    """What becomes of a node: see `Scheme.compute`; UNTOUCHED nodes hold no real numbers to quantize."""

    UNTOUCHED = "untouched"
    FLOAT = "float"
    INTEGER = "integer"
    DYNAMIC = "dynamic"
    WEIGHT_ONLY = "weight_only"


@dataclass(frozen=True)
class NodePlan:
    """One node: per input how it is read, per output (and intermediate) the grid it is given in, or None: as it was.

    why: for people, where a node is treated otherwise than the recipe's scheme says.
    """

    treatment: Treatment
    inputs: tuple[Operand, ...]
    outputs: tuple[int | None, ...]
    intermediates: tuple[int | None, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class GraphPlan:
    """One graph. tensors: per tensor the grid in which its producer (or the caller) gives it; None: not quantized."""

    grids: tuple[Grid, ...]
    tensors: tuple[int | None, ...]
    nodes: tuple[NodePlan, ...]


@dataclass(frozen=True)
class Plan:
    """All graphs of a model, by the recipe they were planned for."""

    recipe: Recipe
    graphs: tuple[GraphPlan, ...]

    @property
    def needs_ranges(self) -> bool:
        """Whether any grid takes its parameters from a range."""
        return any(grid.fixed is None for graph in self.graphs for grid in graph.grids)


def quantization_of(grid: Grid, ends: tuple[float, float]) -> Quantization:
    """A grid's scale and zero point for a range, as a tensor states them."""
    scale, point = grid.parameters(*ends)
    return Quantization.of(scale, point)


Parameters = Sequence[Sequence[Quantization]]
"""By graph and grid."""
