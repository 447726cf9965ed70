"""STABLEHLO_MAXIMUM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..kernels.reference.extremes import maximum_of_first
from ..op import Graphs, Specs, Step
from ._stablehlo import StablehloBinary


@dataclass(frozen=True, eq=False)
class StablehloMaximum(StablehloBinary):
    """The larger of a and b, which is a where either is NaN."""

    code: ClassVar[int] = 166

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return self.apply(specs, profile, maximum_of_first)
