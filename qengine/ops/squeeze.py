"""SQUEEZE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Array, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import axis_of, known
from ._operands import arity, oldest, same_type


@dataclass(frozen=True, eq=False)
class Squeeze(Op):
    """x -> x without the dimensions `squeeze_dims`, which are 1; without all that are 1 where none is named."""

    code: ClassVar[int] = 43
    known_versions: ClassVar[Versions] = Versions(2, reference=1)
    rule: ClassVar[Rule] = LikeInput()

    squeeze_dims: tuple[int, ...] | None = None

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 1)
        x = specs.input(0)
        same_type(specs.output(), x, "outputs[0]")
        shape = known(x)
        if len(shape) > 8:
            raise ModelError(f"expected at most 8 dimensions, got shape {list(shape)}", "inputs[0]")
        if not self.squeeze_dims:
            return [tuple(length for length in shape if length != 1)]
        gone = {axis_of(axis, len(shape), "squeeze_dims") for axis in self.squeeze_dims}
        if any(shape[axis] != 1 for axis in gone):
            raise ModelError(f"expected dimensions of 1 at {sorted(gone)}, got shape {list(shape)}", "inputs[0]")
        return [tuple(length for axis, length in enumerate(shape) if axis not in gone)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        shape = known(specs.output())

        def run(x: Array) -> Array:
            return x.reshape(shape)

        return Step(run, alias=True)

    def version(self, specs: Specs) -> int:
        return oldest(specs.input(0), {TensorType.STRING: 2})
