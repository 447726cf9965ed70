"""GATHER."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ..errors import ModelError
from ..kernels.emit.gather import Slices, plan_gather
from ..kernels.emit.plan import Compiled
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..kernels.reference.movement import gather
from ..memory import room
from ..model import Shape, TensorType
from ..op import Array, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import axis_of, known, volume
from ._moving import moving
from ._operands import arity, indices, of_type, oldest, same_type

T = TensorType
TYPES = (T.FLOAT32, T.FLOAT16, T.BFLOAT16, T.UINT8, T.INT4, T.INT8, T.INT16, T.INT64, T.INT32, T.BOOL, T.STRING)


@dataclass(frozen=True, eq=False)
class Gather(Op):
    """x (b.. o.. length i..), positions (b.. p..) -> slices along `axis`, (b.. o.. p.. i..); `batch_dims` are b.."""

    code: ClassVar[int] = 36
    known_versions: ClassVar[Versions] = Versions(8)
    rule: ClassVar[Rule] = LikeInput()

    axis: int = 0
    batch_dims: int = 0

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 2)
        x, positions = specs.input(0), specs.input(1)
        of_type(x, TYPES, "inputs[0]")
        of_type(positions, (T.INT16, T.INT32, T.INT64), "inputs[1]")
        same_type(specs.output(), x, "outputs[0]")
        shape, wanted = known(x), known(positions)
        if x.type is T.STRING and len(shape) != 1:
            raise ModelError(f"expected one dimension of strings, got shape {list(shape)}", "inputs[0]")
        axis, batch = self._axes(len(shape), len(wanted))
        if shape[:batch] != wanted[:batch]:
            raise ModelError(f"expected a shape from {list(shape[:batch])}, got {list(wanted)}", "inputs[1]")
        return [(*shape[:axis], *wanted[batch:], *shape[axis + 1 :])]

    def _axes(self, rank: int, positions: int) -> tuple[int, int]:
        axis = axis_of(self.axis, rank)
        batch = self.batch_dims + positions if self.batch_dims < 0 else self.batch_dims
        if not 0 <= batch <= min(axis, positions):
            raise ModelError(f"expected at most {min(axis, positions)} batch dimensions, got {self.batch_dims}")
        return axis, batch

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        axis, batch = self._axes(len(known(specs.input(0))), len(known(specs.input(1))))
        shape = known(specs.output())

        def run(x: Array, positions: Array) -> Array:
            room(shape, x.dtype)
            with indices("inputs[1]"):
                return gather(x, positions, axis, batch)

        step = moving(Step(run), specs)
        x, positions = specs.input(0), specs.input(1)
        if positions.value is not None or x.type.dtype.hasobject or x.type.bits < 8:
            return step

        def compiled(target: Target) -> Compiled | str:
            whole, bits = known(x), positions.type.bits
            size = volume(whole[axis + 1 :]) * x.type.dtype.itemsize
            slices = Slices(
                volume(whole[:batch]), volume(whole[batch:axis]), whole[axis], volume(known(positions)[batch:]), size
            )
            return plan_gather(target, slices, bits, (0, 1), "inputs[1]")

        return replace(step, compiled=compiled)

    def version(self, specs: Specs) -> int:
        x, positions = specs.input(0), specs.input(1)
        if x.type is T.INT4:
            return 7
        if positions.type is T.INT16:
            return 6
        if self.batch_dims != 0:
            return 5
        return oldest(x, {T.INT16: 4, T.BOOL: 3, T.INT8: 2})
