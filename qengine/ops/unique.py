"""UNIQUE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.selection import unique
from ..model import TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step
from ..shapes import of_rank
from ._operands import INDICES, NUMBERS, arity, of_type, same_type


@dataclass(frozen=True, eq=False)
class Unique(Op):
    """x (n) -> its different elements in the order of their first coming, and for each element of x which one it is."""

    code: ClassVar[int] = 103
    rule: ClassVar[Rule] = LikeInput()

    idx_out_type: TensorType = TensorType.INT32

    def infer(self, specs: Specs, context: Graphs) -> Dynamic:
        arity(specs, 1, 2)
        x = specs.input(0)
        of_type(x, NUMBERS, "inputs[0]")
        of_rank(x, 1, "inputs[0]")
        same_type(specs.output(), x, "outputs[0]")
        if self.idx_out_type not in INDICES or specs.output(1).type is not self.idx_out_type:
            raise ModelError(f"expected INT32 or INT64, as the option says, got {specs.output(1).type.name}", "outputs")
        return DYNAMIC

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        dtype = self.idx_out_type.dtype

        def run(x: Array) -> tuple[Array, ...]:
            values, which = unique(x)
            return values, which.astype(dtype)

        return Step(run)
