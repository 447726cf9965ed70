"""How far two arrays of numbers are apart, summed over samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..model import Tensor
from ..op import Array
from .recording import real_values, step_of


@dataclass(frozen=True)
class Errors:
    """Two tensors, `a` the wanted one, over all samples.

    differing: of `elements`, how many aren't equal. signal, noise, product, other: sums of a**2, (a - b)**2, a * b and
    b**2. max_error: the largest |a - b| in real numbers. lsb: the width of a step of b (of a where only that is
    quantized); None for floats.
    """

    elements: int = 0
    differing: int = 0
    signal: float = 0.0
    noise: float = 0.0
    product: float = 0.0
    other: float = 0.0
    max_error: float = 0.0
    lsb: float | None = None

    @property
    def sqnr_db(self) -> float:
        """Signal to quantization noise, 10 * log10(signal / noise) in dB; infinite where nothing differs."""
        if self.noise == 0:
            return math.inf
        return -math.inf if self.signal == 0 or math.isinf(self.noise) else 10 * math.log10(self.signal / self.noise)

    @property
    def cosine(self) -> float:
        """Of the angle between both; 1 where both are 0."""
        if self.signal == 0 or self.other == 0:
            return 1.0 if self.signal == self.other else 0.0
        return self.product / math.sqrt(self.signal * self.other)

    @property
    def max_lsb(self) -> float | None:
        """The largest difference in steps: a whole number where both have the same quantization."""
        if self.lsb is None:
            return None
        steps = self.max_error / self.lsb
        return float(round(steps)) if abs(steps - round(steps)) < 1e-6 * max(steps, 1) else steps

    def __add__(self, more: Errors) -> Errors:
        return Errors(
            self.elements + more.elements,
            self.differing + more.differing,
            self.signal + more.signal,
            self.noise + more.noise,
            self.product + more.product,
            self.other + more.other,
            max(self.max_error, more.max_error),
            more.lsb if self.lsb is None else self.lsb,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them: None for what isn't finite."""
        found = {
            "elements": self.elements,
            "differing": self.differing,
            "sqnr_db": self.sqnr_db,
            "cosine": self.cosine,
            "max_error": self.max_error,
            "max_lsb": self.max_lsb,
        }
        return {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in found.items()}


def errors_between(a: tuple[Tensor, Array], b: tuple[Tensor, Array]) -> Errors | None:
    """The errors of one sample's tensors; None where shapes differ."""
    if a[1].shape != b[1].shape:
        return None
    lsb = step_of(b[0])
    lsb = step_of(a[0]) if lsb is None else lsb
    real = [real_values(*side) for side in (a, b)]
    count = real[0].size
    if not all(values.dtype.kind in "fc" for values in real):
        return Errors(count, int((a[1] != b[1]).sum()))
    with np.errstate(all="ignore"):
        same = (real[0] == real[1]) | (np.isnan(real[0]) & np.isnan(real[1]))
        difference = np.abs(np.where(same, 0, real[0] - real[1]))
        noise, largest = float(np.sum(difference**2)), float(difference.max(initial=0))
        sums = [float(np.sum(np.nan_to_num(x * np.conj(y)).real)) for x, y in ((real[0],) * 2, real, (real[1],) * 2)]
    bad = math.isnan(noise)
    return Errors(
        count,
        int((~same).sum()),
        sums[0],
        math.inf if bad else noise,
        sums[1],
        sums[2],
        math.inf if bad else largest,
        lsb,
    )
