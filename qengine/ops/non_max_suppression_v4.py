"""NON_MAX_SUPPRESSION_V4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..model import Shape
from ..op import Array, Dynamic, Graphs, Op, Rule, Specs, Step, Unquantized
from . import _suppression


@dataclass(frozen=True, eq=False)
class NonMaxSuppressionV4(Op):
    """boxes (n, 4), scores (n), limit, overlap, lowest score -> the boxes chosen, (limit), and how many, ().

    As many as the limit: 0 behind the last one chosen.
    """

    code: ClassVar[int] = 120
    rule: ClassVar[Rule] = Unquantized()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        return _suppression.infer(specs, 5, 2)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(boxes: Array, scores: Array, limit: Array, overlap: Array, lowest: Array) -> tuple[Array, ...]:
            found, _, count = _suppression.choose(boxes, scores, limit, overlap, lowest, np.zeros((), np.float32))
            return found, count

        return Step(run)
