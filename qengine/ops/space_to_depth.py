"""SPACE_TO_DEPTH."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..delegate import takes_activation
from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.movement import space_to_depth
from ..model import Shape, TensorType
from ..op import Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import of_rank
from ._moving import moving
from ._operands import DELEGATED, arity, delegate_scales, of_type, oldest, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class SpaceToDepth(Op):
    """x (n h w c) -> (n h/b w/b b*b*c): blocks of b by b pixels become the channels of one; b is `block_size`."""

    code: ClassVar[int] = 26
    known_versions: ClassVar[Versions] = Versions(2)
    rule: ClassVar[Rule] = LikeInput()

    block_size: int = 0

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 1)
        x = specs.input(0)
        n, h, w, c = of_rank(x, 4, "inputs[0]")
        same_type(specs.output(), x, "outputs[0]")
        b = self.block_size
        if b < 1 or h % b or w % b:
            raise ModelError(f"expected a height and width in whole blocks of {b}, got {h} and {w}", "inputs[0]")
        return [(n, h // b, w // b, c * b * b)]

    def delegated(self, specs: Specs) -> bool:
        return self.block_size > 1 and takes_activation(specs.input(0)) and takes_activation(specs.output(), *DELEGATED)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        if profile is Profile.XNNPACK:
            delegate_scales(specs, 0)
        else:
            of_type(specs.input(0), (T.FLOAT32, T.UINT8, T.INT8, T.INT32, T.INT64), "inputs[0]")

        return moving(Step(lambda x: space_to_depth(x, self.block_size)), specs)

    def version(self, specs: Specs) -> int:
        return oldest(specs.input(0), {T.INT8: 2})
