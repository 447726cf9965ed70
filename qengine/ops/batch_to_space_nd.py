"""BATCH_TO_SPACE_ND."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.movement import batch_to_space
from ..model import Shape
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import volume
from . import _blocks
from ._moving import moving
from ._operands import integers


@dataclass(frozen=True, eq=False)
class BatchToSpaceNd(Op):
    """x (blocks.. n spatial.. c), blocks (spatial), crops (spatial, 2) -> batches interleaved to blocks, then cropped.

    The inverse of SPACE_TO_BATCH_ND: crops are its paddings.
    """

    code: ClassVar[int] = 37
    known_versions: ClassVar[Versions] = Versions(4)
    rule: ClassVar[Rule] = LikeInput()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        shape, blocks, crops = _blocks.operands(specs)
        if blocks.value is None or crops.value is None:
            return DYNAMIC
        return [spread(shape, blocks.value, crops.value)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        _blocks.check_quantization(specs)

        def run(x: Array, blocks: Array, crops: Array) -> Array:
            spread(x.shape, blocks, crops)
            return batch_to_space(x, integers(blocks), crops)

        return moving(Step(run), specs)

    def version(self, specs: Specs) -> int:
        return _blocks.version(specs)


def spread(shape: Shape, blocks: Array, crops: Array) -> Shape:
    _blocks.check(blocks, crops)
    sizes = integers(blocks)
    if shape[0] % volume(sizes):
        raise ModelError(f"expected batches for whole blocks of {list(sizes)}, got {shape[0]}", "inputs[0]")
    sides = zip(shape[1:-1], sizes, crops.tolist(), strict=True)
    spatial = [n * size - before - after for n, size, (before, after) in sides]
    if min(spatial) < 0:
        raise ModelError(f"expected crops within what there is, got {crops.tolist()}", "inputs[2]")
    return (shape[0] // volume(sizes), *spatial, shape[-1])
