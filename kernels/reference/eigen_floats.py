"""Eigen's packet functions of float32 as the optimized kernels have them: each product and each sum rounded.

Source: Eigen's generic packet mathematics, built for x86-64 without a fused multiply-add.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Float32Array
from ..rational import EIGEN_TANH, OF_LN2

F = np.float32


def tanh(x: Float32Array) -> Float32Array:
    """tanh(x) as a rational function: (x + x**3 * p(x**2)) / q(x**2)."""
    bound = F(EIGEN_TANH.bound)
    x = np.clip(x, -bound, bound)
    square = x * x
    numerator = x + square * x * _horner(square, EIGEN_TANH.numerator[:-1])
    return np.asarray(numerator / _horner(square, EIGEN_TANH.denominator), F)


def logistic(x: Float32Array) -> Float32Array:
    """e / (1 + e) for e = exp(x / 2)**2; 0 below -104."""
    half = np.minimum(x, F(16.6355324)) * F(0.5)
    n = np.floor(half * F(OF_LN2) + F(0.5))
    rest = half + n * F(-0.693359375)
    rest = rest + n * F(2.12194440e-4)
    square = rest * rest
    even = square * F(0.041898667812347412109375) + F(0.49999141693115234375)
    odd = square * F(0.00833471305668354034423828125) + F(0.16666877269744873046875)
    series = (rest * odd + even) * square + (rest + F(1))
    whole = np.where(np.isnan(n), 0, np.clip(n, -127, 128)).astype(np.int32)
    power: Float32Array = np.ldexp(series, whole)
    power = power * power
    return np.asarray(np.where(x < F(-104), F(0), power / (F(1) + power)), F)


def logistic_by_fours(x: Float32Array) -> Float32Array:
    """`logistic` of each row (.., c) as a loop over it has it: by fours; the rest is e / (1 + e) for e = exp(x).

    To the last bit, but for one in some thousands of that rest, where the C library's exp is not the nearest number.
    """
    whole = x.shape[-1] // 4 * 4
    power = np.exp(np.minimum(x[..., whole:], F(16.6355324)).astype(np.float64)).astype(F)
    return np.concatenate([logistic(x[..., :whole]), power / (F(1) + power)], axis=-1)


def _horner(x: Float32Array, coefficients: tuple[float, ...]) -> Float32Array:
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result = x * result + F(coefficient)
    return result
