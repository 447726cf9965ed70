"""TILE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..memory import room
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import known
from ._moving import moving
from ._operands import INDICES, arity, integers, of_type, oldest, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class Tile(Op):
    """x, times (rank) -> x repeated so many times along each dimension."""

    code: ClassVar[int] = 69
    known_versions: ClassVar[Versions] = Versions(3, reference=2)
    rule: ClassVar[Rule] = LikeInput()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 2)
        x, times = specs.input(0), specs.input(1)
        same_type(specs.output(), x, "outputs[0]")
        of_type(times, INDICES, "inputs[1]")
        return DYNAMIC if times.value is None else [tiled(known(x), times.value)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(x: Array, times: Array) -> Array:
            room(tiled(x.shape, times), x.dtype)
            return np.tile(x, integers(times))

        return moving(Step(run), specs)

    def version(self, specs: Specs) -> int:
        return oldest(specs.input(0), {T.INT8: 3, T.STRING: 2})


def tiled(shape: Shape, times: Array) -> Shape:
    wanted = integers(times)
    if len(wanted) != len(shape):
        raise ModelError(f"expected {len(shape)} numbers, got {len(wanted)}", "inputs[1]")
    lengths = tuple(length * count for length, count in zip(shape, wanted, strict=True))
    if min(wanted, default=0) < 0 or max(lengths, default=0) > 2**31 - 1:
        raise ModelError(f"expected counts of 0 or more that keep lengths below 2**31, got {list(wanted)}", "inputs[1]")
    return lengths
