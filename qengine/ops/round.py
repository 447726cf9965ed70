"""ROUND."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ._activation import plan_float
from ._elementwise import Elementwise

T = TensorType


@dataclass(frozen=True, eq=False)
class Round(Elementwise):
    """The nearest integer, ties to even."""

    code: ClassVar[int] = 116
    known_versions: ClassVar[Versions] = Versions(1, reference=0)
    types: ClassVar = (T.FLOAT32, T.FLOAT16, T.BFLOAT16)
    xnnpack: ClassVar = ()
    retypes: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        return plan_float("round", specs, profile, np.rint)
