"""PACK."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Graphs, LikeOutput, Op, Rule, Specs, Step, Versions
from ..shapes import axis_of, known
from ._moving import moving
from ._operands import NUMBERS, arity, of_type, oldest, same_scale, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class Pack(Op):
    """`values_count` tensors of one shape -> one, with a new dimension `axis` that counts them."""

    code: ClassVar[int] = 83
    known_versions: ClassVar[Versions] = Versions(5)
    rule: ClassVar[Rule] = LikeOutput()

    values_count: int = 0
    axis: int = 0

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, self.values_count)
        first = specs.input(0)
        of_type(first, (*NUMBERS, T.UINT32), "inputs[0]")
        same_type(specs.output(), first, "outputs[0]")
        for i in range(1, self.values_count):
            part = specs.input(i)
            same_type(part, first, f"inputs[{i}]")
            if known(part) != known(first):
                raise ModelError(f"expected shape {list(known(first))}, got {list(known(part))}", f"inputs[{i}]")
        axis = axis_of(self.axis, len(known(first)) + 1)
        return [(*known(first)[:axis], self.values_count, *known(first)[axis:])]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        for i in range(self.values_count):
            same_scale(specs.input(i), specs.output(), f"inputs[{i}]")

        return moving(Step(lambda *parts: np.stack(parts, self.axis)), specs, range(self.values_count))

    def version(self, specs: Specs) -> int:
        return oldest(specs.input(0), {T.INT8: 2, T.INT16: 3, T.UINT32: 4})
