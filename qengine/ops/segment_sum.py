"""SEGMENT_SUM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.scatter import segments
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import known, of_rank
from ._operands import arity, of_type, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class SegmentSum(Op):
    """x (n ..), ids (n) -> (last id + 1, ..) sums of the slices with the same id; ids begin at 0 and rise by 0 or 1.

    The runtime's reference kernel set has no such operator; the others' runs there, too.
    """

    code: ClassVar[int] = 125
    known_versions: ClassVar[Versions] = Versions(1, reference=0)
    rule: ClassVar[Rule] = LikeInput()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 2)
        x, ids = specs.input(0), specs.input(1)
        of_type(x, (T.INT32, T.FLOAT32), "inputs[0]")
        of_type(ids, (T.INT32,), "inputs[1]")
        same_type(specs.output(), x, "outputs[0]")
        if not known(x) or of_rank(ids, 1, "inputs[1]") != known(x)[:1]:
            raise ModelError(
                f"expected one id for each index of {list(known(x)[:1])}, got {list(known(ids))}", "inputs[1]"
            )
        return DYNAMIC if ids.value is None else [(_count(ids.value), *known(x)[1:])]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(x: Array, ids: Array) -> Array:
            return segments(x, ids, _count(ids), np.add, np.zeros((), x.dtype))

        return Step(run)


def _count(ids: Array) -> int:
    rising = ids.size == 0 or (ids[0] == 0 and np.isin(np.diff(ids.astype(np.int64)), (0, 1)).all())
    if not rising:
        raise ModelError("expected ids that begin at 0 and rise by 0 or 1, got others", "inputs[1]")
    return int(ids[-1]) + 1 if ids.size else 0
