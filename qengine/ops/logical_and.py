"""LOGICAL_AND."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, Specs, Step
from ._elementwise import Elementwise, plain
from ._numbers import native_flags

T = TensorType


@dataclass(frozen=True, eq=False)
class LogicalAnd(Elementwise):
    """a and b."""

    code: ClassVar[int] = 86
    types: ClassVar = (T.BOOL,)
    inputs: ClassVar[int] = 2
    retypes: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        return plain("logical_and", np.logical_and, specs.output(), native=native_flags("and", specs))
