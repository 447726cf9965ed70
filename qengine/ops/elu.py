"""ELU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..kernels.reference import xnnpack_floats
from ..kernels.reference.activations import elu
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ._activation import plan_float, plan_table
from ._elementwise import Elementwise

T = TensorType


@dataclass(frozen=True, eq=False)
class Elu(Elementwise):
    """x, and exp(x) - 1 below 0. The runtime's reference kernel set lacks it: there the optimized kernel runs."""

    code: ClassVar[int] = 111
    known_versions: ClassVar[Versions] = Versions(1, reference=0)
    types: ClassVar = (T.FLOAT32, T.INT8)
    xnnpack: ClassVar = (T.INT8,)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        if specs.input(0).type is T.INT8:
            return plan_table("elu", specs, profile, elu)
        return plan_float("elu", specs, profile, profile.pick(reference=elu, xnnpack=xnnpack_floats.elu))
