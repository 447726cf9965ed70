"""STABLEHLO_AND."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ._stablehlo import INTEGERS, StablehloBinary


@dataclass(frozen=True, eq=False)
class StablehloAnd(StablehloBinary):
    """The bits that both have; of flags: a and b."""

    code: ClassVar[int] = 176
    known_versions: ClassVar[Versions] = Versions(1, reference=0)
    types: ClassVar[tuple[TensorType, ...]] = (*INTEGERS, TensorType.BOOL)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return self.apply(specs, profile, np.bitwise_and)
