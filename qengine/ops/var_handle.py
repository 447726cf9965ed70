"""VAR_HANDLE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Array, Graphs, Op, Rule, Specs, Step, Unquantized
from ..shapes import known
from ._operands import arity
from ._resources import handle, variable_number


@dataclass(frozen=True, eq=False)
class VarHandle(Op):
    """Nothing -> the handle of the variable of this name."""

    code: ClassVar[int] = 142
    rule: ClassVar[Rule] = Unquantized()

    container: str | None = None
    shared_name: str | None = None

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 0)
        if specs.output().type is not TensorType.RESOURCE:
            raise ModelError(f"expected RESOURCE, got {specs.output().type.name}", "outputs[0]")
        return [known(specs.output())]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        number, shape = variable_number(context, self.container or "", self.shared_name or ""), known(specs.output())

        def run() -> Array:
            return handle(number, shape)

        return Step(run, folds=False)
