"""EXP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..kernels.reference import activations, xnnpack_floats
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ._activation import plan_float, plan_table
from ._elementwise import Elementwise

T = TensorType


@dataclass(frozen=True, eq=False)
class Exp(Elementwise):
    """exp(x). XNNPACK gives 0 for NaN."""

    code: ClassVar[int] = 47
    known_versions: ClassVar[Versions] = Versions(2)
    types: ClassVar = (T.FLOAT32, T.INT8, T.INT16)
    versions: ClassVar = {T.INT8: 2, T.INT16: 2}
    xnnpack: ClassVar = ()
    retypes: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        if specs.input(0).type in (T.INT8, T.INT16):
            return plan_table("exp", specs, profile, activations.exp)
        return plan_float("exp", specs, profile, profile.pick(reference=activations.exp, xnnpack=xnnpack_floats.exp))
