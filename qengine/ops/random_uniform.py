"""RANDOM_UNIFORM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..kernels.reference.random_bits import uniform
from ..op import Graphs, Specs, Step
from ._random import RandomOfShape


@dataclass(frozen=True, eq=False)
class RandomUniform(RandomOfShape):
    """shape (int32, any number of lengths) -> float32 numbers from 0, below 1."""

    code: ClassVar[int] = 148

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return self.filling(specs, uniform)
