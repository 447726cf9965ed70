"""SPLIT_V."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import axis_of, known, of_rank
from . import _splitting
from ._moving import moving
from ._operands import INDICES, NUMBERS, arity, integers, of_type, oldest, one_of, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class SplitV(Op):
    """x, lengths (num_splits; one may be -1: what is left), axis (one number) -> pieces of x of those lengths."""

    code: ClassVar[int] = 102
    known_versions: ClassVar[Versions] = Versions(3)
    rule: ClassVar[Rule] = LikeInput()

    num_splits: int = 0

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 3, self.num_splits)
        x, lengths, axis = specs.input(0), specs.input(1), specs.input(2)
        of_type(x, NUMBERS, "inputs[0]")
        of_type(lengths, INDICES, "inputs[1]")
        of_type(axis, INDICES, "inputs[2]")
        for i, output in enumerate(specs.outputs):
            same_type(output, x, f"outputs[{i}]")
        if of_rank(lengths, 1, "inputs[1]") != (self.num_splits,):
            raise ModelError(f"expected {self.num_splits} lengths, got {known(lengths)[0]}", "inputs[1]")
        if lengths.value is None or axis.value is None:
            return DYNAMIC
        at, found = cut(known(x), lengths.value, axis.value)
        return _splitting.shapes(known(x), at, found)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return moving(Step(lambda x, lengths, axis: _splitting.pieces(x, *cut(x.shape, lengths, axis))), specs)

    def version(self, specs: Specs) -> int:
        return oldest(specs.input(0), {T.INT8: 2})


def cut(shape: Shape, lengths: Array, axis: Array) -> tuple[int, list[int]]:
    """The dimension, and the lengths along it. ModelError where they aren't what the dimension holds."""
    at = axis_of(one_of(axis, "inputs[2]"), len(shape), "inputs[2]")
    wanted = integers(lengths)
    left = shape[at] - sum(length for length in wanted if length != -1)
    found = [left if length == -1 else length for length in wanted]
    if wanted.count(-1) > 1 or min(found, default=0) < 0 or sum(found) != shape[at]:
        raise ModelError(f"expected lengths that sum to {shape[at]}, got {list(wanted)}", "inputs[1]")
    return at, found
