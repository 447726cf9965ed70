"""TANH."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from ..kernels.arrays import Int64Array, IntegerArray
from ..kernels.fixed_point import saturate
from ..kernels.gemmlowp import tanh as tanh_fixed_point
from ..kernels.profile import Profile
from ..kernels.reference import c_library, eigen_floats, xnnpack_floats
from ..kernels.reference.activations import tanh
from ..kernels.reference.sigmoid_int16 import InputScale, tanh_int16
from ..model import TensorType
from ..op import Fixed, Graphs, Rule, Specs, Step, Versions
from ..scales import scale_of
from ._activation import check_scale, plan_float, plan_table, power_of_two
from ._elementwise import Elementwise, quantized, zero_points

T = TensorType


@dataclass(frozen=True, eq=False)
class Tanh(Elementwise):
    """tanh(x). Quantization gives 8-bit outputs scale 1/128, though any runs; 16-bit ones must have 1/32768.

    16-bit numbers of scale 2**-12 or 2**-11 go through fixed-point arithmetic in the optimized kernels, all others
    through a table.
    """

    code: ClassVar[int] = 28
    known_versions: ClassVar[Versions] = Versions(3)
    rule: ClassVar[Rule] = Fixed({T.INT8: (1 / 128, 0), T.UINT8: (1 / 128, 128), T.INT16: (1 / 32768, 0)})
    types: ClassVar = (T.FLOAT32, T.FLOAT16, T.BFLOAT16, T.INT8, T.UINT8, T.INT16)
    versions: ClassVar = {T.INT8: 2, T.INT16: 3}
    xnnpack: ClassVar = (T.INT8, T.UINT8)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x = specs.input(0)
        if x.type is T.INT16:
            return self._plan_int16(specs, profile)
        if x.type in (T.INT8, T.UINT8):
            return plan_table("tanh", specs, profile, tanh)
        if x.type is T.FLOAT32:
            function = profile.pick(reference=c_library.tanh, optimized=eigen_floats.tanh, xnnpack=xnnpack_floats.tanh)
            return plan_float("tanh", specs, profile, function)
        return plan_float("tanh", specs, profile, tanh)

    def _plan_int16(self, specs: Specs, profile: Profile) -> Step:
        zero_points(specs, must_be_zero=True)
        check_scale(specs.output(), 1 / 32768)
        scale = float(scale_of(specs.input(0), "inputs[0]"))
        exponent = power_of_two(scale, (0, 1))
        limits = (-32768, 32767)
        if exponent is not None and profile is not Profile.REFERENCE:
            rule = partial(_fixed_point, exponent=exponent)
            return quantized("tanh", rule, specs.output(), limits, "fixed point, scale a power of two")
        steps = InputScale.of(scale) if exponent is None else InputScale.power_of_two(exponent)
        return quantized("tanh", partial(tanh_int16, scale=steps), specs.output(), limits, "table")


def _fixed_point(q: IntegerArray, exponent: int) -> Int64Array:
    return tanh_fixed_point(saturate(q.astype("int64") << exponent, 16), 3)
