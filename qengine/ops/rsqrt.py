"""RSQRT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.arrays import FloatingArray, Int64Array, IntegerArray
from ..kernels.lookup import lookup_int16, lookup_table_int16
from ..kernels.profile import Profile
from ..kernels.reference import activations, roots, xnnpack_floats
from ..kernels.requantizers import DoubleRounding
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ..scales import scale_of
from ._activation import plan_float, refuse_negative
from ._elementwise import Elementwise, ends, limits_of, quantized

T = TensorType


@dataclass(frozen=True, eq=False)
class Rsqrt(Elementwise):
    """1 / sqrt(x). Quantized, 0 gives the largest number, and negative numbers are refused while running."""

    code: ClassVar[int] = 76
    known_versions: ClassVar[Versions] = Versions(3)
    types: ClassVar = (T.FLOAT32, T.INT8, T.INT16)
    versions: ClassVar = {T.INT8: 2, T.INT16: 3}
    xnnpack: ClassVar = ()

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x, output = specs.input(0), specs.output()
        if x.type not in (T.INT8, T.INT16):
            function = profile.pick(reference=activations.rsqrt, xnnpack=xnnpack_floats.rsqrt)
            return plan_float("rsqrt", specs, profile, function)
        points = ends(specs, must_be_zero=x.type is T.INT16)
        scale, output_scale = scale_of(x, "inputs[0]"), scale_of(output, "outputs[0]")
        rule = DoubleRounding.from_real(np.asarray(1.0 / float(np.sqrt(scale) * output_scale)))
        largest = np.float32(32767) * output_scale

        def function_of(real: FloatingArray) -> FloatingArray:
            return np.where(real <= 0, largest, activations.rsqrt(real)).astype(np.float32)

        if x.type is T.INT16:
            table = lookup_table_int16(function_of, scale, 0, output_scale, 0)

        def root(q: IntegerArray) -> Int64Array:
            refuse_negative(q, points.input)
            if x.type is T.INT16:
                return lookup_int16(q.astype(np.int16, copy=False), table).astype(np.int64)
            return roots.rsqrt(q, points, rule)

        return quantized("rsqrt", root, output, limits_of(output))
