"""STABLEHLO_SCATTER."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.scatter import scatter_windows
from ..model import Shape, TensorType
from ..op import Array, Graphs, LikeInput, Op, Rule, Specs, Step
from ..shapes import known
from ._dimension_numbers import check_axis, check_dimensions, starts, vectors
from ._operands import INDICES, arity, of_type, same_type

T = TensorType


COMBINED = {"STABLEHLO_ADD": np.add, "STABLEHLO_MULTIPLY": np.multiply, "STABLEHLO_MAXIMUM": np.maximum}
COMBINED |= {"STABLEHLO_MINIMUM": np.minimum}
FLOATS = (T.FLOAT16, T.FLOAT32, T.FLOAT64)
INTEGERS = (T.INT8, T.INT16, T.INT32, T.INT64, T.UINT8, T.UINT16, T.UINT32, T.UINT64)


@dataclass(frozen=True, eq=False)
class StablehloScatter(Op):
    """x, indices, updates -> x with windows of updates brought in, each placed by a vector along `index_vector_dim`.

    Number i of a vector counts along dimension scatter_dims_to_operand_dims[i]. `update_window_dims` are the updates'
    dimensions within a window, without `inserted_window_dims`; the others are those of the vectors. The one operator of
    graph `update_computation_subgraph_index` combines what is there with an update; a graph without operators takes the
    update. What would lie outside x is left out.
    """

    code: ClassVar[int] = 190
    rule: ClassVar[Rule] = LikeInput((0, 2))

    indices_are_sorted: bool = False
    update_window_dims: tuple[int, ...] | None = None
    inserted_window_dims: tuple[int, ...] | None = None
    scatter_dims_to_operand_dims: tuple[int, ...] | None = None
    index_vector_dim: int = 0
    unique_indices: bool = False
    update_computation_subgraph_index: int = 0

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 3)
        x, indices, updates = specs.input(0), specs.input(1), specs.input(2)
        of_type(x, (*FLOATS, *INTEGERS, T.BOOL), "inputs[0]")
        of_type(indices, INDICES, "inputs[1]")
        same_type(updates, x, "inputs[2]")
        same_type(specs.output(), x, "outputs[0]")
        window, inserted = self.update_window_dims or (), self.inserted_window_dims or ()
        placed = self.scatter_dims_to_operand_dims or ()
        rank, whole = len(known(x)), len(known(updates))
        check_dimensions(window, whole, "update_window_dims")
        check_dimensions(inserted, rank, "inserted_window_dims")
        check_dimensions(placed, rank, "scatter_dims_to_operand_dims")
        if len(window) + len(inserted) != rank:
            raise ModelError(f"expected {rank} dimensions of windows, got {len(window) + len(inserted)}")
        batch = check_axis(indices, self.index_vector_dim, len(placed), "inputs[1]")
        outside = tuple(length for axis, length in enumerate(known(updates)) if axis not in window)
        if outside != batch:
            raise ModelError(f"expected updates for vectors {list(batch)}, got {list(known(updates))}", "inputs[2]")
        return [known(x)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        ufunc = self._combination(context)
        window, inserted = self.update_window_dims or (), self.inserted_window_dims or ()
        placed = self.scatter_dims_to_operand_dims or ()

        def run(x: Array, indices: Array, updates: Array) -> Array:
            out = x.copy()
            begins = starts(vectors(indices, self.index_vector_dim), placed, x.ndim)
            outside = [1 if axis in window else length for axis, length in enumerate(updates.shape)]
            inside = iter(window)
            places = []
            for axis in range(x.ndim):
                place = begins[..., axis].reshape(outside)
                if axis not in inserted:
                    along = next(inside)
                    steps = np.arange(updates.shape[along])
                    place = place + steps.reshape([-1 if other == along else 1 for other in range(updates.ndim)])
                places.append(place)
            scatter_windows(out, places, updates, ufunc)
            return out

        return Step(run)

    def _combination(self, context: Graphs) -> np.ufunc | None:
        """How an update is combined with what is there; None: it replaces that."""
        nodes = context.graph(self.update_computation_subgraph_index).nodes
        if not nodes:
            return None
        if len(nodes) > 1 or nodes[0].op.name not in COMBINED:
            raise ModelError(
                f"expected one operator of {', '.join(COMBINED)}, got {', '.join(node.op.name for node in nodes)}",
                "update_computation_subgraph_index",
            )
        return COMBINED[nodes[0].op.name]
