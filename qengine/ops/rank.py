"""RANK."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Graphs, Op, Rule, Specs, Step, Unquantized
from ..shapes import known
from ._operands import arity, of_type


@dataclass(frozen=True, eq=False)
class Rank(Op):
    """x -> how many dimensions it has, known as soon as x's shape is."""

    code: ClassVar[int] = 110
    rule: ClassVar[Rule] = Unquantized()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 1)
        of_type(specs.output(), (TensorType.INT32,), "outputs[0]")
        return [()]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        rank = np.array(len(known(specs.input(0))), np.int32)
        rank.flags.writeable = False
        return Step(lambda x: rank, constant=(rank,))
