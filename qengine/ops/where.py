"""WHERE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import TensorType
from ..op import DYNAMIC, Dynamic, Graphs, Op, Rule, Specs, Step, Unquantized, Versions
from ..shapes import known
from ._operands import arity, of_type

T = TensorType


@dataclass(frozen=True, eq=False)
class Where(Op):
    """condition -> the coordinates of its elements other than 0, int64 (count, rank), in their order."""

    code: ClassVar[int] = 109
    known_versions: ClassVar[Versions] = Versions(2)
    rule: ClassVar[Rule] = Unquantized()

    def infer(self, specs: Specs, context: Graphs) -> Dynamic:
        arity(specs, 1)
        condition = specs.input(0)
        of_type(condition, (T.BOOL, T.FLOAT32, T.INT64, T.INT32, T.INT8, T.UINT8, T.UINT32), "inputs[0]")
        of_type(specs.output(), (T.INT64,), "outputs[0]")
        if not known(condition):
            raise ModelError("expected a condition with dimensions, got a scalar", "inputs[0]")
        return DYNAMIC

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return Step(lambda condition: np.argwhere(condition).astype(np.int64))

    def version(self, specs: Specs) -> int:
        return 1 if specs.input(0).type is T.BOOL else 2
