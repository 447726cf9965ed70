"""FILL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..memory import room
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import of_rank
from ._operands import INDICES, arity, integers, of_type, oldest, same_scale, same_type, whole

T = TensorType


@dataclass(frozen=True, eq=False)
class Fill(Op):
    """shape (rank), value () -> that shape full of the value."""

    code: ClassVar[int] = 94
    known_versions: ClassVar[Versions] = Versions(5)
    rule: ClassVar[Rule] = LikeInput((1,))

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 2)
        shape, value, output = specs.input(0), specs.input(1), specs.output()
        of_rank(shape, 1, "inputs[0]")
        of_rank(value, 0, "inputs[1]")
        of_type(shape, INDICES, "inputs[0]")
        same_type(output, value, "outputs[0]")
        return DYNAMIC if shape.value is None else [filled(shape.value)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        value = specs.input(1)
        same_scale(specs.output(), value, "outputs[0]")
        if value.type is T.INT16 and whole(value)[1] != 0:
            raise ModelError(f"expected zero point 0 with INT16, got {whole(value)[1]}", "inputs[1]")

        def run(shape: Array, value: Array) -> Array:
            return np.full(room(filled(shape), value.dtype), value, value.dtype)

        return Step(run)

    def version(self, specs: Specs) -> int:
        return oldest(specs.input(1), {T.FLOAT16: 4, T.INT8: 3, T.INT16: 3, T.BOOL: 2, T.STRING: 2})


def filled(shape: Array) -> Shape:
    lengths = integers(shape)
    if any(not 0 <= length < 2**31 for length in lengths):
        raise ModelError(f"expected lengths from 0 to 2**31 - 1, got {list(lengths)}", "inputs[0]")
    return lengths
