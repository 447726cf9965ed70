"""REDUCE_MIN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..op import Graphs, Specs, Step, Versions
from ._extremes import extreme_kernel, native_extreme
from ._reduction import QUANTIZED, Reduction, T, check_same_quantization


@dataclass(frozen=True, eq=False)
class ReduceMin(Reduction):
    """x, axes -> the smallest. Integers are compared as they are: no scale is applied."""

    code: ClassVar[int] = 89
    known_versions: ClassVar[Versions] = Versions(3)

    def delegated(self, specs: Specs) -> bool:
        return self.taken(specs)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check(specs, T.FLOAT32, T.INT32, T.INT64, *QUANTIZED)
        if profile is not Profile.XNNPACK:
            check_same_quantization(specs)
        kernel = extreme_kernel(specs.input(0).type, profile, np.fmin)
        return self.steps(specs, kernel, native=native_extreme("min", specs, profile))
