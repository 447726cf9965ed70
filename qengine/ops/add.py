"""ADD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ..options import ActivationFunctionType
from ._elementwise import Elementwise, is_quantized
from ._sum import plan_plain, plan_quantized, takes_sum

T = TensorType


@dataclass(frozen=True, eq=False)
class Add(Elementwise):
    """a + b. int16 numbers without quantization are plain integers."""

    code: ClassVar[int] = 0
    known_versions: ClassVar[Versions] = Versions(6, reference=5)
    inputs: ClassVar[int] = 2
    types: ClassVar = (T.FLOAT32, T.FLOAT16, T.INT32, T.INT64, T.INT16, T.INT8, T.UINT8)
    retypes: ClassVar[bool] = True

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    pot_scale_int16: bool = True

    def delegated(self, specs: Specs) -> bool:
        return takes_sum(specs, self.fused_activation_function)

    def block(self, specs: Specs, profile: Profile) -> int:
        return 8 if profile is Profile.OPTIMIZED and specs.input(0).type in (T.INT8, T.UINT8) else 1

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x = specs.input(0)
        if x.type in (T.INT8, T.UINT8) or (x.type is T.INT16 and is_quantized(x)):
            return plan_quantized("add", specs, profile, self.fused_activation_function, self.pot_scale_int16, 1)
        return plan_plain("add", specs, profile, self.fused_activation_function, 1)

    def version(self, specs: Specs) -> int:
        x = specs.input(0)
        if x.type is T.INT16 and is_quantized(x):
            return 1 if self.pot_scale_int16 else 3
        return {T.INT8: 2, T.INT64: 4, T.INT16: 5, T.FLOAT16: 6}.get(x.type, 1)
