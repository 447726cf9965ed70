"""LOG_SOFTMAX."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from ..errors import ModelError
from ..kernels.arrays import AnyArray, Int64Array
from ..kernels.profile import Profile
from ..kernels.reference.softmax import (
    FixedInput,
    FixedOutput,
    log_softmax,
    log_softmax_fixed_point,
    log_softmax_table,
    power_table,
)
from ..model import TensorType
from ..op import Fixed, Graphs, Rule, Specs, Step, Versions
from ..scales import scale_of, zero_point_of
from ._activation import check_scale
from ._elementwise import Elementwise, limits_of, plain, quantized
from .softmax import rows

T = TensorType
_POINTS = {T.INT8: 127, T.UINT8: 255}


@dataclass(frozen=True, eq=False)
class LogSoftmax(Elementwise):
    """x less the logarithm of the sum of its powers along the last axis. Quantized outputs have scale 16/256."""

    code: ClassVar[int] = 50
    known_versions: ClassVar[Versions] = Versions(2)
    rule: ClassVar[Rule] = Fixed({T.INT8: (16 / 256, 127), T.UINT8: (16 / 256, 255)})
    types: ClassVar = (T.FLOAT32, T.INT8, T.UINT8)
    versions: ClassVar = {T.INT8: 2}

    def block(self, specs: Specs, profile: Profile) -> int:
        return 0

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x, output = specs.input(0), specs.output()
        if x.shape == ():
            raise ModelError("expected at least one dimension, got a scalar", "inputs[0]")
        if x.type is T.FLOAT32:
            return plain("log_softmax", log_softmax, output)
        check_scale(output, 16 / 256)
        point = zero_point_of(output, "outputs[0]")
        if point != _POINTS[output.type]:
            raise ModelError(f"expected zero point {_POINTS[output.type]}, got {point}", "outputs[0]")
        scale = float(scale_of(x, "inputs[0]"))
        if profile is Profile.REFERENCE:
            numbers = FixedInput.of(scale, 1.0)
            kernel = partial(log_softmax_fixed_point, numbers=numbers, reverse=FixedOutput.of(numbers))
        else:
            kernel = partial(
                log_softmax_table, powers=power_table(scale, 1.0), input_scale=scale, output_scale=16 / 256
            )

        def rule(q: AnyArray) -> Int64Array:
            return kernel(q) + point

        return quantized("log_softmax", rows(rule), output, limits_of(output))
