"""SPLIT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..delegate import takes_activation
from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import axis_of, known
from . import _splitting
from ._moving import moving
from ._operands import DELEGATED, INDICES, NUMBERS, arity, delegate_scales, of_type, oldest, one_of, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class Split(Op):
    """axis (one number), x -> `num_splits` pieces of x along the axis, of equal length."""

    code: ClassVar[int] = 49
    known_versions: ClassVar[Versions] = Versions(5)
    rule: ClassVar[Rule] = LikeInput((1,))

    num_splits: int = 0

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 2, self.num_splits)
        axis, x = specs.input(0), specs.input(1)
        of_type(axis, INDICES, "inputs[0]")
        for i, output in enumerate(specs.outputs):
            same_type(output, x, f"outputs[{i}]")
        if axis.value is None:
            return DYNAMIC
        at, lengths = self._cut(known(x), axis.value)
        return _splitting.shapes(known(x), at, lengths)

    def _cut(self, shape: Shape, axis: Array) -> tuple[int, list[int]]:
        at = axis_of(one_of(axis, "inputs[0]"), len(shape), "inputs[0]")
        if self.num_splits < 1 or shape[at] % self.num_splits:
            raise ModelError(f"expected a length that {self.num_splits} pieces share, got {shape[at]}", "inputs[1]")
        return at, [shape[at] // self.num_splits] * self.num_splits

    def delegated(self, specs: Specs) -> bool:
        axis = specs.input(0)
        return (
            2 <= len(specs.outputs) <= 4
            and axis.stored
            and axis.type is T.INT32
            and all(takes_activation(spec, *DELEGATED) for spec in (specs.input(1), *specs.outputs))
        )

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        if profile is Profile.XNNPACK:
            delegate_scales(specs, 1)
        else:
            of_type(specs.input(1), NUMBERS, "inputs[1]")

        return moving(Step(lambda axis, x: _splitting.pieces(x, *self._cut(x.shape, axis))), specs, (1,))

    def version(self, specs: Specs) -> int:
        return oldest(specs.input(1), {T.INT16: 4, T.INT32: 3, T.INT8: 2})
