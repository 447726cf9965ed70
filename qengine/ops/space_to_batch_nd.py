"""SPACE_TO_BATCH_ND."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.movement import space_to_batch
from ..memory import room
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import volume
from . import _blocks
from ._moving import moving
from ._operands import integers, whole

T = TensorType


@dataclass(frozen=True, eq=False)
class SpaceToBatchNd(Op):
    """x (n spatial.. c), blocks (spatial), paddings (spatial, 2) -> padded x, pixels a block apart in one batch.

    Batches come in the order of the pixel's place in its block, then of n. Padding is the output's zero point.
    """

    code: ClassVar[int] = 38
    known_versions: ClassVar[Versions] = Versions(4)
    rule: ClassVar[Rule] = LikeInput()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        shape, blocks, paddings = _blocks.operands(specs)
        if blocks.value is None or paddings.value is None:
            return DYNAMIC
        return [batched(shape, blocks.value, paddings.value)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        _blocks.check_quantization(specs)
        zero = whole(specs.output())[1] if specs.input(0).type in (T.INT8, T.UINT8, T.INT16) else 0

        def run(x: Array, blocks: Array, paddings: Array) -> Array:
            room(batched(x.shape, blocks, paddings), x.dtype)
            return space_to_batch(x, integers(blocks), paddings, zero)

        return moving(Step(run), specs)

    def version(self, specs: Specs) -> int:
        return _blocks.version(specs)


def batched(shape: Shape, blocks: Array, paddings: Array) -> Shape:
    _blocks.check(blocks, paddings)
    padded = [n + before + after for n, (before, after) in zip(shape[1:-1], paddings.tolist(), strict=True)]
    sizes = integers(blocks)
    if any(length % size for length, size in zip(padded, sizes, strict=True)):
        raise ModelError(f"expected padded lengths in whole blocks of {list(sizes)}, got {padded}", "inputs[2]")
    return (shape[0] * volume(sizes), *(n // size for n, size in zip(padded, sizes, strict=True)), shape[-1])
