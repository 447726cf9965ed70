"""ASSIGN_VARIABLE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..model import Shape
from ..op import Array, Graphs, Op, Rule, Specs, Step, Unquantized
from ._operands import arity
from ._resources import Variable, check_handle, set_variable


@dataclass(frozen=True, eq=False)
class AssignVariable(Op):
    """handle, value: any later READ_VARIABLE, in any call, gives the value."""

    code: ClassVar[int] = 144
    rule: ClassVar[Rule] = Unquantized()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 2, 0)
        check_handle(specs.input(0), "inputs[0]")
        return []

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        kind = specs.input(1).type

        def run(handle: Array, value: Array) -> tuple[()]:
            set_variable(context, handle, Variable(kind, value.copy()))
            return ()

        return Step(run, folds=False)
