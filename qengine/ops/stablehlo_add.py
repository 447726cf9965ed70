"""STABLEHLO_ADD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..op import Graphs, Specs, Step
from ._stablehlo import StablehloBinary


@dataclass(frozen=True, eq=False)
class StablehloAdd(StablehloBinary):
    """a + b; of flags: a or b."""

    code: ClassVar[int] = 163

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return self.apply(specs, profile, np.add)
