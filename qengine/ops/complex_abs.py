"""COMPLEX_ABS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..op import Graphs, Specs, Step
from ._complex import ComplexPart
from ._elementwise import plain


@dataclass(frozen=True, eq=False)
class ComplexAbs(ComplexPart):
    """The magnitude of complex numbers."""

    code: ClassVar[int] = 135

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        return plain("complex_abs", np.abs, specs.output())
