"""MEAN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels import reference
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.reduction import (
    count_of,
    mean_float32,
    mean_integer,
    mean_of_image,
    mean_rule,
    rescaled,
    sum_in_float32_even,
)
from ..kernels.requantizers import ChannelSplit, Requantizer
from ..op import Free, Graphs, Rule, Specs, Step, Versions
from ..scales import scale_of, zero_point_of
from ._reduction import Kernel, Reduction, T, limits_of


@dataclass(frozen=True, eq=False)
class Mean(Reduction):
    """x, axes -> means. Of nothing: NaN, in integers 0."""

    code: ClassVar[int] = 40
    known_versions: ClassVar[Versions] = Versions(3)
    rule: ClassVar[Rule] = Free()

    def delegated(self, specs: Specs) -> bool:
        return self.taken(specs)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check(specs, T.FLOAT32, T.INT32, T.INT64, T.INT8, T.UINT8, T.INT16)
        kind = specs.input(0).type
        if kind is T.FLOAT32:
            kernel: Kernel = profile.pick(reference=mean_float32, xnnpack=reference.xnnpack_floats.means)
            return self.steps(specs, kernel, native=self.native_float_sum(specs, profile, mean=True))
        if kind in (T.INT32, T.INT64):
            return self.steps(specs, mean_integer)
        if profile is Profile.XNNPACK:
            kernel, scale = _float32_kernel(specs)
            return self.steps(specs, kernel, "Float32 rounding", self.native_sum(specs, scale))
        vectorized = profile is Profile.OPTIMIZED and self.keep_dims and kind is not T.INT16
        image = _image_rule(specs) if vectorized else None
        return self.steps(specs, _integer_kernel(specs, image), native=self.native_mean(specs, image))


def _integer_kernel(specs: Specs, image: ImageRule | None) -> Kernel:
    """image: the rule that an image's mean over h and w has of its own, if it has."""
    x, output = specs.input(0), specs.output()
    scale = float(scale_of(x, "inputs[0]")) / float(scale_of(output, "outputs[0]"))
    points = zero_point_of(x, "inputs[0]"), zero_point_of(output, "outputs[0]")
    limits = limits_of(output)

    def kernel(x: AnyArray, axes: Sequence[int]) -> AnyArray:
        if x.size == 0:
            return np.zeros([1 if axis in axes else n for axis, n in enumerate(x.shape)], x.dtype)
        if image is not None and x.ndim == 4 and tuple(axes) == (1, 2):
            return mean_of_image(x, axes, *image(count_of(x, axes)), limits)
        return rescaled(x, axes, points, mean_rule(scale, count_of(x, axes)), limits)

    return kernel


ImageRule = Callable[[int], tuple[Requantizer, int]]
"""The requantizer and the bias for a number of elements."""


def _image_rule(specs: Specs) -> ImageRule:
    """(n h w c) over h and w: zero points as one bias, the scale in float32 by float32."""
    x, output = specs.input(0), specs.output()
    s_in, s_out = scale_of(x, "inputs[0]"), scale_of(output, "outputs[0]")
    offset = np.float32(zero_point_of(x, "inputs[0]")) * s_in / s_out
    if not np.isfinite(offset):
        raise ModelError(f"expected a zero point within float32 at the output's scale, got {offset}", "outputs[0]")
    half = np.float32(0.5) if offset > 0 else np.float32(-0.5)
    bias = zero_point_of(output, "outputs[0]") - int(offset + half)

    def rule(count: int) -> tuple[Requantizer, int]:
        scale = s_in / (np.float32(count) * s_out)
        return ChannelSplit.from_real(np.asarray(scale), block=16), bias

    return rule


def _float32_kernel(specs: Specs) -> tuple[Kernel, Callable[[int], np.float32]]:
    """The kernel, and the scale that it has for a number of elements."""
    x, output = specs.input(0), specs.output()
    ratio = scale_of(x, "inputs[0]") / scale_of(output, "outputs[0]")
    points = zero_point_of(x, "inputs[0]"), zero_point_of(output, "outputs[0]")
    run = partial(sum_in_float32_even, points=points, limits=limits_of(output))

    def scale(count: int) -> np.float32:
        return np.float32(ratio * (np.float32(1) / np.float32(count)))

    def kernel(x: AnyArray, axes: Sequence[int]) -> AnyArray:
        return run(x, axes, scale=scale(count_of(x, axes)))

    return kernel, scale
