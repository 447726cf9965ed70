"""STABLEHLO_WHILE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..model import Shape
from ..op import Dynamic, Graphs, Op, Specs, Step
from ._graphs import Loop


@dataclass(frozen=True, eq=False)
class StablehloWhile(Op):
    """WHILE under another name. No kernel set of the runtime has it."""

    code: ClassVar[int] = 200

    cond_subgraph_index: int = 0
    body_subgraph_index: int = 0

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        return Loop(context, self.cond_subgraph_index, self.body_subgraph_index, specs).shapes()

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return Loop(context, self.cond_subgraph_index, self.body_subgraph_index, specs).step()
