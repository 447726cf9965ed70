"""CALL_ONCE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape
from ..op import Graphs, Op, Specs, Step
from ._graphs import graph_without_operands
from ._operands import arity


@dataclass(frozen=True, eq=False)
class CallOnce(Op):
    """Runs a graph, the first time only that any node asks for it: it fills variables and tables."""

    code: ClassVar[int] = 129

    init_subgraph_index: int = 0

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 0, 0)
        graph_without_operands(context, self.init_subgraph_index)
        return []

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        index = self.init_subgraph_index
        key = ("called once", index)

        def run() -> tuple[()]:
            called = context.resources.get(key)
            if called is False:
                raise ModelError(f"expected a graph that doesn't call itself, got graph {index}", "builtin_options")
            if called is None:
                context.resources[key] = False
                try:
                    context.prepare(index, [])[1]()
                except BaseException:
                    del context.resources[key]
                    raise
                context.resources[key] = True
            return ()

        return Step(run, f"graph {index}", folds=False)
