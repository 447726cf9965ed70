"""Float functions where XNNPACK's approximations differ by more than rounding: at the ends of their domains.

float32 arrays, subnormal numbers already zero. Source: XNNPACK's float microkernels for x86.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Float32Array
from . import activations
from .erf import erfc

_LARGE = np.float32(2.0**126)


def exp(x: Float32Array) -> Float32Array:
    """exp(x); NaN gives 0, for it is clamped to the smallest exponent."""
    return np.where(np.isnan(x), np.float32(0), activations.exp(x)).astype(np.float32)


def log(x: Float32Array) -> Float32Array:
    """ln(x), infinite from 2**128 / sqrt(2) on: x is scaled by sqrt(2) first."""
    return np.where(x * np.float32(np.sqrt(2)) == np.inf, np.float32(np.inf), activations.log(x)).astype(np.float32)


def rsqrt(x: Float32Array) -> Float32Array:
    """1 / sqrt(x), NaN for 0.

    The last step of Newton's method, y * (1.5 - 0.5 * x * y**2), meets a subnormal y**2 from 2**126 on: 1.5 * y.
    """
    root = np.asarray(np.float32(1) / np.sqrt(x), np.float32)
    return np.where(x == 0, np.float32(np.nan), _unconverged(x, root)).astype(np.float32)


def sqrt(x: Float32Array) -> Float32Array:
    """sqrt(x) as x times `rsqrt`."""
    return _unconverged(x, np.sqrt(x))


def _unconverged(x: Float32Array, root: Float32Array) -> Float32Array:
    return np.where((x > _LARGE) & np.isfinite(x), np.float32(1.5) * root, root).astype(np.float32)


def sin(x: Float32Array) -> Float32Array:
    """sin(x): x less its multiples of 2 * pi, which stay exact up to about 1e6; then a rational function."""
    return _sine(_reduced(x))


def cos(x: Float32Array) -> Float32Array:
    """cos(x) as sin(pi / 2 - x), see `sin`."""
    half_pi = np.float64(np.float32(np.pi / 2))
    rest = np.float32(np.pi / 2 - half_pi)
    return _sine((np.float32(half_pi) - _reduced(x)) + rest)


def _reduced(x: Float32Array) -> Float32Array:
    """x less the nearest multiple of 2 * pi, in two steps of which each rounds once."""
    turns = np.rint(x * np.float32(0.5 / np.pi)).astype(np.float64)
    high = np.float32(6.28125)  # 11 bits of 2 * pi
    low = np.float32(2 * np.pi - 6.28125)
    first = (x.astype(np.float64) - turns * np.float64(high)).astype(np.float32)
    return np.asarray(first.astype(np.float64) - turns * np.float64(low)).astype(np.float32)


def _sine(x: Float32Array) -> Float32Array:
    """sin(x), |x| <= 3 * pi / 2 folded into [-pi / 2, pi / 2]; what lies outside goes through the same formula."""
    pi = np.float32(np.pi)
    x = np.minimum(x, pi - x)
    x = np.maximum(x, -pi - x)
    x = np.minimum(x, pi - x)
    square = x * x
    numerator = x * (1 + square * (np.float32(-0.13314664364) + square * np.float32(0.0032340581529)))
    denominator = 1 + square * (np.float32(0.033519912511) + square * np.float32(0.00048770775902))
    return np.asarray(numerator / denominator, np.float32)


def gelu(x: Float32Array) -> Float32Array:
    """x / 2 * (erf(x / sqrt(2)) + 1), erf rounded: for numbers below -3 only its last bits remain."""
    erf = (1 - erfc(x.astype(np.float64) * np.sqrt(0.5))).astype(np.float32)
    return np.asarray(np.float32(0.5) * x * (erf + np.float32(1)))
