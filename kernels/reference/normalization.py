"""Normalization along the last axis: L2_NORMALIZATION and LOCAL_RESPONSE_NORMALIZATION."""

from __future__ import annotations

import numpy as np

from ..arrays import Float32Array, Int64Array, IntegerArray
from ..fixed_point import multiply_by_quantized_multiplier, wrap_int32
from ..gemmlowp import inv_sqrt_quantized_multiplier


def l2_normalize(x: Float32Array) -> Float32Array:
    """x / max(sqrt(sum(x**2)), 1e-6)."""
    norm = np.sqrt((x * x).sum(axis=-1, keepdims=True, dtype=np.float32))
    return np.asarray(x / np.where(norm < np.float32(1e-6), np.float32(1e-6), norm))


def l2_normalize_int8(q: IntegerArray, zero_point: int) -> Int64Array:
    """int8 numbers over their norm, in units of 1/128, not yet clamped; a norm of 0 counts as 1."""
    x, (multiplier, shift) = _centered(q, zero_point)
    return multiply_by_quantized_multiplier(x, multiplier, shift + 7)


def l2_normalize_uint8(q: IntegerArray, zero_point: int) -> Int64Array:
    """uint8 numbers over their norm, in units of 1/128 around 128; shifted to the left before, not after."""
    x, (multiplier, shift) = _centered(q, zero_point)
    return multiply_by_quantized_multiplier(128 * x, multiplier, shift) + 128


def _centered(q: IntegerArray, zero_point: int) -> tuple[Int64Array, tuple[Int64Array, Int64Array]]:
    x = q.astype(np.int64) - zero_point
    return x, inv_sqrt_quantized_multiplier(np.maximum(wrap_int32((x * x).sum(axis=-1, keepdims=True)), 0))


def local_response(x: Float32Array, radius: int, bias: float, alpha: float, beta: float) -> Float32Array:
    """x * (bias + alpha * sum of x**2 from c - radius up to, not including, c + radius)**-beta: reference kernels."""
    squares = x * x
    depth = x.shape[-1]
    total = np.zeros_like(x)
    for offset in range(max(-radius, -depth), min(radius, depth)):
        inside = slice(max(0, -offset), min(depth, depth - offset))
        total[..., inside] += squares[..., max(0, offset) : min(depth, depth + offset)]
    base = np.float32(bias) + np.float32(alpha) * total
    return np.asarray(x * np.power(base, np.float32(-beta)))


def local_response_sliding(x: Float32Array, radius: int, bias: float, alpha: float, beta: float) -> Float32Array:
    """The same with c + radius included, by a sum that slides along the channels: optimized kernels.

    What enters the sum leaves it again, so that infinities and roundings stay.
    """
    depth = x.shape[-1]
    radius = min(radius, depth)  # farther there is nothing
    padded = np.zeros((*x.shape[:-1], depth + 2 * radius), np.float32)
    padded[..., radius : radius + depth] = x * x * np.float32(alpha)
    total = np.zeros(x.shape[:-1], np.float32)
    for i in range(2 * radius):
        total = total + padded[..., i]
    base = np.empty_like(x)
    for i in range(depth):
        total = total + padded[..., i + 2 * radius]
        base[..., i] = np.float32(bias) + total
        total = total - padded[..., i]
    return np.asarray(x * np.power(base, np.float32(-beta)))
