"""SELECT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Array, Graphs, LikeOutput, Op, Rule, Specs, Step, Versions
from ..shapes import known
from . import _choice
from ._numbers import native_choice
from ._operands import oldest

T = TensorType


@dataclass(frozen=True, eq=False)
class Select(Op):
    """condition, x, y -> x where the condition holds, else y, all of one shape; one condition may be for all, or for
    each index of the first dimension."""

    code: ClassVar[int] = 64
    known_versions: ClassVar[Versions] = Versions(4)
    rule: ClassVar[Rule] = LikeOutput()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        condition, x, y = _choice.operands(specs)
        single = _choice.single(specs)
        if single is not None:
            return [single]
        if x != y:
            raise ModelError(f"expected shape {list(x)}, got {list(y)}", "inputs[2]")
        if condition not in ((), x, x[:1]):
            raise ModelError(f"expected shape {list(x)}, {list(x[:1])} or [], got {list(condition)}", "inputs[0]")
        return [x]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        shape = known(specs.output())

        def run(condition: Array, x: Array, y: Array) -> Array:
            if condition.shape != x.shape and condition.ndim == 1:
                condition = condition.reshape(-1, *(1,) * (x.ndim - 1))
            return np.where(condition, x, y).reshape(shape)

        return Step(run, compiled=native_choice(specs))

    def version(self, specs: Specs) -> int:
        condition, x, y = specs.input(0), specs.input(1), specs.input(2)
        if x.type is T.UINT32:
            return 4
        if any(spec.shape is not None and len(spec.shape) == 5 for spec in (condition, x, y)):
            return 3
        return oldest(x, {T.INT8: 2})
