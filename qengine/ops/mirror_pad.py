"""MIRROR_PAD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..memory import room
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..options import MirrorPadMode
from ..shapes import known, of_rank
from ._moving import moving
from ._operands import INDICES, arity, of_type, oldest, same_scale, same_type, whole

T = TensorType


@dataclass(frozen=True, eq=False)
class MirrorPad(Op):
    """x, paddings (rank, 2) -> x with its own elements, mirrored, before and after each dimension.

    REFLECT doesn't repeat the element at the border, SYMMETRIC does.
    """

    code: ClassVar[int] = 100
    known_versions: ClassVar[Versions] = Versions(3)
    rule: ClassVar[Rule] = LikeInput()

    mode: MirrorPadMode = MirrorPadMode.REFLECT

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 2)
        x, paddings = specs.input(0), specs.input(1)
        same_type(specs.output(), x, "outputs[0]")
        if x.type.dtype.hasobject or x.type.bits > 64:
            raise ModelError(f"expected numbers of at most 64 bits, got {x.type.name}", "inputs[0]")
        of_type(paddings, INDICES, "inputs[1]")
        if of_rank(paddings, 2, "inputs[1]") != (len(known(x)), 2):
            raise ModelError(f"expected shape [{len(known(x))}, 2], got {list(known(paddings))}", "inputs[1]")
        return DYNAMIC if paddings.value is None else [self._padded(known(x), paddings.value)]

    def _padded(self, shape: Shape, paddings: Array) -> Shape:
        """Lengths with what goes before and after: at most what there is to mirror."""
        border = 1 if self.mode is MirrorPadMode.REFLECT else 0
        for length, (before, after) in zip(shape, paddings.tolist(), strict=True):
            if not (0 <= before <= length - border and 0 <= after <= length - border):
                raise ModelError(f"expected 0 to {length - border} elements, got {before} and {after}", "inputs[1]")
        return tuple(n + before + after for n, (before, after) in zip(shape, paddings.tolist(), strict=True))

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        x, output = specs.input(0), specs.output()
        if x.type in (T.UINT8, T.INT8, T.INT16):
            same_scale(output, x, "outputs[0]")
        if x.type is T.INT16 and whole(x)[1] != 0:
            raise ModelError(f"expected zero point 0 with INT16, got {whole(x)[1]}", "inputs[0]")
        mode: Any = self.mode.name.lower()

        def run(x: Array, paddings: Array) -> Array:
            room(self._padded(x.shape, paddings), x.dtype)
            return np.pad(x, paddings, mode) if x.ndim else x

        return moving(Step(run), specs)

    def version(self, specs: Specs) -> int:
        return oldest(specs.input(0), {T.INT16: 3, T.INT8: 2})
