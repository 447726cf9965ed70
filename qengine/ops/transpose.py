"""TRANSPOSE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..delegate import takes_activation, takes_shape
from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import known
from ._moving import moving
from ._operands import DELEGATED, arity, delegate_scales, integers, of_type, oldest, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class Transpose(Op):
    """x, order (rank) -> x whose dimension i is dimension order[i] of x; negative numbers count from the end."""

    code: ClassVar[int] = 39
    known_versions: ClassVar[Versions] = Versions(9, reference=8)
    rule: ClassVar[Rule] = LikeInput()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 2)
        x, order = specs.input(0), specs.input(1)
        same_type(specs.output(), x, "outputs[0]")
        of_type(order, (T.INT32,), "inputs[1]")
        if x.type.dtype.hasobject:
            raise ModelError(f"expected numbers, got {x.type.name}", "inputs[0]")
        if len(known(x)) > 8:
            raise ModelError(f"expected at most 8 dimensions, got shape {list(known(x))}", "inputs[0]")
        if order.value is None:
            return DYNAMIC
        return [tuple(known(x)[axis] for axis in axes(order.value, len(known(x))))]

    def delegated(self, specs: Specs) -> bool:
        x, order = specs.input(0), specs.input(1)
        return takes_activation(x, *DELEGATED) and takes_shape(x, 1, 6) and order.stored

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        if profile is Profile.XNNPACK:
            delegate_scales(specs, 0)

        order = specs.input(1).value
        if order is not None:
            fixed = axes(order, len(known(specs.input(0))))
            return moving(Step(lambda x, _: x.transpose(fixed)), specs)
        return moving(Step(lambda x, order: x.transpose(axes(order, x.ndim))), specs)

    def version(self, specs: Specs) -> int:
        x = specs.input(0)
        rank = 0 if x.shape is None else len(x.shape)
        if x.type is T.FLOAT16:
            return 9
        if rank > 6 or x.type is T.BFLOAT16:
            return 8
        if x.type is T.INT4:
            return 7
        if rank > 5:
            return 6
        if x.type is T.INT16:
            return 5
        return 4 if rank > 4 else oldest(x, {T.BOOL: 3, T.INT8: 2})


def axes(order: Array, rank: int) -> tuple[int, ...]:
    """Dimensions from 0. ModelError unless each of them is named once."""
    wanted = integers(order)
    found = tuple(axis + rank if axis < 0 else axis for axis in wanted)
    if order.ndim != 1 or sorted(found) != list(range(rank)):
        raise ModelError(f"expected each of {rank} dimensions once, got {list(wanted)}", "inputs[1]")
    return found
