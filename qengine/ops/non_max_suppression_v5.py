"""NON_MAX_SUPPRESSION_V5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..model import Shape
from ..op import Dynamic, Graphs, Op, Rule, Specs, Step, Unquantized
from . import _suppression


@dataclass(frozen=True, eq=False)
class NonMaxSuppressionV5(Op):
    """boxes (n, 4), scores (n), limit, overlap, lowest score, sigma -> the boxes chosen and their scores, (limit) each,
    and how many, ().

    sigma > 0 lowers the scores of boxes that overlap others. As many as the limit: 0 behind the last one chosen.
    """

    code: ClassVar[int] = 121
    rule: ClassVar[Rule] = Unquantized()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        return _suppression.infer(specs, 6, 3)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return Step(_suppression.choose)
