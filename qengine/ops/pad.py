"""PAD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..delegate import takes_activation, takes_shape
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from . import _padding
from ._operands import DELEGATED, delegate_scales


@dataclass(frozen=True, eq=False)
class Pad(Op):
    """x, paddings (rank, 2) -> x with so many zeros before and after each dimension."""

    code: ClassVar[int] = 34
    known_versions: ClassVar[Versions] = Versions(6)
    rule: ClassVar[Rule] = LikeInput()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        return _padding.infer(specs)

    def delegated(self, specs: Specs) -> bool:
        x, paddings, output = specs.input(0), specs.input(1), specs.output()
        return (
            len(specs.inputs) == 2
            and takes_activation(x, *DELEGATED)
            and takes_activation(output, *DELEGATED)
            and takes_shape(x, 1, 6)
            and takes_shape(output, 1, 6)
            and paddings.type is TensorType.INT32
            and paddings.stored
        )

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        if profile is Profile.XNNPACK:
            delegate_scales(specs, 0)
        return _padding.plan(specs, profile)

    def version(self, specs: Specs) -> int:
        return _padding.version(specs)
