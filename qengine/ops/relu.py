"""RELU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ..options import ActivationFunctionType
from ._activation import plan_rectifier
from ._elementwise import Elementwise

T = TensorType


@dataclass(frozen=True, eq=False)
class Relu(Elementwise):
    """max(x, 0)."""

    code: ClassVar[int] = 19
    known_versions: ClassVar[Versions] = Versions(3)
    types: ClassVar = (T.FLOAT32, T.INT8, T.UINT8, T.INT16)
    versions: ClassVar = {T.INT8: 2, T.UINT8: 2, T.INT16: 3}
    xnnpack: ClassVar = ()

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        return plan_rectifier("relu", specs, profile, ActivationFunctionType.RELU.bounds)
