"""RELU_N1_TO_1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, Specs, Step
from ..options import ActivationFunctionType
from ._activation import plan_rectifier
from ._elementwise import Elementwise

T = TensorType


@dataclass(frozen=True, eq=False)
class ReluN1To1(Elementwise):
    """x clamped to [-1, 1]."""

    code: ClassVar[int] = 20
    types: ClassVar = (T.FLOAT32, T.INT8, T.UINT8)
    xnnpack: ClassVar = ()

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        return plan_rectifier("relu_n1_to_1", specs, profile, ActivationFunctionType.RELU_N1_TO_1.bounds)
