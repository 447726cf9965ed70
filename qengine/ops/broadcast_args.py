"""BROADCAST_ARGS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape
from ..op import Array, Graphs, Op, Rule, Specs, Step, Unquantized
from ..shapes import known, of_rank
from ._operands import INDICES, arity, of_type, same_type


@dataclass(frozen=True, eq=False)
class BroadcastArgs(Op):
    """shape (n), other shape (m) -> the shape that both stretch to, (max(n, m))."""

    code: ClassVar[int] = 145
    rule: ClassVar[Rule] = Unquantized()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 2)
        a, b = specs.input(0), specs.input(1)
        of_type(a, INDICES, "inputs[0]")
        same_type(b, a, "inputs[1]")
        same_type(specs.output(), a, "outputs[0]")
        return [max(of_rank(a, 1, "inputs[0]"), of_rank(b, 1, "inputs[1]"))]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        (rank,) = known(specs.output())

        def run(a: Array, b: Array) -> Array:
            a, b = (np.concatenate([np.ones(rank - len(s), s.dtype), s]) for s in (a, b))
            if ((a != b) & (a != 1) & (b != 1)).any():
                # The runtime aborts here.
                raise ModelError(
                    f"expected shapes that stretch to each other, got {a.tolist()} and {b.tolist()}", "inputs"
                )
            return np.where(a == 1, b, a)

        return Step(run)
