"""DENSIFY."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, LikeInput, Rule, Specs, Step
from ._elementwise import Elementwise, plain

T = TensorType


@dataclass(frozen=True, eq=False)
class Densify(Elementwise):
    """A sparse constant as a dense one. Constants come to operators dense already: nothing is left to do."""

    code: ClassVar[int] = 124
    rule: ClassVar[Rule] = LikeInput()
    types: ClassVar = (T.FLOAT32, T.FLOAT16, T.INT8)
    retypes: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        if specs.input(0).value is None:
            raise ModelError("expected a constant, got a computed tensor", "inputs[0]")
        return plain("densify", _itself, specs.output())


def _itself(x: AnyArray) -> AnyArray:
    return x
