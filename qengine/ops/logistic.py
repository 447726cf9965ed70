"""LOGISTIC."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from ..kernels.arrays import FloatingArray
from ..kernels.bfloat16 import from_bfloat16, to_bfloat16
from ..kernels.gemmlowp import logistic as logistic_fixed_point
from ..kernels.profile import Profile
from ..kernels.reference import eigen_floats, xnnpack_floats
from ..kernels.reference.activations import logistic, logistic_cut, logistic_of_power, logistic_rounded
from ..kernels.reference.sigmoid_int16 import InputScale, logistic_int16
from ..model import TensorType
from ..op import Fixed, Graphs, Rule, Specs, Step, Versions
from ..scales import scale_of
from ._activation import check_scale, plan_float, plan_table, power_of_two
from ._elementwise import Elementwise, plain, quantized, zero_points

T = TensorType


@dataclass(frozen=True, eq=False)
class Logistic(Elementwise):
    """1 / (1 + exp(-x)). The output's scale is 1/256 for 8-bit numbers, 1/32768 for 16-bit ones.

    16-bit numbers of scale 2**-12 go through fixed-point arithmetic in the optimized kernels, others through a table.
    """

    code: ClassVar[int] = 14
    known_versions: ClassVar[Versions] = Versions(3)
    rule: ClassVar[Rule] = Fixed({T.INT8: (1 / 256, -128), T.UINT8: (1 / 256, 0), T.INT16: (1 / 32768, 0)})
    types: ClassVar = (T.FLOAT32, T.FLOAT16, T.BFLOAT16, T.INT8, T.UINT8, T.INT16)
    versions: ClassVar = {T.INT8: 2, T.INT16: 3}
    xnnpack: ClassVar = (T.INT8, T.UINT8)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x = specs.input(0)
        if x.type is T.INT16:
            return self._plan_int16(specs, profile)
        if x.type is T.FLOAT16 and profile is Profile.OPTIMIZED:
            return plain("logistic", logistic_of_power, specs.output())
        if x.type is T.BFLOAT16 and profile is Profile.OPTIMIZED:
            return plan_float("logistic", specs, profile, partial(logistic_of_power, rounded=_bfloat16))
        if x.type is T.FLOAT32:
            function = profile.pick(
                reference=logistic_cut, optimized=eigen_floats.logistic, xnnpack=xnnpack_floats.logistic
            )
            return plan_float("logistic", specs, profile, function)
        if x.type not in (T.INT8, T.UINT8):
            return plan_float("logistic", specs, profile, logistic)
        if profile is not Profile.XNNPACK:
            check_scale(specs.output(), 1 / 256)
        function = profile.pick(reference=logistic, xnnpack=logistic_rounded)
        return plan_table("logistic", specs, profile, function)

    def _plan_int16(self, specs: Specs, profile: Profile) -> Step:
        zero_points(specs, must_be_zero=True)
        check_scale(specs.output(), 1 / 32768)
        scale = float(scale_of(specs.input(0), "inputs[0]"))
        exponent = power_of_two(scale, (0,))
        limits = (-32768, 32767)
        if exponent is not None and profile is not Profile.REFERENCE:
            rule = partial(logistic_fixed_point, integer_bits=3)
            return quantized("logistic", rule, specs.output(), limits, "fixed point, scale 2**-12")
        steps = InputScale.of(scale) if exponent is None else InputScale.power_of_two(exponent)
        return quantized("logistic", partial(logistic_int16, scale=steps), specs.output(), limits, "table")


def _bfloat16(x: FloatingArray) -> FloatingArray:
    return from_bfloat16(to_bfloat16(x))
