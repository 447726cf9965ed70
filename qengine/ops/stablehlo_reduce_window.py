"""STABLEHLO_REDUCE_WINDOW."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.movement import pad_between
from ..kernels.reference.reduce_window import Reduction, lengths, reduce_windows
from ..memory import room
from ..model import Shape
from ..op import Graphs, Op, Specs, Step
from ..options import ReduceWindowFunction
from ._operands import arity
from ._reduce_window import reducing, windowed

F = ReduceWindowFunction
BODIES: Mapping[str, ReduceWindowFunction] = {
    "ADD": F.ADD,
    "STABLEHLO_ADD": F.ADD,
    "MUL": F.MUL,
    "STABLEHLO_MULTIPLY": F.MUL,
    "MAXIMUM": F.MAXIMUM,
    "STABLEHLO_MAXIMUM": F.MAXIMUM,
    "MINIMUM": F.MINIMUM,
    "STABLEHLO_MINIMUM": F.MINIMUM,
    "LOGICAL_AND": F.ALL,
    "STABLEHLO_AND": F.ALL,
    "LOGICAL_OR": F.ANY,
    "STABLEHLO_OR": F.ANY,
}
"""What the only operator of the body's graph says of the function."""


@dataclass(frozen=True, eq=False)
class StablehloReduceWindow(Op):
    """x, start (one number) -> one number a window of x, spread by base_dilations and padded with `start`."""

    code: ClassVar[int] = 198

    window_dimensions: tuple[int, ...] | None = None
    window_strides: tuple[int, ...] | None = None
    base_dilations: tuple[int, ...] | None = None
    window_dilations: tuple[int, ...] | None = None
    padding: tuple[int, ...] | None = None
    body_subgraph_index: int = 0

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 2)
        return [lengths(self._padded(windowed(specs)), *self._windows(len(windowed(specs))))]

    def _numbers(self, numbers: tuple[int, ...] | None, rank: int, otherwise: int, what: str) -> tuple[int, ...]:
        """An option, which may be absent; ModelError unless it fits the window's rank, at least x's."""
        own = len(self.window_dimensions or ()) * (2 if what == "padding" else 1)
        found = tuple(numbers or (otherwise,) * own)
        if own < rank or len(found) != own or max(map(abs, found), default=0) >= 2**31:
            raise ModelError(f"expected {what} of {rank} dimensions, got {list(found)}", "builtin_options")
        if otherwise > 0 and min(found[:rank]) < 1:
            raise ModelError(f"expected {what} of 1 or more, got {list(found)}", "builtin_options")
        return found[:rank]

    def _windows(self, rank: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Sizes, strides, dilations."""
        return (
            self._numbers(self.window_dimensions, rank, 1, "window_dimensions"),
            self._numbers(self.window_strides, rank, 1, "window_strides"),
            self._numbers(self.window_dilations, rank, 1, "window_dilations"),
        )

    def _edges(self, rank: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """What goes before, after and between the elements."""
        padding = self._numbers(self.padding, 2 * rank, 0, "padding")
        spread = self._numbers(self.base_dilations, rank, 1, "base_dilations")
        return padding[::2], padding[1::2], tuple(step - 1 for step in spread)

    def _padded(self, shape: Shape) -> Shape:
        """x's shape, spread and padded."""
        sides = zip(shape, *self._edges(len(shape)), strict=True)
        padded = tuple((n - 1) * (inner + 1) + 1 + low + high for n, low, high, inner in sides)
        if min(padded) < 0:
            raise ModelError(
                f"expected a padding that leaves no negative length, got {list(padded)}", "builtin_options"
            )
        return padded

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        nodes = context.graph(self.body_subgraph_index).nodes
        function = BODIES.get(nodes[0].op.name, F.UNSUPPORTED) if len(nodes) == 1 else F.UNSUPPORTED
        shape = windowed(specs)
        edges, windows, padded = self._edges(len(shape)), self._windows(len(shape)), self._padded(shape)
        low, high, _ = edges

        def reduce(x: AnyArray, start: AnyArray, function: Reduction) -> AnyArray:
            if 0 in padded and any((*low, *high)):
                raise ModelError(f"expected a padding that leaves some of {list(shape)}, got {list(padded)}")
            room(padded, x.dtype)
            return reduce_windows(pad_between(x, *edges, start), start, *windows, function)

        return reducing(specs, function, reduce)
