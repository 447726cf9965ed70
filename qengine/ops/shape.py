"""SHAPE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, Op, Rule, Specs, Step, Unquantized
from ..shapes import known
from ._operands import INDICES, arity


@dataclass(frozen=True, eq=False)
class Shape(Op):
    """x -> its lengths, known as soon as x's shape is."""

    code: ClassVar[int] = 77
    rule: ClassVar[Rule] = Unquantized()

    out_type: TensorType = TensorType.FLOAT32

    def infer(self, specs: Specs, context: Graphs) -> Sequence[tuple[int, ...]]:
        arity(specs, 1)
        if self.out_type not in INDICES or specs.output().type is not self.out_type:
            raise ModelError(f"expected INT32 or INT64, as the option says, got {specs.output().type.name}", "outputs")
        return [(len(known(specs.input(0))),)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        lengths = np.array(known(specs.input(0)), self.out_type.dtype)
        lengths.flags.writeable = False
        return Step(lambda x: lengths, constant=(lengths,))
