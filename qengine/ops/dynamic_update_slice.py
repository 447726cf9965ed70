"""DYNAMIC_UPDATE_SLICE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Array, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import known, of_rank
from ._operands import INDICES, arity, integers, of_type, oldest, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class DynamicUpdateSlice(Op):
    """x, update, start (rank) -> x with the update in it from `start` on, which moves until the update fits."""

    code: ClassVar[int] = 151
    known_versions: ClassVar[Versions] = Versions(6)
    rule: ClassVar[Rule] = LikeInput((0, 1))

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 3)
        x, update, start = specs.input(0), specs.input(1), specs.input(2)
        same_type(update, x, "inputs[1]")
        same_type(specs.output(), x, "outputs[0]")
        of_type(start, INDICES, "inputs[2]")
        if x.type.dtype.hasobject:
            raise ModelError(f"expected numbers, got {x.type.name}", "inputs[0]")
        shape, part = known(x), known(update)
        if len(shape) > 8 or of_rank(start, 1, "inputs[2]")[0] != len(shape):
            raise ModelError(f"expected {min(len(shape), 8)} numbers, got {known(start)[0]}", "inputs[2]")
        if len(part) != len(shape) or any(a > b for a, b in zip(part, shape, strict=True)):
            raise ModelError(f"expected a part of {list(shape)}, got shape {list(part)}", "inputs[1]")
        return [shape]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(x: Array, update: Array, start: Array) -> Array:
            out = x.copy()
            sides = zip(integers(start), update.shape, x.shape, strict=True)
            begins = [min(max(begin, 0), length - count) for begin, count, length in sides]
            where: Any = tuple(slice(b, b + count) for b, count in zip(begins, update.shape, strict=True))
            out[where] = update
            return out

        return Step(run)

    def version(self, specs: Specs) -> int:
        if specs.input(0).type in (late := {T.BFLOAT16: 6, T.INT4: 5, T.INT16: 4, T.FLOAT16: 3}):
            return late[specs.input(0).type]
        return oldest(specs.input(2), {T.INT64: 2})
