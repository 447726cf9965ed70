"""RESHAPE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..delegate import takes_activation, takes_shape
from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step
from ..shapes import known, volume
from ._operands import DELEGATED, arity, integers, same_type, whole


@dataclass(frozen=True, eq=False)
class Reshape(Op):
    """x, shape (rank; -1: what is left) -> the same elements in that shape.

    Without a vector of shapes as second input, the option `new_shape` says it; (0,) there means a scalar.
    """

    code: ClassVar[int] = 22
    rule: ClassVar[Rule] = LikeInput()

    new_shape: tuple[int, ...] | None = None

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, (1, 2))
        x, shape = specs.input(0), specs.optional(1)
        same_type(specs.output(), x, "outputs[0]")
        if shape is not None and shape.value is None:
            return DYNAMIC
        return [resolve(known(x), self._wanted(None if shape is None else shape.value))]

    def _wanted(self, shape: Array | None) -> tuple[int, ...]:
        if shape is not None and shape.ndim == 1 and shape.dtype == "int32":
            return integers(shape)
        return () if self.new_shape in (None, (0,)) else tuple(self.new_shape or ())

    def delegated(self, specs: Specs) -> bool:
        x, shape, output = specs.input(0), specs.optional(1), specs.output()
        if not (
            takes_activation(x, *DELEGATED)
            and takes_activation(output, *DELEGATED)
            and takes_shape(x, 0, 6)
            and takes_shape(output, 0, 6)
        ):
            return False
        if x.type is not TensorType.FLOAT32 and whole(x) != whole(output):
            return False
        if len(specs.inputs) == 1:
            return self.new_shape != (0,)
        if shape is None or not shape.stored or shape.type is not TensorType.INT32:
            return False
        return volume(known(shape)[:-1]) == 1 and shape.value is not None and integers(shape.value) != (0,)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        shape = specs.output().shape
        if shape is not None:
            return Step(lambda x, _=None: x.reshape(shape), alias=True)

        def run(x: Array, wanted: Array) -> Array:
            return x.reshape(resolve(x.shape, self._wanted(wanted)))

        return Step(run)


def resolve(shape: Shape, wanted: Sequence[int]) -> Shape:
    """The shape of as many elements as `shape` has, with a number for the one -1 that may be in it."""
    if any(length < -1 for length in wanted) or sum(length == -1 for length in wanted) > 1:
        raise ModelError(f"expected lengths of 0 or more and at most one -1, got {list(wanted)}", "inputs[1]")
    left = 0
    if -1 in wanted and (volume(shape) > 0 or 0 in wanted):
        # Where there are no elements, lengths of 0 are left out on both sides.
        left = volume([n for n in shape if n]) // volume([n for n in wanted if n > 0])
    result = tuple(left if length == -1 else length for length in wanted)
    if volume(result) != volume(shape):
        raise ModelError(f"expected a shape of as many elements as {list(shape)}, got {list(wanted)}", "inputs[1]")
    return result
