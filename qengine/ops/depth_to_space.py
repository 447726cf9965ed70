"""DEPTH_TO_SPACE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..delegate import takes_activation
from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.movement import depth_to_space
from ..model import Shape, TensorType
from ..op import Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import of_rank
from ._moving import moving
from ._operands import DELEGATED, arity, delegate_scales, of_type, oldest, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class DepthToSpace(Op):
    """x (n h w b*b*c) -> (n h*b w*b c): the channels of one pixel become a block of b by b; b is `block_size`."""

    code: ClassVar[int] = 5
    known_versions: ClassVar[Versions] = Versions(2, reference=1)
    rule: ClassVar[Rule] = LikeInput()

    block_size: int = 0

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 1)
        x = specs.input(0)
        n, h, w, depth = of_rank(x, 4, "inputs[0]")
        same_type(specs.output(), x, "outputs[0]")
        b = self.block_size
        if b < 1 or depth % (b * b):
            raise ModelError(f"expected channels for whole blocks of {b} by {b}, got {depth}", "inputs[0]")
        return [(n, h * b, w * b, depth // (b * b))]

    def delegated(self, specs: Specs) -> bool:
        return (
            self.block_size > 1
            and takes_activation(specs.input(0), *DELEGATED)
            and takes_activation(specs.output(), *DELEGATED)
        )

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        if profile is Profile.XNNPACK:
            delegate_scales(specs, 0)
        else:
            of_type(specs.input(0), (T.FLOAT32, T.UINT8, T.INT8, T.INT32, T.INT64), "inputs[0]")

        return moving(Step(lambda x: depth_to_space(x, self.block_size)), specs)

    def version(self, specs: Specs) -> int:
        return oldest(specs.input(0), {T.INT8: 2})
