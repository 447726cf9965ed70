"""REDUCE_PROD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.reduction import count_of, product_rescaled, reduced
from ..kernels.requantizers import Wide
from ..op import Free, Graphs, Rule, Specs, Step, Versions
from ..scales import scale_of, zero_point_of
from ._reduction import QUANTIZED, Kernel, Reduction, T, check_same_quantization, limits_of


@dataclass(frozen=True, eq=False)
class ReduceProd(Reduction):
    """x, axes -> products. Integers that aren't quantized wrap.

    The scale, input / output**(1 / n) for n factors, is applied after every factor.
    """

    code: ClassVar[int] = 81
    known_versions: ClassVar[Versions] = Versions(2)
    rule: ClassVar[Rule] = Free()

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check(specs, T.FLOAT32, T.INT32, T.INT64, *QUANTIZED)
        x = specs.input(0)
        if x.quantization is None or not x.quantization.is_affine:
            check_same_quantization(specs)
            return self.steps(specs, partial(reduced, np.multiply, initial=1))
        if x.type not in (T.INT8, T.INT16):
            raise ModelError(f"expected INT8 or INT16 with a scale, got {x.type.name}", "inputs[0]")
        return self.steps(specs, _quantized_kernel(specs, copies=profile is not Profile.REFERENCE))

    def version(self, specs: Specs) -> int:
        return 2 if specs.input(0).type is T.INT8 else 1


def _quantized_kernel(specs: Specs, *, copies: bool) -> Kernel:
    """copies: whether numbers pass as they are, not rescaled, where every reduced axis has length 1."""
    x, output = specs.input(0), specs.output()
    s_in, s_out = float(scale_of(x, "inputs[0]")), float(scale_of(output, "outputs[0]"))
    points = zero_point_of(x, "inputs[0]"), zero_point_of(output, "outputs[0]")
    limits = limits_of(output)

    def kernel(x: AnyArray, axes: Sequence[int]) -> AnyArray:
        count = count_of(x, axes)
        if x.size == 0:
            return np.zeros([1 if axis in axes else n for axis, n in enumerate(x.shape)], x.dtype)
        if copies and count == 1:
            return x
        rule = Wide.from_real(np.asarray(s_in / s_out ** (1.0 / count)))
        return product_rescaled(x, axes, points, rule, limits)

    return kernel
