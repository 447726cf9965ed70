"""MAX_POOL_2D."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from ..delegate import takes_activation, takes_fused
from ..errors import ModelError
from ..kernels import emit
from ..kernels.emit import float32
from ..kernels.profile import Profile
from ..kernels.reference.pooling import max_pool
from ..model import TensorType
from ..op import Graphs, Spec, Specs, Step, Versions
from ..scales import scale_of, zero_point_of
from ._pooling import FLOAT32_MAX, Pool


@dataclass(frozen=True, eq=False)
class MaxPool2D(Pool):
    """x (n h w c) -> the largest of windows (n oh ow c). Integers are compared as they are: no scale is applied."""

    code: ClassVar[int] = 17
    known_versions: ClassVar[Versions] = Versions(3)

    def delegated(self, specs: Specs) -> bool:
        return (
            takes_activation(specs.input(0))
            and takes_activation(specs.output())
            and self.takes_window()
            and takes_fused(self.fused_activation_function)
        )

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check(specs, profile, TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16)
        x, output = specs.input(0), specs.output()
        if x.type is TensorType.FLOAT32:
            lowest = -np.inf if profile is Profile.XNNPACK else -FLOAT32_MAX
            native = partial(float32.pool.plan_max_pool, lowest=lowest)
            return self.plan_float(specs, profile, partial(max_pool, larger=np.fmax, lowest=lowest), native)
        if profile is Profile.XNNPACK:
            _check_same(x, output)
        lowest = np.iinfo(x.type.dtype).min
        kernel = partial(max_pool, larger=np.maximum, lowest=lowest)
        return self.plan_integer(specs, kernel, self.bounds(output, profile), emit.pool.plan_max_pool, "largest")


def _check_same(x: Spec, output: Spec) -> None:
    """XNNPACK pools from one quantization to the same only; other kernels don't look at it."""
    of_x, of_output = ((scale_of(s, "inputs[0]"), zero_point_of(s, "inputs[0]")) for s in (x, output))
    if of_x != of_output:
        raise ModelError(f"expected scale and zero point {of_x} of the input, got {of_output}", "outputs[0]")
