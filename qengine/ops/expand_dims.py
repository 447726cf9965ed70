"""EXPAND_DIMS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step
from ..shapes import axis_of, known
from ._operands import INDICES, arity, of_type, one_of, same_scale, same_type, whole


@dataclass(frozen=True, eq=False)
class ExpandDims(Op):
    """x, axis (one number; negative ones count from behind the last) -> x with a dimension of 1 there."""

    code: ClassVar[int] = 70
    rule: ClassVar[Rule] = LikeInput()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 2)
        x, axis = specs.input(0), specs.input(1)
        same_type(specs.output(), x, "outputs[0]")
        of_type(axis, INDICES, "inputs[1]")
        return DYNAMIC if axis.value is None else [expanded(known(x), axis.value)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        x = specs.input(0)
        same_scale(specs.output(), x, "outputs[0]")
        if x.type is TensorType.INT16 and whole(x)[1] != 0:
            raise ModelError(f"expected zero point 0 with INT16, got {whole(x)[1]}", "inputs[0]")

        def run(x: Array, axis: Array) -> Array:
            return x.reshape(expanded(x.shape, axis))

        return Step(run, alias=True)


def expanded(shape: Shape, axis: Array) -> Shape:
    at = axis_of(one_of(axis, "inputs[1]"), len(shape) + 1, "inputs[1]")
    return (*shape[:at], 1, *shape[at:])
