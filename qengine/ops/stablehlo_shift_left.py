"""STABLEHLO_SHIFT_LEFT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..kernels.reference.bits import left_shift
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ._stablehlo import StablehloBinary


@dataclass(frozen=True, eq=False)
class StablehloShiftLeft(StablehloBinary):
    """The low bits of a << b; b counts modulo 32."""

    code: ClassVar[int] = 207
    known_versions: ClassVar[Versions] = Versions(1, reference=0)
    types: ClassVar[tuple[TensorType, ...]] = (TensorType.INT8, TensorType.INT16, TensorType.INT32)
    retypes: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return self.apply(specs, profile, left_shift)
