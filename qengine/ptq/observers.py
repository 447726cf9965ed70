"""Observers: how the range of a tensor is chosen from what calibration saw of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .histogram import HALF, Histogram
from .ranges import Summary

Range = tuple[float, float]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Observer:
    """A way to choose a range, by name.

    min_max         every value that was seen
    moving_average  the moving average (0.95) of each sample's range
    percentile      `percentile` % of all values, half of the rest cut at each end (99.99 where it isn't given)
    entropy         the range whose quantized histogram diverges least (Kullback-Leibler) from what was seen
    mse             the range with the least mean squared error of rounding and clipping
    """

    name: str = "min_max"
    percentile: float = 99.99

    def __post_init__(self) -> None:
        if self.name not in _CHOICES:
            raise ValueError(f"expected an observer among {', '.join(_CHOICES)}, got {self.name!r}")
        if not 50 < self.percentile <= 100:
            raise ValueError(f"expected a percentile above 50 and up to 100, got {self.percentile}")

    def range(self, summary: Summary, levels: int) -> Range:
        """(low, high) in the tensor's units, holding 0; `levels`: how many values the quantized tensor can have."""
        if summary.is_empty:
            raise ValueError("expected samples, got none")
        low, high = _CHOICES[self.name](self, summary, levels)
        return min(low, 0.0), max(high, 0.0)


def _min_max(observer: Observer, summary: Summary, levels: int) -> Range:
    return summary.low, summary.high


def _moving_average(observer: Observer, summary: Summary, levels: int) -> Range:
    return summary.average


def _percentile(observer: Observer, summary: Summary, levels: int) -> Range:
    histogram = summary.histogram
    if histogram.exponent is None:
        return summary.low, summary.high
    cut = (100 - observer.percentile) / 200
    counts = histogram.counts.copy()
    counts[HALF] += histogram.zeros
    rising = np.concatenate(([0.0], np.cumsum(counts))) / counts.sum()
    low, high = np.interp([cut, 1 - cut], *_strict(rising, histogram.edges))
    return max(float(low), summary.low), min(float(high), summary.high)


def _strict(rising: Floats, edges: Floats) -> tuple[Floats, Floats]:
    """The points where a cumulative share rises, with the last edge before it does."""
    moves = np.flatnonzero(np.diff(rising) > 0)
    first, last = moves[0], moves[-1] + 1
    keep = np.unique(np.concatenate((moves, moves + 1, [first, last])))
    return rising[keep], edges[keep]


def _entropy(observer: Observer, summary: Summary, levels: int) -> Range:
    """Magnitudes beyond a threshold cut off, in 128 steps; what is cut is added to the end bins, as quantizing does."""
    histogram = summary.histogram
    if histogram.exponent is None or levels >= 2 * HALF:
        return summary.low, summary.high
    best, chosen = math.inf, (summary.low, summary.high)
    first, last = _ends(histogram)
    for step in range(128, 0, -1):
        reach = math.ceil(max(HALF - first, last - HALF) * step / 128)
        start, stop = max(min(first, HALF), HALF - reach), min(max(last, HALF), HALF + reach)
        if stop - start < min(levels, last - first):
            break
        divergence = _divergence(histogram.counts, start, stop, levels)
        if divergence < best:
            best, chosen = divergence, (float(histogram.edges[start]), float(histogram.edges[stop]))
    return max(chosen[0], summary.low), min(chosen[1], summary.high)


def _ends(histogram: Histogram) -> tuple[int, int]:
    """The first bin that holds something, and one past the last."""
    filled = np.flatnonzero(histogram.counts)
    return int(filled[0]), int(filled[-1]) + 1


def _divergence(counts: NDArray[np.int64], start: int, stop: int, levels: int) -> float:
    """KL(p, q): p the bins from start to stop with the outliers folded in, q the same spread over `levels` values."""
    inside = counts[start:stop].astype(np.float64)
    folded = inside.copy()
    folded[0] += counts[:start].sum()
    folded[-1] += counts[stop:].sum()
    groups = np.arange(len(inside)) * min(levels, len(inside)) // len(inside)
    filled = folded > 0
    sums, sizes = np.bincount(groups, inside), np.bincount(groups, filled)
    q = np.where(filled, sums[groups] / np.maximum(sizes[groups], 1), 0.0)
    if q.sum() == 0:
        return math.inf
    p, q = folded / folded.sum(), q / q.sum()
    smooth = np.where(filled & (q == 0), 1e-9, q)
    return float(np.sum(p[filled] * np.log(p[filled] / smooth[filled])))


def _mse(observer: Observer, summary: Summary, levels: int) -> Range:
    """Each end on a grid of 100 shrinks; error = step**2 / 12 for each value inside + distance**2 outside."""
    histogram = summary.histogram
    if histogram.exponent is None:
        return summary.low, summary.high
    shrinks = np.linspace(1.0, 0.01, 100)
    lows, highs = (min(summary.low, 0.0) * shrinks, max(summary.high, 0.0) * shrinks)
    below, kept_low = _clipped(histogram.centers, histogram.counts, lows)
    above, kept_high = _clipped(-histogram.centers[::-1], histogram.counts[::-1], -highs)
    inside = histogram.counts.sum() - kept_low[:, None] - kept_high[None, :]
    step = (highs[None, :] - lows[:, None]) / (levels - 1)
    error = below[:, None] + above[None, :] + inside * step**2 / 12
    at = np.unravel_index(int(np.argmin(error)), error.shape)
    return float(lows[at[0]]), float(highs[at[1]])


def _clipped(centers: Floats, counts: NDArray[np.int64], lows: Floats) -> tuple[Floats, Floats]:
    """For each low end: sum of squared distances of the values below it, and how many they are."""
    powers = [np.concatenate(([0.0], np.cumsum(counts * centers**power))) for power in (0, 1, 2)]
    at = np.searchsorted(centers, lows)
    number, total, squares = (sums[at] for sums in powers)
    return squares - 2 * lows * total + lows**2 * number, number


_CHOICES: dict[str, Callable[[Observer, Summary, int], Range]] = {
    "min_max": _min_max,
    "moving_average": _moving_average,
    "percentile": _percentile,
    "entropy": _entropy,
    "mse": _mse,
}


def of_values(observer: Observer, rows: NDArray[Any], levels: int) -> Floats:
    """The magnitude each row (r, n) of weights is quantized with, symmetrically: (r,) float64.

    min_max and moving_average take the greatest magnitude; percentile that share of magnitudes; entropy and mse search
    the shrink of it (mse: 100 steps, the true squared error; entropy: on the row's histogram).
    """
    reach = np.abs(rows).max(axis=1, initial=0).astype(np.float64)
    if observer.name == "percentile":
        return np.asarray(np.percentile(np.abs(rows).astype(np.float64), observer.percentile, axis=1))
    if observer.name == "mse":
        return _least_error(rows.astype(np.float64), reach, levels)
    if observer.name == "entropy":
        return np.array([_symmetric_entropy(observer, row, levels) for row in rows])
    return np.asarray(reach, np.float64)


def _least_error(rows: Floats, reach: Floats, levels: int) -> Floats:
    most = (levels - 1) // 2
    best, chosen = np.full(len(rows), np.inf), reach.copy()
    for shrink in np.linspace(1.0, 0.2, 81):
        scale = np.where(reach > 0, reach * shrink / most, 1.0)[:, None]
        error = ((np.clip(np.rint(rows / scale), -most, most) * scale - rows) ** 2).sum(axis=1)
        better = error < best
        best, chosen = np.where(better, error, best), np.where(better, reach * shrink, chosen)
    return chosen


def _symmetric_entropy(observer: Observer, row: NDArray[Any], levels: int) -> float:
    summary = Summary()
    summary.add(np.concatenate((row, -row)))
    low, high = _entropy(observer, summary, levels)
    return max(-low, high)
