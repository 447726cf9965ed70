"""STABLEHLO_COMPOSITE."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from ..errors import ModelError
from ..kernels.emit.plan import Compiled
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..model import Shape
from ..op import DYNAMIC, Array, Dynamic, Graphs, Op, Spec, Specs, Step
from ..options import CustomOptionsFormat


@dataclass(frozen=True, eq=False)
class StablehloComposite(Op):
    """Inputs of a graph -> its outputs: the graph says in plain operators what `composite_name` computes."""

    code: ClassVar[int] = 206

    composite_name: str | None = field(default=None, metadata={"schema": "name"})
    decomposition_subgraph_index: int = 0
    composite_attributes: bytes | None = None
    composite_attributes_format: CustomOptionsFormat = CustomOptionsFormat.FLEXBUFFERS
    composite_version: int = field(default=0, metadata={"schema": "version"})

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        graph = context.graph(self.decomposition_subgraph_index)
        if (len(specs.inputs), len(specs.outputs)) != (len(graph.inputs), len(graph.outputs)) or not specs.inputs:
            raise ModelError(
                f"expected {len(graph.inputs)} inputs and {len(graph.outputs)} outputs, as graph "
                f"{self.decomposition_subgraph_index} has, got {len(specs.inputs)} and {len(specs.outputs)}"
            )
        shapes = [spec.shape for spec in self._prepared(specs, context)[0]]
        return DYNAMIC if None in shapes else [shape for shape in shapes if shape is not None]

    def _prepared(self, specs: Specs, context: Graphs) -> tuple[Sequence[Spec], Callable[..., tuple[Array, ...]]]:
        inputs = [specs.input(i) for i in range(len(specs.inputs))]
        return context.prepare(self.decomposition_subgraph_index, inputs)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        call, graph = self._prepared(specs, context)[1], self.decomposition_subgraph_index
        inlined = context.inlined(graph, [specs.input(i) for i in range(len(specs.inputs))])

        def compiled(target: Target) -> Compiled | str:
            return "each run is watched" if inlined is None else inlined.compiled(target, specs)

        return Step(call, kernel=f"graph {graph}", folds=False, compiled=compiled)
