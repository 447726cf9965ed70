"""The optimized kernel set's own product of float rows by 4-bit weights. Source: LiteRT, optimized/4bit."""

from __future__ import annotations

import numpy as np

from ..arrays import AnyArray, Float32Array
from ..fixed_point import round_half_away

SHIFT = 7
"""What the kernel adds to a weight, so that its product takes numbers from 0 to 15."""


def four_bit_products(x: Float32Array, weights: AnyArray, scale: Float32Array, bias: Float32Array | None) -> AnyArray:
    """x (r, k) by weights (o, k) in [-7, 7] with scales (o,) -> float32 (r, o).

    Rows are quantized symmetrically: q = round(x * f32(127 / reach)), ties away from zero, reach = max|x|, 127 for rows
    of zeros; row scale f32(reach / 127). Sums are taken with weights + 7; first the bias and minus 7 times the sum of q
    go into the output, then the product is added, each step rounded to float32.
    """
    reach = np.abs(x).max(axis=1, initial=0).astype(np.float32)
    reach = np.where(reach == 0, np.float32(127), reach)
    q = round_half_away(x * (127.0 / reach.astype(np.float64)).astype(np.float32)[:, None]).astype(np.float64)
    row_scale = (reach.astype(np.float64) / 127.0).astype(np.float32)
    offsets = (q.sum(axis=1) * -SHIFT).astype(np.float32) * row_scale
    result = offsets[:, None] * scale
    if bias is not None:
        result = result + bias
    sums = (q @ (weights.astype(np.float64) + SHIFT).T).astype(np.float32)
    return np.asarray(result + sums * row_scale[:, None] * scale)
