"""SUM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from ..errors import Unsupported
from ..kernels import reference
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.reduction import reduced, rescaled, sum_in_float32, sum_in_float32_even
from ..kernels.requantizers import DoubleRounding
from ..op import Free, Graphs, Rule, Specs, Step, Versions
from ..scales import scale_of, zero_point_of
from ._reduction import QUANTIZED, Kernel, Reduction, T, limits_of


@dataclass(frozen=True, eq=False)
class Sum(Reduction):
    """x, axes -> sums. Integers that aren't quantized wrap.

    The reference profile reproduces a fault of the runtime's reference kernel: it reads int8 as uint8, and clamps to
    uint8 before it writes the byte back.
    """

    code: ClassVar[int] = 74
    known_versions: ClassVar[Versions] = Versions(2)
    rule: ClassVar[Rule] = Free()

    def delegated(self, specs: Specs) -> bool:
        return self.taken(specs)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check(specs, T.FLOAT32, T.INT32, T.INT64, *QUANTIZED)
        x, output = specs.input(0), specs.output()
        if x.type not in QUANTIZED:
            native = self.native_float_sum(specs, profile, mean=False) if x.type is T.FLOAT32 else None
            if native is not None and profile is Profile.XNNPACK:
                return self.steps(specs, reference.xnnpack_floats.sums, native=native)
            return self.steps(specs, partial(reduced, np.add, initial=0), native=native)
        points = zero_point_of(x, "inputs[0]"), zero_point_of(output, "outputs[0]")
        if profile is Profile.REFERENCE:
            if x.type is T.INT16:
                raise Unsupported("INT16: the runtime's reference kernel leaves half of the output unset", "inputs[0]")
            scale = float(scale_of(x, "inputs[0]")) / float(scale_of(output, "outputs[0]"))
            rule = DoubleRounding.from_real(np.asarray(scale))
            return self.steps(specs, _of_bytes(partial(rescaled, points=points, rule=rule, limits=(0, 255))))
        ratio = scale_of(x, "inputs[0]") / scale_of(output, "outputs[0]")
        if profile is Profile.XNNPACK:
            kernel = partial(sum_in_float32_even, points=points, scale=ratio, limits=limits_of(output))
            return self.steps(specs, kernel, "Float32 rounding", self.native_sum(specs, lambda count: ratio))
        kernel = partial(sum_in_float32, points=points, scale=ratio, limits=limits_of(output))
        return self.steps(specs, _unless_empty(kernel))

    def version(self, specs: Specs) -> int:
        return 2 if specs.input(0).type is T.INT8 else 1


def _of_bytes(kernel: Kernel) -> Kernel:
    """Reads and writes int8 as uint8."""

    def reinterpreted(x: AnyArray, axes: Sequence[int]) -> AnyArray:
        return kernel(x.view(np.uint8), axes).astype(np.uint8).view(x.dtype)

    return _unless_empty(reinterpreted)


def _unless_empty(kernel: Kernel) -> Kernel:
    """0 where there is nothing to sum, without regard to the zero point."""

    def run(x: AnyArray, axes: Sequence[int]) -> AnyArray:
        if x.size == 0:
            return np.zeros([1 if axis in axes else n for axis, n in enumerate(x.shape)], x.dtype)
        return kernel(x, axes)

    return run
