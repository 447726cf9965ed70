"""FAKE_QUANT: floats rounded to the steps of a quantized range."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Float32Array
from ..fixed_point import round_half_away


class Range(NamedTuple):
    """A range moved so that 0 is one of its steps: lowest and highest number, and the step; float32."""

    low: np.float32
    high: np.float32
    step: np.float32

    @classmethod
    def of(cls, low: float, high: float, bits: int) -> Range:
        """2**bits steps over [low, high]; 0 goes to the nearest step, half away from zero."""
        top = np.float32(2**bits - 1)
        with np.errstate(all="ignore"):
            step = (np.float32(high) - np.float32(low)) / top
            zero = round_half_away(-np.float32(low) / step)
            nearest = np.float32(np.clip(zero, np.float32(0), top))
            return cls(-nearest * step, (top - nearest) * step, step)


def fake_quantize(x: Float32Array, range_: Range) -> Float32Array:
    """low + step * round((clamp(x) - low) / step), half away from zero; NaN counts as below the range."""
    clamped = np.where(x > range_.low, x, range_.low)
    clamped = np.where(clamped < range_.high, clamped, range_.high)
    steps = round_half_away((clamped - range_.low) * (np.float32(1) / range_.step))
    return np.asarray(steps * range_.step + range_.low).astype(np.float32)
