"""LOGICAL_OR."""

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
class LogicalOr(Elementwise):
    """a or b."""

    code: ClassVar[int] = 84
    types: ClassVar = (T.BOOL,)
    inputs: ClassVar[int] = 2
    retypes: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        return plain("logical_or", np.logical_or, specs.output(), native=native_flags("or", specs))
