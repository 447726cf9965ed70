"""MATRIX_DIAG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..memory import room
from ..model import Shape
from ..op import Array, Graphs, LikeInput, Op, Rule, Specs, Step
from ..shapes import known
from ._operands import NUMBERS, arity, of_type, same_type


@dataclass(frozen=True, eq=False)
class MatrixDiag(Op):
    """x (.. n) -> (.. n n) with x along the diagonals and 0 elsewhere."""

    code: ClassVar[int] = 113
    rule: ClassVar[Rule] = LikeInput()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 1)
        x = specs.input(0)
        of_type(x, NUMBERS, "inputs[0]")
        same_type(specs.output(), x, "outputs[0]")
        if not known(x):
            raise ModelError("expected a tensor with dimensions, got a scalar", "inputs[0]")
        return [(*known(x), known(x)[-1])]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        shape = known(specs.output())

        def run(x: Array) -> Array:
            out = np.zeros(room(shape, x.dtype), x.dtype)
            np.einsum("...ii->...i", out)[...] = x
            return out

        return Step(run)
