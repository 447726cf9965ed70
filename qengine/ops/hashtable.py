"""HASHTABLE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Array, Graphs, Op, Rule, Specs, Step, Unquantized, Versions
from ._operands import arity
from ._resources import check_table_types, handle, make_table


@dataclass(frozen=True, eq=False)
class Hashtable(Op):
    """Nothing -> the handle of table `table_id`, which this makes."""

    code: ClassVar[int] = 136
    known_versions: ClassVar[Versions] = Versions(1, reference=0)
    rule: ClassVar[Rule] = Unquantized()

    table_id: int = 0
    key_dtype: TensorType = TensorType.FLOAT32
    value_dtype: TensorType = TensorType.FLOAT32

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 0)
        check_table_types(self.key_dtype, self.value_dtype, "builtin_options")
        if specs.output().type is not TensorType.RESOURCE:
            raise ModelError(f"expected RESOURCE, got {specs.output().type.name}", "outputs[0]")
        return [(1,)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run() -> Array:
            make_table(context, self.table_id, self.key_dtype, self.value_dtype)
            return handle(self.table_id, (1,))

        return Step(run, folds=False)
