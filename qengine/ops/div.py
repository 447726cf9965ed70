"""DIV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..delegate import takes_fused
from ..kernels.arrays import AnyArray, Int64Array
from ..kernels.profile import Profile
from ..kernels.reference.add import ZeroPoints
from ..kernels.reference.multiply import divide
from ..kernels.reference.subnormals import flush_subnormals
from ..kernels.requantizers import DoubleRounding
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ..options import ActivationFunctionType
from ..scales import scale_of
from ._elementwise import (
    Elementwise,
    plain,
    plain_clamp,
    quantized,
    quantized_bounds,
    refuse_overflow,
    refuse_zero,
    stretches_beyond_4,
    zero_points,
)
from ._floats import native_binary

T = TensorType


@dataclass(frozen=True, eq=False)
class Div(Elementwise):
    """a / b; int32 truncates. A divisor that is 0 (quantized: its zero point) is refused, but for floats."""

    code: ClassVar[int] = 42
    known_versions: ClassVar[Versions] = Versions(2)
    inputs: ClassVar[int] = 2
    types: ClassVar = (T.FLOAT32, T.INT32, T.INT8, T.UINT8, T.INT16)
    xnnpack: ClassVar = ()
    retypes: ClassVar[bool] = True

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE

    def delegated(self, specs: Specs) -> bool:
        return super().delegated(specs) and takes_fused(self.fused_activation_function)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x, output = specs.input(0), specs.output()
        if x.type in (T.INT8, T.UINT8, T.INT16):
            return self._plan_quantized(specs, profile)
        clamp = plain_clamp(output.type, self.fused_activation_function, profile)
        if x.type is T.INT32:
            return plain("div", _divide_int32, output, clamp)
        flush = profile is Profile.XNNPACK
        native = native_binary("div", specs, clamp.bounds, flush=flush)
        return plain("div", _divide_flushed if flush else np.divide, output, clamp, native)

    def _plan_quantized(self, specs: Specs, profile: Profile) -> Step:
        output = specs.output()
        points = ZeroPoints(*zero_points(specs, must_be_zero=False))
        divisor = scale_of(specs.input(1), "inputs[1]") * scale_of(output, "outputs[0]")
        rule = DoubleRounding.from_real(np.asarray(scale_of(specs.input(0), "inputs[0]") / divisor))

        def quotients(a: AnyArray, b: AnyArray) -> Int64Array:
            refuse_zero(b, points.b)
            return divide(a, b, points, rule)

        return quantized("div", quotients, output, quantized_bounds(output, self.fused_activation_function, profile))

    def version(self, specs: Specs) -> int:
        return 2 if stretches_beyond_4(specs) else 1


def _divide_int32(a: AnyArray, b: AnyArray) -> AnyArray:
    refuse_zero(b)
    refuse_overflow(a, b)
    wide: AnyArray = a.astype(np.int64)
    return np.asarray(np.sign(wide) * np.sign(b) * (np.abs(wide) // np.abs(b.astype(np.int64))))


def _divide_flushed(a: AnyArray, b: AnyArray) -> AnyArray:
    return np.divide(flush_subnormals(a), flush_subnormals(b))
