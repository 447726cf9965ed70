"""RANDOM_STANDARD_NORMAL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..kernels.reference.random_bits import standard_normal
from ..op import Graphs, Specs, Step
from ._random import RandomOfShape


@dataclass(frozen=True, eq=False)
class RandomStandardNormal(RandomOfShape):
    """shape (int32, any number of lengths) -> float32 numbers of mean 0 and variance 1."""

    code: ClassVar[int] = 146

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return self.filling(specs, standard_normal)
