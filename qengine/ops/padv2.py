"""PADV2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..model import Shape
from ..op import Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from . import _padding


@dataclass(frozen=True, eq=False)
class PadV2(Op):
    """x, paddings (rank, 2), value (one) -> x with so many of the value before and after each dimension."""

    code: ClassVar[int] = 60
    known_versions: ClassVar[Versions] = Versions(6)
    rule: ClassVar[Rule] = LikeInput((0, 2))

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        return _padding.infer(specs)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return _padding.plan(specs, profile)

    def version(self, specs: Specs) -> int:
        return _padding.version(specs)
