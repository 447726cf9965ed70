"""HASHTABLE_SIZE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Array, Graphs, Op, Rule, Specs, Step, Unquantized, Versions
from ._operands import arity, of_type
from ._resources import check_table_handle, table_of


@dataclass(frozen=True, eq=False)
class HashtableSize(Op):
    """handle -> how many keys the table has (int64, one); none before it is filled."""

    code: ClassVar[int] = 139
    known_versions: ClassVar[Versions] = Versions(1, reference=0)
    rule: ClassVar[Rule] = Unquantized()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 1)
        check_table_handle(specs.input(0), "inputs[0]")
        of_type(specs.output(), (TensorType.INT64,), "outputs[0]")
        return [(1,)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(handle: Array) -> Array:
            return np.array([len(table_of(context, handle).entries or {})], np.int64)

        return Step(run, folds=False)
