"""GELU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..kernels.reference import xnnpack_floats
from ..kernels.reference.activations import gelu, gelu_tanh, gelu_tanh_cubed
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ._activation import plan_float, plan_table
from ._elementwise import Elementwise, plain

T = TensorType


@dataclass(frozen=True, eq=False)
class Gelu(Elementwise):
    """x times the normal distribution function; with `approximate`, by a formula with tanh."""

    code: ClassVar[int] = 150
    known_versions: ClassVar[Versions] = Versions(3, reference=2)
    types: ClassVar = (T.FLOAT32, T.FLOAT16, T.INT8, T.UINT8, T.INT16)
    versions: ClassVar = {T.FLOAT16: 3, T.INT8: 2, T.UINT8: 2}
    xnnpack: ClassVar = ()

    approximate: bool = False

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x, output = specs.input(0), specs.output()
        if x.type not in (T.FLOAT32, T.FLOAT16):
            return plan_table("gelu", specs, profile, gelu_tanh if self.approximate else gelu)
        if x.type is T.FLOAT16:
            return plain("gelu", gelu_tanh_cubed if self.approximate else gelu, output)
        function = (
            profile.pick(reference=gelu_tanh_cubed, xnnpack=xnnpack_floats.gelu_tanh)
            if self.approximate
            else profile.pick(reference=gelu, xnnpack=xnnpack_floats.gelu)
        )
        return plan_float("gelu", specs, profile, function)
