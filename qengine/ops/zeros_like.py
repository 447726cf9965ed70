"""ZEROS_LIKE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, Specs, Step
from ._elementwise import Elementwise, plain

T = TensorType


@dataclass(frozen=True, eq=False)
class ZerosLike(Elementwise):
    """Zeros of the input's shape."""

    code: ClassVar[int] = 93
    types: ClassVar = (T.FLOAT32, T.INT32, T.INT64)
    retypes: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        return plain("zeros_like", np.zeros_like, specs.output())
