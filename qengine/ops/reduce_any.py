"""REDUCE_ANY."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..kernels.reference.reduction import reduced
from ..op import Graphs, Rule, Specs, Step, Unquantized
from ._reduction import Reduction, T


@dataclass(frozen=True, eq=False)
class ReduceAny(Reduction):
    """x (bool), axes -> whether any of them is true; of nothing, False."""

    code: ClassVar[int] = 91
    rule: ClassVar[Rule] = Unquantized()

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check(specs, T.BOOL)
        return self.steps(specs, partial(reduced, np.logical_or, initial=False))
