"""ABS."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from ..kernels.arrays import Int64Array, IntegerArray
from ..kernels.profile import Profile
from ..kernels.reference.quantized_activations import ZeroPoints, rescale
from ..kernels.requantizers import DoubleRounding
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ..scales import scale_of
from ._activation import plan_float
from ._elementwise import Elementwise, ends, is_quantized, limits_of, plain, quantized

T = TensorType


@dataclass(frozen=True, eq=False)
class Abs(Elementwise):
    """|x|. int16 numbers without quantization are plain integers; the smallest integer stays as it is."""

    code: ClassVar[int] = 101
    known_versions: ClassVar[Versions] = Versions(5, reference=3)
    types: ClassVar = (T.FLOAT32, T.INT8, T.INT16, T.INT32)
    xnnpack: ClassVar = ()

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x, output = specs.input(0), specs.output()
        if x.type in (T.FLOAT32, T.FLOAT16):
            return plan_float("abs", specs, profile, np.abs)
        if x.type is T.INT32 or (x.type is T.INT16 and not is_quantized(x)):
            return plain("abs", np.abs, output)
        ratio = scale_of(x, "inputs[0]") / scale_of(output, "outputs[0]")
        rule = partial(
            _magnitude,
            zero_points=ends(specs, must_be_zero=x.type is T.INT16),
            rule=DoubleRounding.from_real(np.asarray(ratio)),
        )
        return quantized("abs", rule, output, limits_of(output))

    def version(self, specs: Specs) -> int:
        x = specs.input(0)
        if x.type is T.INT16:
            return 3 if is_quantized(x) else 4
        return {T.INT32: 5, T.INT8: 2}.get(x.type, 1)


def _magnitude(q: IntegerArray, zero_points: ZeroPoints, rule: DoubleRounding) -> Int64Array:
    magnitude = np.abs(q.astype(np.int64) - zero_points.input)
    return rescale(magnitude, ZeroPoints(0, zero_points.output), rule)
