"""LOG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.arrays import FloatingArray
from ..kernels.profile import Profile
from ..kernels.reference import activations, xnnpack_floats
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ..scales import scale_of, zero_point_of
from ._activation import plan_float, plan_table
from ._elementwise import Elementwise, limits_of

T = TensorType


@dataclass(frozen=True, eq=False)
class Log(Elementwise):
    """ln(x). Quantized numbers of 0 or less give the output's smallest number."""

    code: ClassVar[int] = 73
    known_versions: ClassVar[Versions] = Versions(2)
    types: ClassVar = (T.FLOAT32, T.INT8, T.INT16)
    versions: ClassVar = {T.INT8: 2, T.INT16: 2}
    xnnpack: ClassVar = ()

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        output = specs.output()
        if output.type not in (T.INT8, T.INT16):
            function = profile.pick(reference=activations.log, xnnpack=xnnpack_floats.log)
            return plan_float("log", specs, profile, function)
        steps = limits_of(output)[0] - zero_point_of(output, "outputs[0]")
        lowest = np.float32(steps) * scale_of(output, "outputs[0]")

        def logarithm(x: FloatingArray) -> FloatingArray:
            return np.where(x <= 0, lowest, activations.log(x)).astype(np.float32)

        return plan_table("log", specs, profile, logarithm)
