"""HASHTABLE_LOOKUP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.selection import binary_search
from ..model import Shape, TensorType
from ..op import Array, Graphs, LikeInput, Op, Rule, Specs, Step
from ..shapes import known, of_rank
from ._operands import arity, of_type, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class HashtableLookup(Op):
    """wanted (n), keys (rows) rising, values (rows ..) -> the values of the wanted keys (n ..), 0 or "" where there is
    none, and whether there was one, uint8 (n).

    The binary search is the C library's, so keys that don't rise find what they find there.
    """

    code: ClassVar[int] = 10
    rule: ClassVar[Rule] = LikeInput((2,))

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 3, 2)
        wanted, keys, values = specs.input(0), specs.input(1), specs.input(2)
        of_type(wanted, (T.INT32,), "inputs[0]")
        of_type(keys, (T.INT32,), "inputs[1]")
        same_type(specs.output(), values, "outputs[0]")
        of_type(specs.output(1), (T.UINT8,), "outputs[1]")
        (count,) = of_rank(wanted, 1, "inputs[0]")
        if of_rank(keys, 1, "inputs[1]") != known(values)[:1]:
            raise ModelError(f"expected one of {known(keys)[0]} keys, got shape {list(known(values))}", "inputs[2]")
        if values.type is T.STRING and len(known(values)) != 1:
            raise ModelError(f"expected one dimension of strings, got shape {list(known(values))}", "inputs[2]")
        return [(count, *known(values)[1:]), (count,)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(wanted: Array, keys: Array, values: Array) -> tuple[Array, ...]:
            if len(values) == 0:
                raise ModelError("expected rows to look up, got none", "inputs[2]")
            found = binary_search(wanted, keys)
            hits = found >= 0
            rows = values[found]
            rows[~hits] = b"" if values.dtype.hasobject else 0
            return rows, hits.astype(np.uint8)

        return Step(run)
