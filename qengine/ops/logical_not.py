"""LOGICAL_NOT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, Specs, Step
from ._elementwise import Elementwise, plain
from ._numbers import native_negation

T = TensorType


@dataclass(frozen=True, eq=False)
class LogicalNot(Elementwise):
    """not x."""

    code: ClassVar[int] = 87
    types: ClassVar = (T.BOOL,)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        return plain("logical_not", np.logical_not, specs.output(), native=native_negation(specs))
