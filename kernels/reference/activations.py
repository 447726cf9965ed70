"""Activation functions on floats: arrays in, arrays of the same shape and type out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..arrays import FloatingArray
from .erf import erfc
from .lanes import in_vector_loop


def logistic(x: FloatingArray) -> FloatingArray:
    """1 / (1 + exp(-x)), each step rounded to x's type."""
    one = x.dtype.type(1)
    return np.asarray(one / (one + exp(-x)))


def logistic_cut(x: FloatingArray) -> FloatingArray:
    """`logistic`, below -9 exp(x): how the reference kernels compute arrays."""
    return np.where(x < -9, exp(x), logistic(x))


def logistic_of_power(
    x: FloatingArray, rounded: Callable[[FloatingArray], FloatingArray] = lambda x: x
) -> FloatingArray:
    """exp(x) / (1 + exp(x)); 1 where the power is infinite. rounded: what follows each step (to a narrower type)."""
    power = rounded(exp(x))
    return np.where(np.isposinf(power), x.dtype.type(1), rounded(power / rounded(x.dtype.type(1) + power)))


def logistic_rounded(x: FloatingArray) -> FloatingArray:
    """1 / (1 + exp(-x)) in float64, rounded once."""
    small = np.exp(-np.abs(x.astype(np.float64)))
    return np.asarray(np.where(x >= 0, 1, small) / (1 + small)).astype(x.dtype)


def tanh(x: FloatingArray) -> FloatingArray:
    """tanh(x), rounded once."""
    return np.asarray(np.tanh(x.astype(np.float64))).astype(x.dtype)


def exp(x: FloatingArray) -> FloatingArray:
    """exp(x), rounded once."""
    return np.asarray(np.exp(x.astype(np.float64))).astype(x.dtype)


def log(x: FloatingArray) -> FloatingArray:
    """ln(x), rounded once."""
    return np.asarray(np.log(x.astype(np.float64))).astype(x.dtype)


def elu(x: FloatingArray) -> FloatingArray:
    """x, and exp(x) - 1 below 0."""
    below = np.expm1(np.minimum(x.astype(np.float64), 0)).astype(x.dtype)
    return np.where(x < 0, below, x)


def gelu(x: FloatingArray) -> FloatingArray:
    """x times the normal distribution function: x / 2 * erfc(-x / sqrt(2)), each factor rounded to x's type.

    -inf gives NaN (infinity times 0), as in the runtime.
    """
    kind = x.dtype.type
    factor = erfc(x * kind(-np.sqrt(0.5))).astype(x.dtype)
    return np.asarray(kind(0.5) * x * factor)


def gelu_tanh(x: FloatingArray) -> FloatingArray:
    """The approximation of `gelu` by x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))), every step rounded."""
    kind = x.dtype.type
    inner = kind(np.sqrt(2 / np.pi)) * (x + kind(0.044715) * x * x * x)
    return np.asarray(kind(0.5) * x * (kind(1) + tanh(inner)))


def gelu_tanh_cubed(x: FloatingArray) -> FloatingArray:
    """`gelu_tanh` with x**3 first: how arrays are computed, where `gelu_tanh` makes tables."""
    kind = x.dtype.type
    inner = kind(np.sqrt(2 / np.pi)) * (x + kind(0.044715) * (x * x * x))
    return np.asarray(kind(0.5) * x * (kind(1) + tanh(inner)))


def hard_swish(x: FloatingArray) -> FloatingArray:
    """x * clamp(x + 3, 0, 6) / 6, in this order: the product overflows before it is divided."""
    six = x.dtype.type(6)
    return np.asarray(x * np.clip(x + x.dtype.type(3), 0, six) / six)


def hard_swish_scaled(x: FloatingArray) -> FloatingArray:
    """(x / 6) * clamp(x + 3, 0, 6): the same but for rounding where nothing overflows."""
    return np.asarray(x * x.dtype.type(1 / 6) * np.clip(x + x.dtype.type(3), 0, 6))


def hard_swish_optimized(x: FloatingArray) -> FloatingArray:
    """`hard_swish_scaled` in whole blocks of 4 numbers, `hard_swish` in the rest."""
    return np.where(in_vector_loop(x.shape, x.size, 4), hard_swish_scaled(x), hard_swish(x))


def leaky_relu(x: FloatingArray, alpha: float | FloatingArray) -> FloatingArray:
    """x, and alpha * x below 0."""
    return np.where(x > 0, x, x * np.asarray(alpha, x.dtype))


def prelu(x: FloatingArray, alpha: FloatingArray) -> FloatingArray:
    """x, and alpha * x below 0; alpha broadcasts. NaN is multiplied, too."""
    return np.where(x >= 0, x, x * alpha)


def sqrt(x: FloatingArray) -> FloatingArray:
    """The square root; NaN for negative numbers."""
    return np.asarray(np.sqrt(x))


def rsqrt(x: FloatingArray) -> FloatingArray:
    """1 / sqrt(x), each step rounded."""
    return np.asarray(x.dtype.type(1) / np.sqrt(x))


def sin(x: FloatingArray) -> FloatingArray:
    """sin(x), rounded once."""
    return np.asarray(np.sin(x.astype(np.float64))).astype(x.dtype)


def cos(x: FloatingArray) -> FloatingArray:
    """cos(x), rounded once."""
    return np.asarray(np.cos(x.astype(np.float64))).astype(x.dtype)
