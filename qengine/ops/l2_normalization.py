"""L2_NORMALIZATION."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.normalization import l2_normalize, l2_normalize_int8, l2_normalize_uint8
from ..model import TensorType
from ..op import Fixed, Graphs, Rule, Specs, Step, Versions
from ..options import ActivationFunctionType
from ..scales import zero_point_of
from ..shapes import known
from ._activation import check_scale
from ._elementwise import Elementwise, limits_of, plain, quantized

T = TensorType
_POINTS = {T.INT8: 0, T.UINT8: 128}


@dataclass(frozen=True, eq=False)
class L2Normalization(Elementwise):
    """x over its Euclidean norm along the last axis. Quantized outputs have scale 1/128 and zero point 0 or 128."""

    code: ClassVar[int] = 11
    known_versions: ClassVar[Versions] = Versions(2)
    rule: ClassVar[Rule] = Fixed({T.INT8: (1 / 128, 0), T.UINT8: (1 / 128, 128)})
    types: ClassVar = (T.FLOAT32, T.INT8, T.UINT8)
    versions: ClassVar = {T.INT8: 2}

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE

    def block(self, specs: Specs, profile: Profile) -> int:
        return 0

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x, output = specs.input(0), specs.output()
        if len(known(x)) == 0:
            raise ModelError("expected at least one dimension, got a scalar", "inputs[0]")
        if self.fused_activation_function is not ActivationFunctionType.NONE:
            raise ModelError(f"expected no activation, got {self.fused_activation_function.name}", "builtin_options")
        if x.type is T.FLOAT32:
            return plain("l2_normalization", l2_normalize, output)
        check_scale(output, 1 / 128)
        if zero_point_of(output, "outputs[0]") != _POINTS[output.type]:
            raise ModelError(f"expected zero point {_POINTS[output.type]}, got {output.zero_point}", "outputs[0]")
        kernel = l2_normalize_int8 if x.type is T.INT8 else l2_normalize_uint8
        rule = partial(kernel, zero_point=zero_point_of(x, "inputs[0]"))
        return quantized("l2_normalization", rule, output, limits_of(output))
