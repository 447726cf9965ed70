"""GATHER_ND."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.movement import gather_nd
from ..memory import room
from ..model import Shape, TensorType
from ..op import Array, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import known
from ._moving import moving
from ._operands import arity, indices, of_type, oldest, same_type

T = TensorType
TYPES = (T.FLOAT32, T.FLOAT16, T.BFLOAT16, T.UINT8, T.INT8, T.INT16, T.INT64, T.INT32, T.STRING, T.BOOL)


@dataclass(frozen=True, eq=False)
class GatherNd(Op):
    """x, coordinates (.. depth) -> (.. rest of x): each row is the first `depth` coordinates of a slice."""

    code: ClassVar[int] = 107
    known_versions: ClassVar[Versions] = Versions(6)
    rule: ClassVar[Rule] = LikeInput()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 2)
        x, rows = specs.input(0), specs.input(1)
        of_type(x, TYPES, "inputs[0]")
        of_type(rows, (T.INT16, T.INT32, T.INT64), "inputs[1]")
        same_type(specs.output(), x, "outputs[0]")
        shape, wanted = known(x), known(rows)
        if not shape or not wanted or wanted[-1] > len(shape):
            raise ModelError(
                f"expected rows of at most as many coordinates as there are dimensions, got {list(wanted)} "
                f"for shape {list(shape)}",
                "inputs[1]",
            )
        return [(*wanted[:-1], *shape[wanted[-1] :])]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        shape = known(specs.output())

        def run(x: Array, rows: Array) -> Array:
            if x.size == 0 and rows.size:
                raise ModelError(f"expected elements to choose from, got shape {list(x.shape)}", "inputs[0]")
            room(shape, x.dtype)
            with indices("inputs[1]"):
                return gather_nd(x, rows)

        return moving(Step(run), specs)

    def version(self, specs: Specs) -> int:
        x, rows = specs.input(0), specs.input(1)
        if x.type is T.BOOL:
            return 5
        if rows.type is T.INT16:
            return 4
        return oldest(x, {T.INT16: 3, T.STRING: 2})
