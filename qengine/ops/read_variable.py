"""READ_VARIABLE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape
from ..op import DYNAMIC, Array, Dynamic, Graphs, Op, Rule, Specs, Step, Unquantized
from ..shapes import known, volume
from ._operands import arity
from ._resources import check_handle, variable_of


@dataclass(frozen=True, eq=False)
class ReadVariable(Op):
    """handle -> what was assigned last, in the shape that the file says, or where that has no dimensions, in its own.

    Of a variable larger than the file's shape the first elements are read.
    """

    code: ClassVar[int] = 143
    rule: ClassVar[Rule] = Unquantized()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 1)
        check_handle(specs.input(0), "inputs[0]")
        shape = specs.output().shape
        return [shape] if shape else DYNAMIC

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        output = specs.output()

        def run(handle: Array) -> Array:
            variable = variable_of(context, handle)
            if variable.type is not output.type:
                raise ModelError(f"expected {output.type.name}, got {variable.type.name}", "inputs[0]")
            if not output.shape:
                return variable.value
            count = volume(known(output))
            if variable.value.size < count:
                raise ModelError(f"expected {count} elements or more, got {variable.value.size}", "inputs[0]")
            return variable.value.reshape(-1)[:count].reshape(output.shape)

        return Step(run, folds=False)
