"""DILATE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.movement import pad_between
from ..memory import room
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step
from ..shapes import known, of_rank, volume
from ._operands import arity, integers, of_type, same_type


@dataclass(frozen=True, eq=False)
class Dilate(Op):
    """x, factors (rank), value (one) -> x with factor - 1 of the value between its elements along each dimension."""

    code: ClassVar[int] = 203
    rule: ClassVar[Rule] = LikeInput((0, 2))

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 3)
        x, factors, value = specs.input(0), specs.input(1), specs.input(2)
        same_type(value, x, "inputs[2]")
        same_type(specs.output(), x, "outputs[0]")
        of_type(factors, (TensorType.INT32,), "inputs[1]")
        if x.type.dtype.hasobject or x.type.bits < 8:
            raise ModelError(f"expected numbers of whole bytes, got {x.type.name}", "inputs[0]")
        if not known(x) or of_rank(factors, 1, "inputs[1]") != (len(known(x)),):
            raise ModelError(f"expected {len(known(x))} factors, got {known(factors)[0]}", "inputs[1]")
        if volume(known(value)) < 1:
            raise ModelError(f"expected a number, got shape {list(known(value))}", "inputs[2]")
        return DYNAMIC if factors.value is None else [dilated(known(x), factors.value)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(x: Array, factors: Array, value: Array) -> Array:
            room(dilated(x.shape, factors), x.dtype)
            still = (0,) * x.ndim
            return pad_between(x, still, still, [factor - 1 for factor in integers(factors)], value.reshape(-1)[0])

        return Step(run)


def dilated(shape: Shape, factors: Array) -> Shape:
    if (factors < 1).any():
        raise ModelError(f"expected factors of 1 or more, got {factors.tolist()}", "inputs[1]")
    lengths = tuple((length - 1) * factor + 1 for length, factor in zip(shape, integers(factors), strict=True))
    if min(lengths) < 0:
        raise ModelError(f"expected elements to go apart, got shape {list(shape)}", "inputs[0]")
    return lengths
