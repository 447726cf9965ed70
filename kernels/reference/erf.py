"""The complementary error function on arrays: NumPy has none."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.polynomial import chebyshev

from ..arrays import Float64Array, FloatingArray

_FAR = 27.0
"""Beyond it erfc is below the smallest float64."""


def erfc(x: FloatingArray) -> Float64Array:
    """1 - erf(x), float64 (...), to 1e-13 of its value; NaN stays NaN.

    For x >= 0 erfc(x) = exp(-x**2) * g(t), t = (x - 2) / (x + 2): g is smooth and positive, so a Chebyshev series in t
    has a small relative error. erfc(-x) = 2 - erfc(x).
    """
    x = np.asarray(x, np.float64)
    near = np.minimum(np.abs(x), _FAR)
    positive = np.exp(-(near**2)) * chebyshev.chebval(_position(near), _series())
    return np.asarray(np.where(x >= 0, positive, 2.0 - positive))


@cache
def _series() -> Float64Array:
    """Coefficients of g on [0, _FAR], from the standard library's erfc at the Chebyshev points."""
    points = np.cos(np.pi * (np.arange(60) + 0.5) / 60)
    t = _position(np.float64(0)) + (points + 1) / 2 * (_position(np.float64(_FAR)) - _position(np.float64(0)))
    x = 2 * (1 + t) / (1 - t)
    g = [_scaled(value) for value in x]
    return np.asarray(chebyshev.chebfit(t, g, 40), np.float64)


def _scaled(x: float) -> float:
    """erfc(x) * exp(x**2) for x >= 0; beyond 5 by its continued fraction, where the factors lose digits."""
    if x < 5:
        return math.erfc(x) * math.exp(x * x)
    tail = x
    for k in range(60, 0, -1):
        tail = x + k / 2 / tail
    return 1 / (tail * math.sqrt(math.pi))


def _position(x: Float64Array | np.float64) -> Float64Array:
    return np.asarray((x - 2) / (x + 2))
