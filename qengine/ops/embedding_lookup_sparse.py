"""EMBEDDING_LOOKUP_SPARSE."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..memory import room
from ..model import TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, Op, Specs, Step
from ..options import CombinerType
from ..shapes import known, of_rank, volume
from ._operands import arity, integers, of_type

T = TensorType


@dataclass(frozen=True, eq=False)
class EmbeddingLookupSparse(Op):
    """ids (n), places (n depth), shape (depth), weights (n), values (rows ..) -> weighed rows, combined by their place
    without its last coordinate: (shape[:-1].., ..).

    Entries of one place follow each other. MEAN divides by the sum of their weights, SQRTN by the root of the sum of
    their squares; where a place comes back later, its quotient is added to and divided again.
    """

    code: ClassVar[int] = 33

    combiner: CombinerType = CombinerType.SUM

    def infer(self, specs: Specs, context: Graphs) -> Dynamic:
        arity(specs, 5)
        ids, places, shape, weights, values = (specs.input(i) for i in range(5))
        for i, (spec, type_, rank) in enumerate(
            ((ids, T.INT32, 1), (places, T.INT32, 2), (shape, T.INT32, 1), (weights, T.FLOAT32, 1))
        ):
            of_type(spec, (type_,), f"inputs[{i}]")
            of_rank(spec, rank, f"inputs[{i}]")
        of_type(values, (T.FLOAT32,), "inputs[4]")
        of_type(specs.output(), (T.FLOAT32,), "outputs[0]")
        (count,), (rows, depth) = known(ids), known(places)
        if rows != count or known(weights) != (count,) or known(shape) != (depth,) or depth < 1:
            raise ModelError(f"expected {count} places and weights, got {rows} and {known(weights)[0]}", "inputs")
        if len(known(values)) < 2:
            raise ModelError(f"expected rows of values, got shape {list(known(values))}", "inputs[4]")
        return DYNAMIC

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(ids: Array, places: Array, shape: Array, weights: Array, values: Array) -> Array:
            buckets, row = integers(shape)[:-1], values.shape[1:]
            if min(buckets, default=0) < 0:
                raise ModelError(f"expected lengths from 0, got {list(buckets)}", "inputs[2]")
            if ids.size and not 0 <= ids.min() <= ids.max() < len(values):
                raise ModelError(f"expected ids from 0 to {len(values) - 1}, got others", "inputs[0]")
            if ((places[:, :-1] < 0) | (places[:, :-1] >= np.array(buckets))).any():
                raise ModelError(f"expected places within {list(buckets)}, got others", "inputs[1]")
            out = np.zeros((volume(room((*buckets, *row), np.float32)[: len(buckets)]), *row), np.float32)
            bucket = np.zeros(len(ids), np.int64)
            for axis, length in enumerate(buckets):
                bucket = bucket * length + places[:, axis]
            for start, stop in _runs(bucket):
                for i in range(start, stop):
                    out[bucket[i]] += values[ids[i]] * weights[i]
                out[bucket[start]] /= self._divisor(weights[start:stop])
            return out.reshape(*buckets, *row)

        return Step(run)

    def _divisor(self, weights: Array) -> Any:
        if self.combiner is CombinerType.SUM:
            return np.float32(1)
        if self.combiner is CombinerType.MEAN:
            return np.add.accumulate(weights)[-1]
        return np.sqrt(np.add.accumulate(weights * weights)[-1])


def _runs(places: Array) -> list[tuple[int, int]]:
    """Begin and end of the stretches of equal numbers."""
    edges = [0, *(np.flatnonzero(np.diff(places)) + 1).tolist(), len(places)]
    return [(begin, end) for begin, end in pairwise(edges) if begin < end]
