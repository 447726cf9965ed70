"""FLOOR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, Specs, Step
from ._activation import plan_float
from ._elementwise import Elementwise

T = TensorType


@dataclass(frozen=True, eq=False)
class Floor(Elementwise):
    """The largest integer not above x."""

    code: ClassVar[int] = 8
    types: ClassVar = (T.FLOAT32, T.FLOAT16, T.BFLOAT16)
    xnnpack: ClassVar = ()
    retypes: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        return plan_float("floor", specs, profile, np.floor)
