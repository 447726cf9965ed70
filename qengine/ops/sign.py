"""SIGN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ._elementwise import Elementwise, plain
from ._floats import native_unary

T = TensorType


@dataclass(frozen=True, eq=False)
class Sign(Elementwise):
    """1, 0 or -1; NaN stays."""

    code: ClassVar[int] = 158
    known_versions: ClassVar[Versions] = Versions(2)
    types: ClassVar = (T.FLOAT32, T.FLOAT64, T.INT32)
    versions: ClassVar = {T.INT32: 2}

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        return plain("sign", np.sign, specs.output(), native=native_unary(np.sign, specs))
