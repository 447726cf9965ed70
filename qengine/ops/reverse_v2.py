"""REVERSE_V2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Array, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import axis_of, known, of_rank
from ._moving import moving
from ._operands import arity, integers, of_type, oldest, same_type

T = TensorType


TYPES = (T.FLOAT32, T.FLOAT16, T.BFLOAT16, T.UINT8, T.INT8, T.INT16, T.INT32, T.INT64, T.BOOL)


@dataclass(frozen=True, eq=False)
class ReverseV2(Op):
    """x, axes -> x backwards along those dimensions, which must follow each other; negative ones count from the end."""

    code: ClassVar[int] = 105
    known_versions: ClassVar[Versions] = Versions(4)
    rule: ClassVar[Rule] = LikeInput()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 2)
        x, axes = specs.input(0), specs.input(1)
        of_type(x, TYPES, "inputs[0]")
        of_type(axes, (T.INT32,), "inputs[1]")
        same_type(specs.output(), x, "outputs[0]")
        rank = len(known(x))
        if rank > 8 or of_rank(axes, 1, "inputs[1]")[0] > rank:
            raise ModelError(f"expected at most {min(rank, 8)} axes, got {known(axes)[0]}", "inputs[1]")
        return [known(x)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(x: Array, axes: Array) -> Array:
            found = sorted(axis_of(axis, x.ndim, "inputs[1]") for axis in integers(axes))
            if not found or found != list(range(found[0], found[0] + len(found))):
                # Without axes the runtime's kernel reads beyond them.
                raise ModelError(f"expected axes that follow each other, got {found}", "inputs[1]")
            return np.flip(x, tuple(found))

        return moving(Step(run), specs)

    def version(self, specs: Specs) -> int:
        return oldest(specs.input(0), {T.INT8: 3, T.BOOL: 2})
