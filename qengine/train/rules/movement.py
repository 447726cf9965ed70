"""Operators that only move numbers: a number's gradient goes back to where the number came from.

Where that is, the operator's own kernel says, run on positions instead of numbers. Shapes alone decide it, so it is
asked once. The commonest operators have shorter ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import Unsupported
from ...kernels.profile import Profile
from ...model import Graph, TensorType
from ...op import Array, CustomKernel, Spec, Specs
from ...program import plan_node
from ..gradient import Call, Gradient, Gradients


@dataclass(frozen=True)
class _Alone:
    """What an operator that needs no model around it is told of one."""

    @property
    def resources(self) -> dict[Any, Any]:
        return {}

    def graph(self, index: int) -> Graph:
        raise Unsupported("expected an operator without other graphs")

    def prepare(self, graph: int, inputs: Any) -> Any:
        raise Unsupported("expected an operator without other graphs")

    def rounds(self, condition: int, body: int, inputs: Sequence[Spec], sources: Sequence[int | None]) -> None:
        return None

    def custom(self, custom_code: str) -> CustomKernel | None:
        return None


ALONE = _Alone()


def _real(spec: Spec | None) -> bool:
    return spec is not None and spec.type is TensorType.FLOAT32


def _as_positions(spec: Spec | None) -> Spec | None:
    return replace(spec, type=TensorType.INT32) if spec is not None and _real(spec) else spec


def sources(call: Call) -> list[Array]:
    """For each output: flat, which number each element is, counted from 1 over all real inputs in order; 0: none."""
    count = 1
    arguments: list[Array | None] = []
    for spec, array in zip(call.specs.inputs, call.inputs, strict=True):
        if array is not None and _real(spec):
            arguments.append(np.arange(count, count + array.size, dtype=np.int32).reshape(array.shape))
            count += array.size
        else:
            arguments.append(array)
    specs = Specs(
        tuple(map(_as_positions, call.specs.inputs)),
        tuple(replace(spec, type=TensorType.INT32) for spec in call.specs.outputs),
    )
    step, _ = plan_node(call.op, specs, Profile.REFERENCE, ALONE)
    result = step.run(*arguments)
    return [np.asarray(part).reshape(-1) for part in (result if isinstance(result, tuple) else (result,))]


def moved_back(call: Call) -> Gradients:
    """Adds each output element's gradient to the element that it came from."""
    origins = _origins(call)
    sizes = [
        0 if array is None or not _real(spec) else array.size
        for spec, array in zip(call.specs.inputs, call.inputs, strict=True)
    ]
    total = np.zeros(sum(sizes) + 1, np.float64)
    for origin, gradient in zip(origins, call.gradients, strict=True):
        total += np.bincount(origin, gradient.reshape(-1), minlength=total.size)
    result: list[Array | None] = []
    start = 1
    for size, array, needed in zip(sizes, call.inputs, call.needs, strict=True):
        part = total[start : start + size]
        wanted = array is not None and needed
        result.append(part.reshape(array.shape).astype(call.gradient.dtype) if wanted and array is not None else None)
        start += size
    return result


def _origins(call: Call) -> list[Array]:
    """`sources`, remembered where only shapes and constants decide them."""
    fixed = all(spec is None or _real(spec) or spec.value is not None for spec in call.specs.inputs)
    if not fixed:
        return sources(call)
    if "origins" not in call.memory:
        call.memory["origins"] = sources(call)
    origins: list[Array] = call.memory["origins"]
    return origins


def reshaped_back(call: Call) -> Gradients:
    return [call.gradient.reshape(call.input(0).shape)]


def transpose_back(call: Call) -> Gradients:
    order = [int(axis) % call.input(0).ndim for axis in call.input(1)]
    return [call.gradient.transpose(np.argsort(order))]


def concatenation_back(call: Call) -> Gradients:
    axis = call.op.axis
    ends = np.cumsum([call.input(i).shape[axis] for i in range(len(call.inputs))])
    parts = np.split(call.gradient, ends[:-1], axis=axis)
    return [part if call.wants(i) else None for i, part in enumerate(parts)]


def pad_back(call: Call) -> Gradients:
    before = [int(pair[0]) for pair in call.input(1)]
    inner = tuple(slice(start, start + length) for start, length in zip(before, call.input(0).shape, strict=True))
    return [call.gradient[inner]]


def slice_back(call: Call) -> Gradients:
    dx = np.zeros_like(call.input(0))
    starts, shape = call.input(1), call.output.shape
    dx[tuple(slice(int(start), int(start) + length) for start, length in zip(starts, shape, strict=True))] = (
        call.gradient
    )
    return [dx]


def lookup_back(call: Call) -> Gradients:
    """EMBEDDING_LOOKUP: ids, table (rows ...) -> the rows of the ids."""
    table = np.zeros_like(call.input(1))
    np.add.at(table, call.input(0), call.gradient)
    return [None, table]


RULES = {
    "RESHAPE": Gradient(reshaped_back),
    "SQUEEZE": Gradient(reshaped_back),
    "EXPAND_DIMS": Gradient(reshaped_back),
    "TRANSPOSE": Gradient(transpose_back),
    "CONCATENATION": Gradient(concatenation_back),
    "PAD": Gradient(pad_back),
    "SLICE": Gradient(slice_back),
    "EMBEDDING_LOOKUP": Gradient(lookup_back),
    **{
        name: Gradient(moved_back)
        for name in (
            "BATCH_TO_SPACE_ND",
            "BROADCAST_TO",
            "DEPTH_TO_SPACE",
            "DYNAMIC_UPDATE_SLICE",
            "GATHER",
            "GATHER_ND",
            "MIRROR_PAD",
            "PACK",
            "PADV2",
            "REVERSE_SEQUENCE",
            "REVERSE_V2",
            "SPACE_TO_BATCH_ND",
            "SPACE_TO_DEPTH",
            "SPLIT",
            "SPLIT_V",
            "STRIDED_SLICE",
            "TILE",
            "UNPACK",
        )
    },
}
