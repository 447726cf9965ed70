"""LEAKY_RELU."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..kernels.reference import activations
from ..kernels.reference.quantized_activations import Slopes, leaky_relu, leaky_relu_xnnpack
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ..scales import scale_of
from ._activation import plan_float
from ._elementwise import Elementwise, ends, limits_of, quantized

T = TensorType


@dataclass(frozen=True, eq=False)
class LeakyRelu(Elementwise):
    """x, and alpha * x below 0. alpha may be negative or above 1."""

    code: ClassVar[int] = 98
    known_versions: ClassVar[Versions] = Versions(2)
    types: ClassVar = (T.FLOAT32, T.INT8, T.UINT8, T.INT16)
    versions: ClassVar = {T.INT16: 2}
    xnnpack: ClassVar = (T.INT8, T.UINT8)

    alpha: float = 0.0

    def delegated(self, specs: Specs) -> bool:
        """XNNPACK takes slopes, as they are on quantized numbers, of 1/256 to 128; the lower one may be negative."""
        if not super().delegated(specs) or not _is_normal(self.alpha):
            return False
        x, output = specs.input(0), specs.output()
        if x.type in (T.FLOAT32, T.FLOAT16) or output.type in (T.FLOAT32, T.FLOAT16):
            return True
        with np.errstate(all="ignore"):
            above = np.float32(x.scale) / np.float32(output.scale)
            below = above * np.float32(self.alpha)
        return bool(2**-8 <= above <= 128 and -127.99609375 <= below <= 128 and abs(below) >= 2**-8)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x, output = specs.input(0), specs.output()
        if x.type in (T.FLOAT32, T.FLOAT16):
            return plan_float("leaky_relu", specs, profile, partial(activations.leaky_relu, alpha=self.alpha))
        points = ends(specs, must_be_zero=x.type is T.INT16)
        scale, output_scale = scale_of(x, "inputs[0]"), scale_of(output, "outputs[0]")
        if profile is Profile.XNNPACK:
            above = scale / output_scale
            multipliers = int(np.rint(256 * above)), int(np.rint(256 * (above * np.float32(self.alpha))))
            rule = partial(leaky_relu_xnnpack, zero_points=points, multipliers=multipliers)
            return quantized("leaky_relu", rule, output, limits_of(output), "multipliers in 1/256")
        slopes = Slopes.of(float(scale / output_scale), float(scale * np.float32(self.alpha) / output_scale))
        rule = partial(leaky_relu, zero_points=points, slopes=slopes)
        return quantized("leaky_relu", rule, output, limits_of(output))


def _is_normal(alpha: float) -> bool:
    return bool(np.isfinite(alpha) and abs(np.float32(alpha)) >= np.finfo(np.float32).tiny)
