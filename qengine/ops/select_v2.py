"""SELECT_V2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..memory import room
from ..model import Shape, TensorType
from ..op import Array, Graphs, LikeOutput, Op, Rule, Specs, Step, Versions
from ..shapes import broadcast, known
from . import _choice
from ._numbers import native_choice
from ._operands import oldest

T = TensorType


@dataclass(frozen=True, eq=False)
class SelectV2(Op):
    """condition, x, y -> x where the condition holds, else y; shapes stretch to each other."""

    code: ClassVar[int] = 123
    known_versions: ClassVar[Versions] = Versions(2)
    rule: ClassVar[Rule] = LikeOutput()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        condition, x, y = _choice.operands(specs)
        single = _choice.single(specs)
        if single is not None:
            return [single]
        shape = broadcast(condition, x, y)
        if len(shape) > 8:
            raise ModelError(f"expected at most 8 dimensions, got shape {list(shape)}", "inputs")
        return [shape]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        shape = known(specs.output())

        def run(condition: Array, x: Array, y: Array) -> Array:
            room(shape, x.dtype)
            return np.where(condition, x, y).reshape(shape)

        return Step(run, compiled=native_choice(specs))

    def version(self, specs: Specs) -> int:
        return oldest(specs.input(1), {T.UINT32: 2})
