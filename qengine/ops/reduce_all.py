"""REDUCE_ALL."""

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
class ReduceAll(Reduction):
    """x (bool), axes -> whether all of them are true; of nothing, True."""

    code: ClassVar[int] = 140
    rule: ClassVar[Rule] = Unquantized()

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check(specs, T.BOOL)
        return self.steps(specs, partial(reduced, np.logical_and, initial=True))
