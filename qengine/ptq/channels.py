"""What calibration learns of a tensor's channels (its last axis), where an operator reads them with weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model import Graph

MOST = 1 << 16
"""Channels beyond which none are told apart."""

Floats = NDArray[np.float64]

READERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
"""Operators that read channels one by one: their input 0 is watched by channel."""


@dataclass(frozen=True)
class Channels:
    """low, high (c,): of each channel's values; total (c,): their sum; count: how many values each channel had."""

    low: Floats
    high: Floats
    total: Floats
    count: int

    @property
    def mean(self) -> Floats:
        """(c,) of each channel's values."""
        return self.total / max(self.count, 1)

    @staticmethod
    def of(values: NDArray[Any]) -> Channels | None:
        """Of finite values (..., c); None where there are no channels to tell apart."""
        if values.ndim < 2 or not 0 < values.shape[-1] <= MOST:
            return None
        rows = values.reshape(-1, values.shape[-1])
        total = np.ones(len(rows), np.float32) @ rows
        return Channels(
            rows.min(axis=0).astype(np.float64),
            rows.max(axis=0).astype(np.float64),
            total.astype(np.float64),
            len(rows),
        )

    def merged(self, other: Channels | None) -> Channels | None:
        """Both together; None where they have different channels."""
        if other is None or len(other.low) != len(self.low):
            return None
        return Channels(
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
            self.total + other.total,
            self.count + other.count,
        )

    def rows(self) -> Floats:
        """(3, c): what `from_rows` takes."""
        return np.stack([self.low, self.high, self.total])

    @staticmethod
    def from_rows(rows: Floats, count: int) -> Channels:
        low, high, total = rows
        return Channels(low, high, total, count)


def watched_channels(graph: Graph) -> set[int]:
    """The tensors of a graph whose channels matter."""
    return {node.inputs[0] for node in graph.nodes if node.op.name in READERS}
