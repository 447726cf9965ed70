"""A histogram that grows with its values: fixed memory, exact to merge, the same in whatever order values come."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

HALF = 2048
"""Bins on each side of zero."""

_CHUNK = 1 << 18


@dataclass
class Histogram:
    """Counts of non-zero values in bins of width 2**(exponent - 11), `HALF` on each side of zero.

    Bin i holds [i - HALF, i - HALF + 1) widths. The exponent is that of the greatest magnitude seen, so bins only ever
    widen by powers of two, and widening adds whole bins up: nothing is spread or guessed. None: no value came yet.
    """

    exponent: int | None = None
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2 * HALF, np.int64))
    zeros: int = 0

    @property
    def width(self) -> float:
        """Of one bin, in the values' units."""
        return 0.0 if self.exponent is None else math.ldexp(1.0, self.exponent - 11)

    @property
    def centers(self) -> NDArray[np.float64]:
        """The middles of the bins, in the values' units."""
        return np.asarray((np.arange(2 * HALF) - (HALF - 0.5)) * self.width, np.float64)

    @property
    def edges(self) -> NDArray[np.float64]:
        """The bins' bounds, one more than there are bins."""
        return np.asarray((np.arange(2 * HALF + 1) - HALF) * self.width, np.float64)

    @property
    def total(self) -> int:
        """How many values came, zeros included."""
        return self.zeros + int(self.counts.sum())

    def add(self, values: NDArray[np.float32], reach: float) -> None:
        """Counts finite values (any shape), none of a magnitude beyond `reach`."""
        flat = values.reshape(-1)
        nonzero = int(np.count_nonzero(flat))
        self.zeros += flat.size - nonzero
        if nonzero == 0:
            return
        exponent = math.frexp(reach)[1]
        if self.exponent is None or exponent > self.exponent:
            self._widen(exponent)
        assert self.exponent is not None
        bins = np.zeros(2 * HALF, np.int64)
        steps = np.float64(math.ldexp(1.0, 11 - self.exponent))
        for start in range(0, flat.size, _CHUNK):
            scaled = flat[start : start + _CHUNK] * steps if abs(self.exponent) > 100 else _scaled(flat, start, steps)
            bins += np.bincount(np.floor(scaled).astype(np.intp) + HALF, minlength=2 * HALF)
        bins[HALF] -= flat.size - nonzero
        self.counts += bins

    def merge(self, other: Histogram) -> None:
        """Adds another's counts to this one's."""
        self.zeros += other.zeros
        if other.exponent is None:
            return
        if self.exponent is None or other.exponent > self.exponent:
            self._widen(other.exponent)
        assert self.exponent is not None
        self.counts += _widened(other.counts, self.exponent - other.exponent)

    def _widen(self, exponent: int) -> None:
        if self.exponent is not None:
            self.counts = _widened(self.counts, exponent - self.exponent)
        self.exponent = exponent


def _scaled(flat: NDArray[np.float32], start: int, steps: np.float64) -> NDArray[np.floating]:
    """Values in bin widths: float32 by a power of two is exact away from the type's ends."""
    return np.multiply(flat[start : start + _CHUNK], np.float32(steps))


def _widened(counts: NDArray[np.int64], doublings: int) -> NDArray[np.int64]:
    """The same counts in bins 2**doublings times as wide."""
    if doublings == 0:
        return counts
    result = np.zeros_like(counts)
    if doublings >= 11:
        result[HALF - 1], result[HALF] = counts[:HALF].sum(), counts[HALF:].sum()
        return result
    merged = counts.reshape(-1, 1 << doublings).sum(axis=1)
    start = HALF - len(merged) // 2
    result[start : start + len(merged)] = merged
    return result
