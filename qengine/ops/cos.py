"""COS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..kernels.reference import activations, xnnpack_floats
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ._activation import plan_float
from ._elementwise import Elementwise

T = TensorType


@dataclass(frozen=True, eq=False)
class Cos(Elementwise):
    """cos(x). XNNPACK loses track of numbers beyond 1e6."""

    code: ClassVar[int] = 108
    known_versions: ClassVar[Versions] = Versions(2, reference=1)
    types: ClassVar = (T.FLOAT32, T.FLOAT16)
    versions: ClassVar = {T.FLOAT16: 2}
    xnnpack: ClassVar = ()

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        function = profile.pick(reference=activations.cos, xnnpack=xnnpack_floats.cos)
        return plan_float("cos", specs, profile, function)
