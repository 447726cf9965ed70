"""HASHTABLE_FIND."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape
from ..op import Array, Graphs, Op, Rule, Specs, Step, Unquantized, Versions
from ..shapes import known
from ._operands import arity, same_type
from ._resources import check_table_handle, check_table_types, table_of


@dataclass(frozen=True, eq=False)
class HashtableFind(Op):
    """handle, keys, default (its first element) -> the table's values for the keys."""

    code: ClassVar[int] = 137
    known_versions: ClassVar[Versions] = Versions(1, reference=0)
    rule: ClassVar[Rule] = Unquantized()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 3)
        check_table_handle(specs.input(0), "inputs[0]")
        same_type(specs.input(2), specs.output(), "inputs[2]")
        check_table_types(specs.input(1).type, specs.output().type, "inputs[1]")
        return [known(specs.input(1))]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        kinds = specs.input(1).type, specs.output().type

        def run(handle: Array, keys: Array, default: Array) -> Array:
            table = table_of(context, handle)
            if (table.key, table.value) != kinds:
                raise ModelError(f"expected keys {table.key.name}, got {kinds[0].name}", "inputs[1]")
            if table.entries is None:
                raise ModelError("expected a table that was filled, got one that wasn't", "inputs[0]")
            if default.size == 0:
                raise ModelError("expected a default, got none", "inputs[2]")
            otherwise = default.reshape(-1)[0]
            found = np.empty(keys.size, kinds[1].dtype)
            for i, key in enumerate(keys.reshape(-1).tolist()):
                found[i] = table.entries.get(key, otherwise)
            return found.reshape(keys.shape)

        return Step(run, folds=False)
