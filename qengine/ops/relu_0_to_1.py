"""RELU_0_TO_1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, Specs, Step
from ._activation import plan_rectifier
from ._elementwise import Elementwise

T = TensorType


@dataclass(frozen=True, eq=False)
class Relu0To1(Elementwise):
    """x clamped to [0, 1]."""

    code: ClassVar[int] = 152
    types: ClassVar = (T.FLOAT32, T.INT8, T.UINT8)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        return plan_rectifier("relu_0_to_1", specs, profile, (0.0, 1.0))
