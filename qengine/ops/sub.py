"""SUB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ..options import ActivationFunctionType
from ._elementwise import Elementwise, stretches_beyond_4
from ._sum import plan_plain, plan_quantized, takes_sum

T = TensorType


@dataclass(frozen=True, eq=False)
class Sub(Elementwise):
    """a - b. int16 numbers are always quantized ones."""

    code: ClassVar[int] = 41
    known_versions: ClassVar[Versions] = Versions(5)
    inputs: ClassVar[int] = 2
    types: ClassVar = (T.FLOAT32, T.INT32, T.INT64, T.INT16, T.INT8, T.UINT8)
    retypes: ClassVar[bool] = True

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    pot_scale_int16: bool = True

    def delegated(self, specs: Specs) -> bool:
        return takes_sum(specs, self.fused_activation_function)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        if specs.input(0).type in (T.INT8, T.UINT8, T.INT16):
            return plan_quantized("sub", specs, profile, self.fused_activation_function, self.pot_scale_int16, -1)
        return plan_plain("sub", specs, profile, self.fused_activation_function, -1)

    def version(self, specs: Specs) -> int:
        x = specs.input(0)
        if x.type is T.INT16 and not self.pot_scale_int16:
            return 5
        if x.type is T.INT64:
            return 4
        if stretches_beyond_4(specs):
            return 3
        return 2 if x.type is T.INT8 else 1
