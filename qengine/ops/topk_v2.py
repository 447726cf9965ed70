"""TOPK_V2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.selection import largest
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import known, volume
from ._operands import NUMBERS, arity, of_type, oldest, one_of, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class TopKV2(Op):
    """x (.. length), k (one) -> the k largest elements of each line, falling, and where they are; of equal ones the
    first comes first, NaN comes last."""

    code: ClassVar[int] = 48
    known_versions: ClassVar[Versions] = Versions(3)
    rule: ClassVar[Rule] = LikeInput()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 2, 2)
        x, k = specs.input(0), specs.input(1)
        of_type(x, NUMBERS, "inputs[0]")
        of_type(k, (T.INT32, T.INT16), "inputs[1]")
        same_type(specs.output(), x, "outputs[0]")
        of_type(specs.output(1), (T.INT32, T.INT16), "outputs[1]")
        if not known(x):
            raise ModelError("expected a tensor with dimensions, got a scalar", "inputs[0]")
        return DYNAMIC if k.value is None else [topped(known(x), k.value)] * 2

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        dtype = specs.output(1).type.dtype
        length = known(specs.input(0))[-1]

        def run(x: Array, k: Array) -> tuple[Array, ...]:
            shape = topped(x.shape, k)
            if volume(shape) and length > np.iinfo(dtype).max:
                raise ModelError(f"expected lines that {dtype} can index, got {length} elements", "outputs[1]")
            found = largest(x, shape[-1])
            return np.take_along_axis(x, found, -1), found.astype(dtype)

        return Step(run)

    def version(self, specs: Specs) -> int:
        if T.INT16 in (specs.input(0).type, specs.input(1).type, specs.output(1).type):
            return 3
        return oldest(specs.input(0), {T.INT8: 2})


def topped(shape: Shape, k: Array) -> Shape:
    count = max(one_of(k, "inputs[1]"), 0)
    if count > shape[-1]:
        raise ModelError(f"expected at most {shape[-1]}, got {count}", "inputs[1]")
    return (*shape[:-1], count)
