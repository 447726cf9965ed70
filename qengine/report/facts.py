"""What a report holds: numbers about a model, its layers and their tensors, ready to be drawn or written as JSON."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Grid:
    """The real numbers that a tensor quantized as a whole can hold: scale * (q - zero_point), q from first to last."""

    scale: float
    zero_point: int
    first: int
    last: int

    @property
    def low(self) -> float:
        return self.scale * (self.first - self.zero_point)

    @property
    def high(self) -> float:
        return self.scale * (self.last - self.zero_point)

    @property
    def levels(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Distribution:
    """Counts in bins of equal width from `start` to `stop`; low, high: the least and greatest value that was seen."""

    start: float
    stop: float
    counts: tuple[int, ...]
    low: float
    high: float

    @property
    def total(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True)
class TensorFacts:
    """A tensor of the model, over all samples.

    scales, zero_points, axis: as in the file; grid: of one that is quantized as a whole. values: what it held, in real
    numbers; wanted: what its float counterpart held, in the same bins. clipped: the share of `wanted` that is more than
    a step outside the grid. saturated: the share of values at the grid's ends; used: how many levels of the grid occur.
    role: what a constant is to its operator. steps: whether values are the integers themselves, each channel having a
    grid of its own.
    """

    index: int
    name: str
    type: str
    shape: tuple[int, ...]
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    axis: int | None = None
    grid: Grid | None = None
    values: Distribution | None = None
    wanted: Distribution | None = None
    clipped: float | None = None
    saturated: float | None = None
    used: int | None = None
    role: str = ""
    steps: bool = False


@dataclass(frozen=True)
class Layer:
    """A node. before: the nodes whose outputs it reads (-1: an input of the model). size: bytes of its constants, a
    shared one counted where it is read first. sqnr_db, local_db, cosine: of its first output that has a counterpart,
    the whole run and the node by itself; None: there is none, infinite: exact."""

    node: int
    operator: str
    outputs: tuple[TensorFacts, ...]
    constants: tuple[TensorFacts, ...]
    before: tuple[int, ...]
    size: int
    macs: int
    kernel: str
    sqnr_db: float | None = None
    local_db: float | None = None
    cosine: float | None = None
    max_lsb: float | None = None

    @property
    def name(self) -> str:
        """Of the first output."""
        return self.outputs[0].name if self.outputs else self.operator

    @property
    def clipped(self) -> float | None:
        return next((tensor.clipped for tensor in self.outputs if tensor.clipped is not None), None)


@dataclass(frozen=True)
class ModelReport:
    """size: bytes of the file; rest: those that are no constant of a node. against: name and bytes of the model it is
    held against. drawn: samples are random numbers, for lack of any. graphs: how many; the layers are the first's."""

    name: str
    size: int
    rest: int
    description: str
    profile: str
    samples: int
    drawn: bool
    against: tuple[str, int] | None
    inputs: tuple[TensorFacts, ...]
    outputs: tuple[int, ...]
    layers: tuple[Layer, ...]
    graphs: int = 1

    @property
    def parameters(self) -> int:
        """How many numbers the constants hold."""
        return sum(math.prod(tensor.shape) for layer in self.layers for tensor in layer.constants)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def ends(self) -> tuple[Layer, ...]:
        """The layers that give the model's outputs."""
        return tuple(layer for layer in self.layers if any(t.index in self.outputs for t in layer.outputs))

    def worst(self, count: int = 3) -> Sequence[Layer]:
        """The layers that lose most by themselves, worst first."""
        known = [layer for layer in self.layers if layer.local_db is not None and math.isfinite(layer.local_db)]
        return sorted(known, key=lambda layer: layer.local_db or 0.0)[:count]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them: None for what isn't finite."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain

    def to_html(self) -> str:
        """The page, whole in one file."""
        from .page import page_of

        return page_of(self)

    def node_data(self) -> Mapping[str, dict[str, Any]]:
        """Model Explorer's node data, by metric; see `qengine.report.model_explorer`."""
        from .model_explorer import node_data

        return node_data(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the page."""
        Path(path).write_text(self.to_html(), encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
