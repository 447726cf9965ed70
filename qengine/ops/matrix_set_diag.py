"""MATRIX_SET_DIAG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape
from ..op import Array, Graphs, LikeInput, Op, Rule, Specs, Step
from ..shapes import known, volume
from ._operands import NUMBERS, arity, of_type, same_type


@dataclass(frozen=True, eq=False)
class MatrixSetDiag(Op):
    """x (.. rows columns), diagonals (.. min(rows, columns)) -> x with those along its diagonals."""

    code: ClassVar[int] = 115
    rule: ClassVar[Rule] = LikeInput((0, 1))

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 2)
        x, diagonals = specs.input(0), specs.input(1)
        of_type(x, NUMBERS, "inputs[0]")
        same_type(diagonals, x, "inputs[1]")
        same_type(specs.output(), x, "outputs[0]")
        shape = known(x)
        if len(shape) < 2 or volume(known(diagonals)) < volume(shape[:-2]) * min(shape[-2:]):
            raise ModelError(f"expected diagonals of matrices {list(shape)}, got {list(known(diagonals))}", "inputs[1]")
        return [shape]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(x: Array, diagonals: Array) -> Array:
            out, shortest = x.copy(), min(x.shape[-2:])
            places = np.arange(shortest)
            lines = (*x.shape[:-2], shortest)
            out[..., places, places] = diagonals.reshape(-1)[: volume(lines)].reshape(lines)
            return out

        return Step(run)
