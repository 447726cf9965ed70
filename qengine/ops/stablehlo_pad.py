"""STABLEHLO_PAD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.movement import pad_between
from ..memory import room
from ..model import Shape
from ..op import Array, Graphs, LikeInput, Op, Rule, Specs, Step
from ..shapes import known, volume
from ._operands import arity, same_type


@dataclass(frozen=True, eq=False)
class StablehloPad(Op):
    """x, value (one) -> x with that much of the value before, after and between its elements along each dimension.

    Before and after may be negative, which takes away. Where nothing is left along one dimension, all lengths are 0.
    """

    code: ClassVar[int] = 195
    rule: ClassVar[Rule] = LikeInput((0, 1))

    edge_padding_low: tuple[int, ...] | None = None
    edge_padding_high: tuple[int, ...] | None = None
    interior_padding: tuple[int, ...] | None = None

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 2)
        x, value = specs.input(0), specs.input(1)
        same_type(value, x, "inputs[1]")
        same_type(specs.output(), x, "outputs[0]")
        if x.type.dtype.hasobject or x.type.bits < 8:
            raise ModelError(f"expected numbers of whole bytes, got {x.type.name}", "inputs[0]")
        if not 1 <= len(known(x)) <= 8:
            raise ModelError(f"expected 1 to 8 dimensions, got shape {list(known(x))}", "inputs[0]")
        if volume(known(value)) != 1:
            raise ModelError(f"expected one number, got shape {list(known(value))}", "inputs[1]")
        low, high, between = self._paddings(len(known(x)))
        if min(between) < 0:
            raise ModelError(f"expected interior_padding from 0, got {list(between)}")
        sides = zip(known(x), low, high, between, strict=True)
        lengths = tuple(n + max(n - 1, 0) * inner + before + after for n, before, after, inner in sides)
        if max(lengths) > 2**31 - 1:
            raise ModelError(f"expected lengths below 2**31, got {list(lengths)}", "outputs[0]")
        return [(0,) * len(lengths) if min(lengths) <= 0 else lengths]

    def _paddings(self, rank: int) -> tuple[tuple[int, ...], ...]:
        found = tuple(part or () for part in (self.edge_padding_low, self.edge_padding_high, self.interior_padding))
        if any(len(part) != rank for part in found):
            raise ModelError(f"expected {rank} paddings, got {[len(part) for part in found]}")
        return found

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        shape = known(specs.output())
        low, high, between = self._paddings(len(shape))

        def run(x: Array, value: Array) -> Array:
            room(shape, x.dtype)
            if 0 in shape:
                return np.zeros(shape, x.dtype)
            return pad_between(x, low, high, between, value.reshape(-1)[0])

        return Step(run)
