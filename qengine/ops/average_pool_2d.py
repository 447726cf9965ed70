"""AVERAGE_POOL_2D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..delegate import FLOATS, takes_fused
from ..kernels import emit, reference
from ..kernels.emit import float32
from ..kernels.profile import Profile
from ..kernels.reference.pooling import average_pool_float32, average_pool_integer
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ._pooling import Pool


@dataclass(frozen=True, eq=False)
class AveragePool2D(Pool):
    """x (n h w c) -> means of windows (n oh ow c). Integers are averaged as they are: no scale is applied."""

    code: ClassVar[int] = 1
    known_versions: ClassVar[Versions] = Versions(3)

    def delegated(self, specs: Specs) -> bool:
        return specs.input(0).type in FLOATS and self.takes_window() and takes_fused(self.fused_activation_function)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check(specs, profile, TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16)
        if specs.input(0).type is TensorType.FLOAT32:
            kernel = profile.pick(reference=average_pool_float32, xnnpack=reference.xnnpack_floats.average_pool)
            return self.plan_float(specs, profile, kernel, float32.pool.plan_average_pool)
        bounds = self.bounds(specs.output(), profile)
        return self.plan_integer(specs, average_pool_integer, bounds, emit.pool.plan_average_pool, "average")
