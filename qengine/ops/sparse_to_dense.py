"""SPARSE_TO_DENSE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.scatter import sparse_to_dense
from ..memory import room
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import known, of_rank, volume
from ._operands import INDICES, arity, indices, integers, of_type, oldest, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class SparseToDense(Op):
    """rows (n rank), (n) or (), shape, values (n) or (), default (one) -> default, but values where the rows say."""

    code: ClassVar[int] = 68
    known_versions: ClassVar[Versions] = Versions(3)
    rule: ClassVar[Rule] = LikeInput((2, 3))

    validate_indices: bool = False

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 4)
        rows, shape, values, default = (specs.input(i) for i in range(4))
        of_type(rows, INDICES, "inputs[0]")
        of_type(shape, INDICES, "inputs[1]")
        of_type(values, (T.INT32, T.INT64, T.INT8, T.UINT8, T.FLOAT32), "inputs[2]")
        same_type(default, values, "inputs[3]")
        same_type(specs.output(), values, "outputs[0]")
        (rank,) = of_rank(shape, 1, "inputs[1]")
        width = known(rows)[1] if len(known(rows)) == 2 else 1
        if len(known(rows)) > 2 or width != rank or rank > 4:
            raise ModelError(f"expected rows of {min(rank, 4)} coordinates, got shape {list(known(rows))}", "inputs[0]")
        count = volume(known(rows)[:1])
        if known(values) not in ((), (count,)):
            raise ModelError(f"expected {count} values or one, got shape {list(known(values))}", "inputs[2]")
        if volume(known(default)) != 1:
            raise ModelError(f"expected one number, got shape {list(known(default))}", "inputs[3]")
        return DYNAMIC if shape.value is None else [dense(shape.value)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(rows: Array, shape: Array, values: Array, default: Array) -> Array:
            lengths = room(dense(shape), values.dtype)
            with indices("inputs[0]"):
                return sparse_to_dense(rows.reshape(-1, len(lengths)), lengths, values, default.reshape(()))

        return Step(run)

    def version(self, specs: Specs) -> int:
        return oldest(specs.input(2), {T.INT8: 3, T.UINT8: 3, T.INT64: 2})


def dense(shape: Array) -> Shape:
    lengths = integers(shape)
    if any(not 0 <= length < 2**31 for length in lengths):
        raise ModelError(f"expected lengths from 0 to 2**31 - 1, got {list(lengths)}", "inputs[1]")
    return lengths
