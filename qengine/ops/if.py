"""IF."""  # noqa: N999 - the builtin's name

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Dynamic, Graphs, Op, Specs, Step
from ._graphs import choosing, one_element, shapes_of_branches


@dataclass(frozen=True, eq=False)
class If(Op):
    """A flag, and inputs of both graphs -> the outputs of the first where the flag is set, else of the second."""

    code: ClassVar[int] = 118

    then_subgraph_index: int = 0
    else_subgraph_index: int = 0

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        one_element(specs.input(0), TensorType.BOOL, "inputs[0]")
        return shapes_of_branches(context, (self.then_subgraph_index, self.else_subgraph_index), specs)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        branches = (self.then_subgraph_index, self.else_subgraph_index)
        return choosing(context, branches, specs, lambda flag: 0 if flag.reshape(-1)[0] else 1)
