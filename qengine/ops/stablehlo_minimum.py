"""STABLEHLO_MINIMUM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..kernels.reference.extremes import minimum_of_first
from ..op import Graphs, Specs, Step
from ._stablehlo import StablehloBinary


@dataclass(frozen=True, eq=False)
class StablehloMinimum(StablehloBinary):
    """The smaller of a and b, which is a where either is NaN."""

    code: ClassVar[int] = 181

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return self.apply(specs, profile, minimum_of_first)
