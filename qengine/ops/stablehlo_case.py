"""STABLEHLO_CASE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Array, Dynamic, Graphs, Op, Specs, Step, Versions
from ._graphs import choosing, one_element, shapes_of_branches


@dataclass(frozen=True, eq=False)
class StablehloCase(Op):
    """A number (int32), and inputs of all graphs -> the outputs of the graph of that number.

    The last graph also stands for all numbers that are too small or too large.
    """

    code: ClassVar[int] = 209
    known_versions: ClassVar[Versions] = Versions(1, reference=0)

    branch_subgraph_indices: tuple[int, ...] | None = None

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        one_element(specs.input(0), TensorType.INT32, "inputs[0]")
        return shapes_of_branches(context, self.branch_subgraph_indices or (), specs)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        branches = self.branch_subgraph_indices or ()

        def choose(number: Array) -> int:
            chosen = int(number.reshape(-1)[0])
            return chosen if 0 <= chosen < len(branches) else len(branches) - 1

        return choosing(context, branches, specs, choose)
