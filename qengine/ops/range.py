"""RANGE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..memory import room
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, Op, Rule, Specs, Step, Unquantized, Versions
from ..shapes import of_rank
from ._operands import arity, of_type, oldest, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class Range(Op):
    """start (), limit (), step () -> start, start + step, .. up to but without the limit, each the sum so far."""

    code: ClassVar[int] = 96
    known_versions: ClassVar[Versions] = Versions(2, reference=1)
    rule: ClassVar[Rule] = Unquantized()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 3)
        start = specs.input(0)
        of_type(start, (T.FLOAT32, T.INT32, T.INT64), "inputs[0]")
        same_type(specs.output(), start, "outputs[0]")
        for i in range(3):
            same_type(specs.input(i), start, f"inputs[{i}]")
            of_rank(specs.input(i), 0, f"inputs[{i}]")
        values = [specs.input(i).value for i in range(3)]
        if any(value is None for value in values):
            return DYNAMIC
        return [(count(*values),)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(start: Array, limit: Array, step: Array) -> Array:
            steps = np.full(room((count(start, limit, step),), start.dtype), step, start.dtype)
            steps[:1] = start
            sums: Array = np.add.accumulate(steps, dtype=start.dtype)
            return sums

        return Step(run)

    def version(self, specs: Specs) -> int:
        return oldest(specs.input(0), {T.INT64: 2})


def count(start: Any, limit: Any, step: Any) -> int:
    """How many numbers: |limit - start| / |step|, rounded up. ModelError where steps lead away from the limit."""
    way = limit - start
    if not ((step < 0 and start >= limit) or (step > 0 and start <= limit)):
        raise ModelError(f"expected a step from {start} towards {limit}, got {step}", "inputs[2]")
    if start.dtype.kind == "f":
        found = np.ceil(np.abs(way / step))
        if not found < 2**31:
            raise ModelError(f"expected fewer than 2**31 steps of {step} from {start} to {limit}", "inputs")
        return int(found)
    return -(-abs(int(limit) - int(start)) // abs(int(step)))
