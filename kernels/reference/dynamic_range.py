"""Dynamic range: float activations quantized on the fly to int8, one scale a row, and sums brought back to float.

Rows are (r, k) float32; each way of quantizing gives `Rows`: q - zero_point as float64 (r, k), exact, a scale
and a zero point (r,).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import AnyArray, Float32Array, Float64Array
from ..fixed_point import round_half_away

ONE = np.float32(1)


class Rows(NamedTuple):
    """q - zero_point (r, k) as float64, the real value of one step (r,), and the zero point (r,)."""

    centered: Float64Array
    scale: Float32Array
    zero_point: Float64Array


def quantize_symmetric(x: Float32Array) -> Rows:
    """q = clamp(round(x * 127 / max|x|), -127, 127), half away from zero; a row of zeros has scale 1.

    TFLite's fully connected layers without asymmetric_quantize_inputs.
    """
    reach = np.abs(x).max(axis=1, initial=0).astype(np.float32)
    empty = reach == 0
    safe = np.where(empty, ONE, reach)
    q = np.clip(round_half_away(x * (np.float32(127) / safe)[:, None]), -127, 127)
    return Rows(q.astype(np.float64), np.where(empty, ONE, safe / np.float32(127)).astype(np.float32), np.zeros(len(x)))


def quantize_asymmetric(x: Float32Array) -> Rows:
    """q = clamp(round(x / scale) + zero_point, -128, 127), half away from zero; the range is widened to hold 0.

    TFLite's convolutions, and fully connected layers with asymmetric_quantize_inputs. The range is a float32
    difference, the scale and the zero point are computed in float64; the zero point is taken from the end of the range
    that is nearer to zero.
    """
    low = np.minimum(x.min(axis=1, initial=0), 0).astype(np.float32)
    high = np.maximum(x.max(axis=1, initial=0), 0).astype(np.float32)
    empty = low == high
    step = np.where(empty, 1.0, (high - low).astype(np.float64) / 255)
    below, above = low / step, high / step
    zero = np.where(128 + np.abs(below) < 127 + np.abs(above), -128 - below, 127 - above)
    zero = np.where(empty, 0, np.clip(round_half_away(zero), -128, 127))
    scale = step.astype(np.float32)
    q = np.clip(round_half_away(x * (ONE / scale)[:, None]) + zero[:, None], -128, 127)
    return Rows(q.astype(np.float64) - zero[:, None], scale, zero)


def quantize_xnnpack(x: Float32Array) -> Rows:
    """q = clamp(rint(x * inverse) + zero_point, -128, 127), half to even, all in float32. XNNPACK's qd8."""
    low = np.minimum(x.min(axis=1, initial=0), 0).astype(np.float32)
    high = np.maximum(x.max(axis=1, initial=0), 0).astype(np.float32)
    inverse = np.where(low == high, ONE, np.float32(255) / np.where(low == high, ONE, high - low)).astype(np.float32)
    below, above = low * inverse, high * inverse
    nearer = (np.float32(-128) + below) + (np.float32(127) + above) > 0
    zero = np.rint(np.clip(np.where(nearer, np.float32(-128) - below, np.float32(127) - above), -128, 127))
    q = np.clip(np.rint(x * inverse[:, None]) + zero[:, None], -128, 127)
    point = zero.astype(np.float64)
    return Rows(q.astype(np.float64) - point[:, None], (ONE / inverse).astype(np.float32), point)


def blockwise_sums(centered: Float64Array, weights: AnyArray, block_scale: Float32Array) -> Float32Array:
    """Rows (r, k) times weights (o, k) of 4 bits, each block of k with a scale of its own, (o, blocks) -> (r, o).

    Sums of a block are exact; scaled, they are added up in float32.
    """
    outputs, blocks = block_scale.shape
    parts = centered.reshape(len(centered), blocks, -1), weights.astype(np.float64).reshape(outputs, blocks, -1)
    exact = np.matmul(parts[0].transpose(1, 0, 2), parts[1].transpose(1, 2, 0))
    scaled: Float32Array = (exact.astype(np.float32) * block_scale.T[:, None, :]).sum(axis=0, dtype=np.float32)
    return scaled


def rounded_to_bfloat16(x: Float32Array) -> Float32Array:
    """float32 numbers with the 8 significant bits of bfloat16, half to even."""
    bits = x.astype(np.float32).view(np.uint32)
    kept = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return kept.view(np.float32)


def scaled_together(sums: AnyArray, row_scale: Float32Array, weight_scale: Float32Array, bias: AnyArray) -> AnyArray:
    """sums (r, m, o) -> float32: sum * (row scale * weight scale) + bias, each step rounded."""
    together = row_scale[:, None, None] * weight_scale
    return np.asarray(sums.astype(np.float32) * together + bias)


def scaled_weights_first(
    sums: AnyArray, row_scale: Float32Array, weight_scale: Float32Array, bias: AnyArray
) -> AnyArray:
    """sums (r, m, o) -> float32: (sum * weight scale) * row scale + bias, each step rounded."""
    return np.asarray((sums.astype(np.float32) * weight_scale) * row_scale[:, None, None] + bias)


def scaled_fused(sums: AnyArray, row_scale: Float32Array, weight_scale: Float32Array, bias: AnyArray) -> AnyArray:
    """sums (r, m, o) -> float32: fma(sum * row scale, weight scale, bias): XNNPACK, the last two steps rounded once."""
    real = (sums.astype(np.float32) * row_scale[:, None, None]).astype(np.float64)
    return np.asarray((real * weight_scale.astype(np.float64) + bias.astype(np.float64)).astype(np.float32))
