"""How far the outputs of two runtimes are apart, output by output, and whether that is near enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..model import Graph, Model, Tensor
from ..op import Array

FLOATS_WITHIN = 1e-4
"""How far a float may be off, as part of its output's largest magnitude: sums are added in another order."""


@dataclass(frozen=True)
class Mismatch:
    """The first element that differs: in which call, where in the output, and what both sides hold there."""

    call: int
    index: tuple[int, ...]
    ours: str
    theirs: str

    def __str__(self) -> str:
        return f"call {self.call}, element {list(self.index)}: {self.ours} here, {self.theirs} there"


@dataclass(frozen=True)
class Agreement:
    """One output over all calls.

    operator: what gives it. mismatches: of `elements`, how many are not the same bits (-0.0 and 0.0 are the same, and
    so are all NaN). max_lsb: the largest difference of quantized integers, in steps; None for floats, flags and
    integers that count, of which none may differ. max_error: the largest difference of floats, as part of the largest
    finite magnitude on the other side; infinite where one side isn't finite or shapes or types differ.
    """

    name: str
    operator: str
    type: str
    elements: int
    mismatches: int
    max_lsb: int | None
    max_error: float
    first: Mismatch | None
    problem: str = ""

    @property
    def is_float(self) -> bool:
        return self.type.startswith(("FLOAT", "COMPLEX", "BFLOAT"))

    def within(self, lsb: int, floats: float) -> bool:
        """Whether integers are at most `lsb` steps apart, and floats at most `floats` of the largest magnitude."""
        if self.problem:
            return False
        if self.is_float:
            return self.max_error <= floats
        return self.mismatches == 0 or (self.max_lsb is not None and self.max_lsb <= lsb)

    def __str__(self) -> str:
        title = f"{self.operator} {self.name!r} ({self.type})"
        if self.problem:
            return f"{title}: {self.problem}"
        far = "" if self.max_lsb is None else f", by {self.max_lsb} LSB at most"
        far = f", by {self.max_error:.2g} of the largest magnitude" if self.is_float and self.mismatches else far
        text = f"{title}: {self.mismatches} of {self.elements} elements differ{far if self.mismatches else ''}"
        return f"{text}; {self.first}" if self.first is not None else text


@dataclass(frozen=True)
class Parity:
    """What came of running a model twice. runtime: the other side, with its version."""

    profile: str
    runtime: str
    calls: int
    outputs: tuple[Agreement, ...]

    @property
    def elements(self) -> int:
        return sum(output.elements for output in self.outputs)

    @property
    def mismatches(self) -> int:
        return sum(output.mismatches for output in self.outputs)

    def within(self, lsb: int = 0, floats: float = FLOATS_WITHIN) -> bool:
        """Whether every output is; see `Agreement.within`."""
        return all(output.within(lsb, floats) for output in self.outputs)

    def __str__(self) -> str:
        head = f"qengine:{self.profile} beside {self.runtime}, {self.calls} calls"
        return "\n".join([head, *(f"  {output}" for output in self.outputs)])


def agreements(model: Model, ours: Sequence[Sequence[Array]], theirs: Sequence[Sequence[Array]]) -> list[Agreement]:
    """By output of the first graph, what all calls show. ours, theirs: by call the outputs in their order."""
    graph = model.graphs[0]
    return [
        _agreement(graph, i, [call[position] for call in ours], [call[position] for call in theirs])
        for position, i in enumerate(graph.outputs)
    ]


def _agreement(graph: Graph, index: int, ours: Sequence[Array], theirs: Sequence[Array]) -> Agreement:
    tensor = graph.tensors[index]
    operator = next((node.op.name for node in graph.nodes if index in node.outputs), "(no operator)")
    name, type_ = tensor.name or f"tensor {index}", tensor.type.name
    elements, mismatches, steps, error, first = 0, 0, 0, 0.0, None
    for number, (mine, right) in enumerate(zip(ours, theirs, strict=True)):
        elements += right.size
        problem = _incomparable(mine, right)
        if problem:
            return Agreement(
                name, operator, type_, elements, right.size, None, np.inf, None, f"call {number}: {problem}"
            )
        different = _different(mine, right)
        if different.any():
            mismatches += int(different.sum())
            steps, error = max(steps, _steps(mine, right)), max(error, _error(mine, right))
            if first is None:
                at = tuple(int(i) for i in np.argwhere(different)[0])
                first = Mismatch(number, at, str(mine[at]), str(right[at]))
    lsb = steps if _counts_steps(tensor) else None
    return Agreement(name, operator, type_, elements, mismatches, lsb, error, first)


def _counts_steps(tensor: Tensor) -> bool:
    quantization = tensor.quantization
    return tensor.type.dtype.kind in "iu" and quantization is not None and quantization.is_affine


def _incomparable(mine: Array, right: Array) -> str:
    texts = all(array.dtype.kind in "OSU" for array in (mine, right))
    if mine.shape != right.shape:
        return f"shape {list(mine.shape)} here, {list(right.shape)} there"
    if mine.dtype != right.dtype and not texts:
        return f"{mine.dtype} here, {right.dtype} there"
    return ""


def _different(mine: Array, right: Array) -> Array:
    if right.dtype.kind in "fc":
        return np.asarray(~((mine == right) | (np.isnan(mine) & np.isnan(right))))
    return np.asarray(mine != right)


def _steps(mine: Array, right: Array) -> int:
    if right.dtype.kind not in "iu":
        return 0
    return max(int(x) - int(y) if x > y else int(y) - int(x) for x, y in zip(mine.flat, right.flat, strict=True))


def _error(mine: Array, right: Array) -> float:
    if right.dtype.kind not in "fc":
        return 0.0
    finite = np.isfinite(right)
    largest = float(np.abs(right[finite]).max(initial=1e-6))
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.where(_different(mine, right), np.abs(mine.astype(np.complex128) - right), 0.0)
    return float(np.nan_to_num(off, nan=np.inf, posinf=np.inf).max(initial=0.0)) / largest
