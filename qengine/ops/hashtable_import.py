"""HASHTABLE_IMPORT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape
from ..op import Array, Graphs, Op, Rule, Specs, Step, Unquantized, Versions
from ..shapes import known
from ._operands import arity
from ._resources import check_table_handle, check_table_types, table_of


@dataclass(frozen=True, eq=False)
class HashtableImport(Op):
    """handle, keys, values: fills the table, once; of equal keys the first counts."""

    code: ClassVar[int] = 138
    known_versions: ClassVar[Versions] = Versions(1, reference=0)
    rule: ClassVar[Rule] = Unquantized()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 3, 0)
        keys, values = specs.input(1), specs.input(2)
        check_table_handle(specs.input(0), "inputs[0]")
        check_table_types(keys.type, values.type, "inputs[1]")
        if known(keys) != known(values):
            raise ModelError(f"expected shape {list(known(keys))}, got {list(known(values))}", "inputs[2]")
        return []

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        kinds = specs.input(1).type, specs.input(2).type

        def run(handle: Array, keys: Array, values: Array) -> tuple[()]:
            table = table_of(context, handle)
            if (table.key, table.value) != kinds:
                raise ModelError(f"expected keys {table.key.name}, got {kinds[0].name}", "inputs[1]")
            if table.entries is None:
                table.entries = {}
                for key, value in zip(keys.reshape(-1).tolist(), values.reshape(-1).tolist(), strict=True):
                    table.entries.setdefault(key, value)
            return ()

        return Step(run, folds=False)
