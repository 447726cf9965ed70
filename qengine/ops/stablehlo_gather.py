"""STABLEHLO_GATHER."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..memory import room
from ..model import Shape
from ..op import Array, Graphs, LikeInput, Op, Rule, Specs, Step
from ..shapes import known
from ._dimension_numbers import check_axis, check_dimensions, starts, vectors
from ._operands import INDICES, arity, of_type, same_type


@dataclass(frozen=True, eq=False)
class StablehloGather(Op):
    """x, indices -> windows of x of `slice_sizes`, each placed by a vector of indices along `index_vector_dim`.

    Number i of a vector counts along dimension start_index_map[i]; windows move until they fit. `offset_dims` are the
    output's dimensions within a window, without `collapsed_slice_dims`; the others are those of the vectors.
    """

    code: ClassVar[int] = 201
    rule: ClassVar[Rule] = LikeInput()

    offset_dims: tuple[int, ...] | None = None
    collapsed_slice_dims: tuple[int, ...] | None = None
    start_index_map: tuple[int, ...] | None = None
    index_vector_dim: int = 0
    slice_sizes: tuple[int, ...] | None = None
    indices_are_sorted: bool = False

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 2)
        x, indices = specs.input(0), specs.input(1)
        of_type(indices, INDICES, "inputs[1]")
        same_type(specs.output(), x, "outputs[0]")
        if x.type.dtype.hasobject or x.type.bits not in (8, 16, 32, 64):
            raise ModelError(f"expected numbers of 8 to 64 bits, got {x.type.name}", "inputs[0]")
        sizes, collapsed, starting = self.slice_sizes or (), self.collapsed_slice_dims or (), self.start_index_map or ()
        rank = len(known(x))
        if len(sizes) != rank or any(not 0 <= a <= b for a, b in zip(sizes, known(x), strict=True)):
            raise ModelError(f"expected slice_sizes within {list(known(x))}, got {list(sizes)}")
        check_dimensions(collapsed, rank, "collapsed_slice_dims")
        check_dimensions(starting, rank, "start_index_map")
        batch = iter(check_axis(indices, self.index_vector_dim, len(starting), "inputs[1]"))
        window = iter([size for axis, size in enumerate(sizes) if axis not in collapsed])
        offsets = self.offset_dims or ()
        total = len(known(indices)) - 1 + rank - len(collapsed)
        check_dimensions(offsets, total, "offset_dims")
        if len(offsets) != rank - len(collapsed):
            raise ModelError(f"expected {rank - len(collapsed)} offset_dims, got {list(offsets)}")
        return [tuple(next(window if axis in offsets else batch) for axis in range(total))]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        shape = known(specs.output())
        sizes, collapsed, starting = self.slice_sizes or (), self.collapsed_slice_dims or (), self.start_index_map or ()
        offsets = sorted(self.offset_dims or ())
        kept = [axis for axis in range(len(sizes)) if axis not in collapsed]

        def run(x: Array, indices: Array) -> Array:
            room(shape, x.dtype)
            begins = starts(vectors(indices, self.index_vector_dim), starting, x.ndim)
            begins = np.clip(begins, 0, np.array(x.shape, np.int64) - np.array(sizes, np.int64))
            batch = begins.shape[:-1]
            places: list[Array] = []
            for axis in range(x.ndim):
                steps = np.arange(sizes[axis] if axis in kept else 1)
                along = [len(steps) if other == axis else 1 for other in kept]
                places.append(begins[..., axis].reshape((*batch, *(1,) * len(kept))) + steps.reshape(along))
            windows: Array = x[tuple(places)] if places else np.full(batch, x)
            return np.moveaxis(windows, range(len(batch), windows.ndim), offsets)

        return Step(run)
