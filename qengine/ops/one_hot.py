"""ONE_HOT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..memory import room
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step
from ..shapes import known, volume
from ._operands import INDICES, arity, of_type, one_of, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class OneHot(Op):
    """indices, depth (one), on (one), off (one) -> `on` at an index along a new dimension `axis`, `off` elsewhere.

    axis -1 is behind the last. Indices outside 0..depth-1 have no `on`; the lower 32 bits of an index count.
    """

    code: ClassVar[int] = 85
    rule: ClassVar[Rule] = LikeInput((2, 3))

    axis: int = 0

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 4)
        indices, depth, on, off = (specs.input(i) for i in range(4))
        of_type(indices, INDICES, "inputs[0]")
        of_type(depth, INDICES, "inputs[1]")
        of_type(on, (T.FLOAT32, T.INT32, T.INT64, T.INT8, T.UINT8, T.BOOL), "inputs[2]")
        same_type(off, on, "inputs[3]")
        same_type(specs.output(), on, "outputs[0]")
        for i in (1, 2, 3):
            if volume(known(specs.input(i))) != 1:
                raise ModelError(f"expected one number, got shape {list(known(specs.input(i)))}", f"inputs[{i}]")
        if not -1 <= self.axis <= len(known(indices)):
            raise ModelError(f"expected an axis from -1 to {len(known(indices))}, got {self.axis}")
        return DYNAMIC if depth.value is None else [self._shape(known(indices), depth.value)]

    def _shape(self, shape: Shape, depth: Array) -> Shape:
        count = one_of(depth, "inputs[1]")
        if count < 0:
            raise ModelError(f"expected a depth from 0, got {count}", "inputs[1]")
        at = len(shape) if self.axis == -1 else self.axis
        return (*shape[:at], count, *shape[at:])

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(indices: Array, depth: Array, on: Array, off: Array) -> Array:
            room(self._shape(indices.shape, depth), on.dtype)
            places = np.arange(one_of(depth, "inputs[1]"), dtype=np.int32)
            at = indices.ndim if self.axis == -1 else self.axis
            here = np.expand_dims(indices.astype(np.int32), at) == places.reshape(-1, *(1,) * (indices.ndim - at))
            return np.where(here, on.reshape(()), off.reshape(()))

        return Step(run)
