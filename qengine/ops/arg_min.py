"""ARG_MIN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Dynamic, Graphs, Op, Rule, Specs, Step, Unquantized, Versions
from . import _arg_extremes


@dataclass(frozen=True, eq=False)
class ArgMin(Op):
    """x, axis (one number) -> where along it the smallest element is, the first of equal ones."""

    code: ClassVar[int] = 79
    known_versions: ClassVar[Versions] = Versions(3, reference=2)
    rule: ClassVar[Rule] = Unquantized()

    output_type: TensorType = TensorType.FLOAT32

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        return _arg_extremes.infer(specs, self.output_type)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return _arg_extremes.plan(specs, largest=False)

    def version(self, specs: Specs) -> int:
        return _arg_extremes.version(specs)
