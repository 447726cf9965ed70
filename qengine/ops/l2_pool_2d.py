"""L2_POOL_2D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..kernels.reference.pooling import l2_pool_float32
from ..model import TensorType
from ..op import Free, Graphs, Rule, Specs, Step
from ._pooling import Pool


@dataclass(frozen=True, eq=False)
class L2Pool2D(Pool):
    """x (n h w c) -> root mean squares of windows (n oh ow c); float32 only."""

    code: ClassVar[int] = 12
    rule: ClassVar[Rule] = Free()

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check(specs, profile, TensorType.FLOAT32)
        return self.plan_float(specs, profile, l2_pool_float32)
