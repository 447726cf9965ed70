"""Counting what one tensor holds over several samples, in bins that follow its grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..op import Array
from ..ptq.histogram import Histogram
from .facts import Distribution, Grid

BINS = 128
"""Bars of a histogram, at most."""
MARGIN = 0.25
"""How far beyond its grid a histogram goes at most, as a part of its width; the end bars hold what lies further."""


class Tally:
    """What a tensor holds, and what its float counterpart holds."""

    def __init__(self, grid: Grid | None) -> None:
        self.grid = grid
        self._sides = (_Side(), _Side())
        self._levels: NDArray[np.int64] | None = None
        if grid is not None and grid.levels <= 1 << 16:
            self._levels = np.zeros(grid.levels, np.int64)

    def add(self, real: Array, values: Array) -> None:
        """One sample: real numbers, and the integers that stand for them."""
        self._sides[0].add(real)
        if self._levels is not None and self.grid is not None and values.dtype.kind in "iu":
            counts = np.bincount(values.reshape(-1).astype(np.int64) - self.grid.first, minlength=len(self._levels))
            self._levels += counts[: len(self._levels)]

    def add_wanted(self, real: Array) -> None:
        """One sample of the counterpart."""
        self._sides[1].add(real)

    def facts(self) -> dict[str, Any]:
        """The fields of TensorFacts that are measured."""
        own, wanted = self._sides
        if own.empty:
            return {}
        start, stop, bins = self._frame()
        found: dict[str, Any] = {"values": self._own(start, stop, bins)}
        if not wanted.empty:
            found["wanted"] = wanted.binned(start, stop, bins)
            if self.grid is not None:
                found["clipped"] = wanted.outside(self.grid.low - self.grid.scale, self.grid.high + self.grid.scale)
        if self._levels is not None and self._levels.sum() > 0:
            found["saturated"] = float(self._levels[[0, -1]].sum() / self._levels.sum())
            found["used"] = int(np.count_nonzero(self._levels))
        return found

    def _frame(self) -> tuple[float, float, int]:
        """From where to where the bars go, and how many there are: bounds lie halfway between levels of the grid."""
        sides = [side for side in self._sides if not side.empty]
        low, high = min(side.low for side in sides), max(side.high for side in sides)
        if self.grid is None:
            low, high = min(low, 0.0), max(high, 0.0)
            return (low, high, BINS // 2) if high > low else (low - 0.5, high + 0.5, 1)
        group = max(1, -(-self.grid.levels // BINS))
        width, reach = self.grid.scale * group, self.grid.high - self.grid.low
        start, stop = self.grid.low - self.grid.scale / 2, self.grid.high + self.grid.scale / 2
        inside = -(-self.grid.levels // group)
        below = int(np.ceil(min(max(start - low, 0.0), MARGIN * reach) / width))
        above = int(np.ceil(min(max(high - stop, 0.0), MARGIN * reach) / width))
        return start - below * width, start + (inside + above) * width, below + inside + above

    def _own(self, start: float, stop: float, bins: int) -> Distribution:
        if self._levels is None or self.grid is None:
            return self._sides[0].binned(start, stop, bins)
        at = (self.grid.scale * (np.arange(self.grid.levels) + self.grid.first - self.grid.zero_point) - start) / (
            stop - start
        )
        counts = np.bincount(
            np.clip((at * bins).astype(np.int64), 0, bins - 1), weights=self._levels, minlength=bins
        ).astype(np.int64)
        return Distribution(start, stop, tuple(int(n) for n in counts), self._sides[0].low, self._sides[0].high)


class _Side:
    """Values in real numbers."""

    def __init__(self) -> None:
        self.histogram = Histogram()
        self.low, self.high, self.empty = np.inf, -np.inf, True

    def add(self, real: Array) -> None:
        if real.dtype.kind not in "fiub":
            return
        values = real[np.isfinite(real)].astype(np.float32)
        values = values[np.abs(values) < 1e30]
        if values.size == 0:
            return
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        self.histogram.add(values, max(float(np.abs(values).max()), 1e-30) * (1 + 1e-6))
        self.empty = False

    def binned(self, start: float, stop: float, bins: int) -> Distribution:
        """The counts in other bins: a bin that two of them share is split by its parts; zeros stay whole."""
        edges = np.linspace(start, stop, bins + 1)
        rising = np.concatenate(([0.0], np.cumsum(self.histogram.counts)))
        inner = np.interp(edges[1:-1], self.histogram.edges, rising) if self.histogram.width else np.zeros(bins - 1)
        counts = np.diff(np.concatenate(([0.0], inner, [rising[-1]])))
        zero = int(np.clip(np.floor(-start / (stop - start) * bins), 0, bins - 1))
        counts[zero] += self.histogram.zeros
        return Distribution(start, stop, tuple(int(n) for n in np.rint(counts)), self.low, self.high)

    def outside(self, low: float, high: float) -> float:
        """The share of values below low or above high; a bin of the histogram counts where all of it is."""
        edges, counts = self.histogram.edges, self.histogram.counts
        return float(counts[(edges[1:] < low) | (edges[:-1] > high)].sum() / self.histogram.total)
