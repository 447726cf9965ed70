"""UNSORTED_SEGMENT_SUM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..model import Shape
from ..op import Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step
from . import _segments


@dataclass(frozen=True, eq=False)
class UnsortedSegmentSum(Op):
    """x (ids.. rest), ids, count -> (count, rest), the sum of slices by id, without ids below 0."""

    code: ClassVar[int] = 155
    rule: ClassVar[Rule] = LikeInput()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        return _segments.infer(specs)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return _segments.plan(specs, np.add)
