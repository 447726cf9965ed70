"""MINIMUM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..kernels.reference.extremes import minimum, xnnpack_order
from ..model import TensorType
from ..op import Graphs, LikeInput, Rule, Specs, Step, Versions
from ._elementwise import Elementwise, plain, plain_bfloat16, stretches_beyond_4
from ._floats import native_extreme
from ._numbers import native_extreme_of_integers

T = TensorType


@dataclass(frozen=True, eq=False)
class Minimum(Elementwise):
    """The smaller of a and b, which is b where either is NaN. Quantized numbers are compared as they are."""

    code: ClassVar[int] = 57
    known_versions: ClassVar[Versions] = Versions(4)
    rule: ClassVar[Rule] = LikeInput((0, 1))
    inputs: ClassVar[int] = 2
    types: ClassVar = (T.FLOAT32, T.FLOAT16, T.BFLOAT16, T.INT32, T.INT64, T.INT16, T.INT8, T.UINT8)
    xnnpack: ClassVar = ()
    retypes: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        output = specs.output()
        function = xnnpack_order(minimum) if profile is Profile.XNNPACK else minimum
        native = native_extreme("min", specs, profile) or native_extreme_of_integers("min", specs)
        return plain(
            "minimum", plain_bfloat16(function) if output.type is T.BFLOAT16 else function, output, native=native
        )

    def version(self, specs: Specs) -> int:
        x = specs.input(0)
        if x.type is T.INT16:
            return 4
        if stretches_beyond_4(specs):
            return 3
        return 2 if x.type is T.INT8 else 1
