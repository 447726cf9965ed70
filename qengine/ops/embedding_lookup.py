"""EMBEDDING_LOOKUP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..memory import room
from ..model import Blockwise, Shape, TensorType
from ..op import Array, Graphs, LikeInput, Op, Rule, Spec, Specs, Step, Versions, Weights
from ..shapes import known, of_rank, volume
from ._operands import arity, of_type

T = TensorType


@dataclass(frozen=True, eq=False)
class EmbeddingLookup(Op):
    """ids (n), values (rows ..) -> the rows of those numbers (n ..).

    8, 4 and 2 bit rows become float32 or float16 where the output is that: times the scale, the row's own where there
    is one for each, or that of each block of a 4 or 2 bit row. The zero point is 0, and uint8 is read as int8.
    """

    code: ClassVar[int] = 7
    known_versions: ClassVar[Versions] = Versions(5)
    rule: ClassVar[Rule] = LikeInput((1,))
    weights: ClassVar[tuple[Weights, ...]] = (Weights(1, axis=0),)

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 2)
        ids, values = specs.input(0), specs.input(1)
        of_type(ids, (T.INT32,), "inputs[0]")
        (count,) = of_rank(ids, 1, "inputs[0]")
        if len(known(values)) < 2:
            raise ModelError(f"expected rows of values, got shape {list(known(values))}", "inputs[1]")
        return [(count, *known(values)[1:])]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        values, output = specs.input(1), specs.output()
        shape = known(output)
        if values.quantization is not None and isinstance(values.quantization.details, Blockwise):
            return self._plan_blockwise(values, output)
        by_row = values.quantization is not None and values.quantization.per_channel
        if output.type is values.type and not values.type.dtype.hasobject and not by_row:
            return Step(lambda ids, values: _rows(ids, values, shape).copy())
        of_type(values, (T.INT8, T.UINT8, T.INT4, T.INT2), "inputs[1]")
        of_type(output, (T.FLOAT32, T.FLOAT16), "outputs[0]")
        scales = _scales(values)
        dtype = output.type.dtype
        packed = {T.INT4: 2, T.INT2: 4}.get(values.type, 1)

        def run(ids: Array, values: Array) -> Array:
            rows = _rows(ids, values.view(np.int8) if packed == 1 else _whole_bytes(values, packed), shape)
            factors = scales[ids if len(scales) > 1 else np.zeros_like(ids)]
            return (rows * factors.reshape(-1, *(1,) * (rows.ndim - 1))).astype(dtype)

        return Step(run)

    def _plan_blockwise(self, values: Spec, output: Spec) -> Step:
        """A float16 scale for every block of a row."""
        of_type(values, (T.INT4, T.INT2), "inputs[1]")
        of_type(output, (T.FLOAT32, T.FLOAT16), "outputs[0]")
        _, length = of_rank(values, 2, "inputs[1]")
        if values.block_scale is None or length % values.block_scale.shape[1]:
            raise ModelError(f"expected float16 scales of blocks that divide {length} columns, got others", "inputs[1]")
        scales, shape, dtype = values.block_scale.astype(np.float32), known(output), output.type.dtype

        def run(ids: Array, values: Array) -> Array:
            found = _rows(ids, values, shape).reshape(len(ids), scales.shape[1], -1)
            return (found * scales[ids][..., None]).astype(dtype).reshape(shape)

        return Step(run)

    def version(self, specs: Specs) -> int:
        values = specs.input(1)
        per_row = values.quantization is not None and values.quantization.per_channel
        return 5 if values.type is T.INT2 else 4 if values.type is T.INT4 or per_row else 1


def _scales(values: Spec) -> Array:
    """float32 (1) or (rows); 0 where there is none. ModelError for zero points, or scales that aren't one a row."""
    q = values.quantization
    if q is None or q.scale is None or len(q.scale) == 0:
        return np.zeros(1, np.float32)
    if q.zero_point is None or len(q.zero_point) == 0 or q.zero_point[0] != 0:
        raise ModelError("expected a zero point of 0, got another", "inputs[1]")
    if len(q.scale) > 1 and (q.axis != 0 or len(q.scale) != known(values)[0]):
        raise ModelError(
            f"expected one scale or one for each of {known(values)[0]} rows, got {len(q.scale)}", "inputs[1]"
        )
    return q.scale


def _rows(ids: Array, values: Array, shape: Shape) -> Array:
    if ids.size and not 0 <= ids.min() <= ids.max() < len(values):
        raise ModelError(f"expected ids from 0 to {len(values) - 1}, got {ids.min()} to {ids.max()}", "inputs[0]")
    room(shape, values.dtype)
    found: Array = values[ids]
    return found


def _whole_bytes(values: Array, packed: int) -> Array:
    """Rows as the runtime finds them where they don't fill bytes: each begins at the byte its first element is in."""
    length = volume(values.shape[1:])
    begins = np.arange(len(values)) * length // packed * packed
    found: Array = values.reshape(-1)[begins[:, None] + np.arange(length)]
    return found.reshape(values.shape)
