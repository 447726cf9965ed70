"""STABLEHLO_MULTIPLY."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..op import Graphs, Specs, Step
from ._stablehlo import StablehloBinary


@dataclass(frozen=True, eq=False)
class StablehloMultiply(StablehloBinary):
    """a * b; of flags: a and b."""

    code: ClassVar[int] = 165

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return self.apply(specs, profile, np.multiply)
