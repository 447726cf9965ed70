"""SCATTER_ND."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.scatter import scatter_nd
from ..memory import room
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step
from ..shapes import known, of_rank
from ._operands import arity, indices, integers, of_type, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class ScatterNd(Op):
    """rows (.. depth), updates (.. rest), shape -> zeros of that shape, updates added where the rows say."""

    code: ClassVar[int] = 122
    rule: ClassVar[Rule] = LikeInput((1,))

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 3)
        rows, updates, shape = specs.input(0), specs.input(1), specs.input(2)
        of_type(rows, (T.INT32,), "inputs[0]")
        of_type(shape, (T.INT32,), "inputs[2]")
        of_type(updates, (T.FLOAT32, T.UINT8, T.BOOL, T.INT8, T.INT64, T.INT32), "inputs[1]")
        same_type(specs.output(), updates, "outputs[0]")
        of_rank(shape, 1, "inputs[2]")
        return DYNAMIC if shape.value is None else [scattered(known(rows), known(updates), shape.value)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(rows: Array, updates: Array, shape: Array) -> Array:
            lengths = room(scattered(rows.shape, updates.shape, shape), updates.dtype)
            with indices("inputs[0]"):
                return scatter_nd(rows, updates, lengths)

        return Step(run)


def scattered(rows: Shape, updates: Shape, shape: Array) -> Shape:
    """The output's shape. ModelError unless updates are slices of it, one for each row."""
    lengths = integers(shape)
    if not rows or not updates or rows[-1] > len(lengths) or min(lengths, default=0) < 0:
        raise ModelError(f"expected rows of coordinates within {list(lengths)}, got shape {list(rows)}", "inputs[0]")
    wanted = (*rows[:-1], *lengths[rows[-1] :])
    if updates != wanted:
        raise ModelError(f"expected shape {list(wanted)}, got {list(updates)}", "inputs[1]")
    return lengths
