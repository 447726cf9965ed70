"""BROADCAST_TO."""

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
from ..shapes import known, of_rank
from ._moving import moving
from ._operands import INDICES, arity, integers, of_type, oldest, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class BroadcastTo(Op):
    """x, shape -> x stretched to that shape: dimensions of 1 repeated, new ones put in front."""

    code: ClassVar[int] = 130
    known_versions: ClassVar[Versions] = Versions(4, first=2)
    rule: ClassVar[Rule] = LikeInput()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 2)
        x, shape = specs.input(0), specs.input(1)
        of_type(shape, INDICES, "inputs[1]")
        same_type(specs.output(), x, "outputs[0]")
        if x.type.dtype.hasobject:
            raise ModelError(f"expected numbers, got {x.type.name}", "inputs[0]")
        if of_rank(shape, 1, "inputs[1]")[0] > 8:
            raise ModelError(f"expected at most 8 dimensions, got {known(shape)[0]}", "inputs[1]")
        return DYNAMIC if shape.value is None else [stretched(known(x), shape.value)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(x: Array, shape: Array) -> Array:
            return np.array(np.broadcast_to(x, room(stretched(x.shape, shape), x.dtype)))

        return moving(Step(run), specs)

    def version(self, specs: Specs) -> int:
        return oldest(specs.input(0), {T.INT8: 3, T.INT16: 3}, otherwise=2)


def stretched(shape: Shape, wanted: Array) -> Shape:
    lengths = integers(wanted)
    behind = lengths[max(len(lengths) - len(shape), 0) :]
    fits = len(shape) <= len(lengths) and all(a in (1, b) for a, b in zip(shape, behind, strict=True))
    if not fits or min(lengths, default=0) < 0:
        raise ModelError(f"expected a shape that {list(shape)} stretches to, got {list(lengths)}", "inputs[1]")
    return lengths
