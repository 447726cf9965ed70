"""UNPACK."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Array, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import axis_of, known
from ._moving import moving
from ._operands import arity, of_type, oldest, same_scale, same_type

T = TensorType
TYPES = (T.FLOAT32, T.FLOAT16, T.BFLOAT16, T.INT32, T.UINT8, T.INT8, T.INT16, T.BOOL)


@dataclass(frozen=True, eq=False)
class Unpack(Op):
    """x -> its `num` slices along dimension `axis`, which they no longer have."""

    code: ClassVar[int] = 88
    known_versions: ClassVar[Versions] = Versions(6)
    rule: ClassVar[Rule] = LikeInput()

    num: int = 0
    axis: int = 0

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 1, self.num)
        x = specs.input(0)
        shape = known(x)
        of_type(x, TYPES, "inputs[0]")
        axis = axis_of(self.axis, len(shape))
        if 0 in shape or shape[axis] != self.num:
            raise ModelError(f"expected {self.num} slices along axis {axis}, got shape {list(shape)}", "inputs[0]")
        for i, output in enumerate(specs.outputs):
            same_type(output, x, f"outputs[{i}]")
        return [(*shape[:axis], *shape[axis + 1 :])] * self.num

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        for i, output in enumerate(specs.outputs):
            same_scale(output, specs.input(0), f"outputs[{i}]")

        def run(x: Array) -> tuple[Array, ...]:
            return tuple(np.moveaxis(x, self.axis, 0)[i, ...] for i in range(self.num))

        return moving(Step(run), specs)

    def version(self, specs: Specs) -> int:
        x = specs.input(0)
        return oldest(x, {T.INT8: 2, T.UINT8: 2, T.BOOL: 3, T.INT16: 4, T.FLOAT16: 5, T.BFLOAT16: 5})
