"""Convolution of volumes (n d h w c) and its transpose, float32. Windows slide as `windows` says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Float32Array
from .windows import Slide, every_tap


def conv_3d(x: Float32Array, filters: Float32Array, slides: Sequence[Slide]) -> Float32Array:
    """x (n d h w i), filters (kd kh kw i o) -> (n od oh ow o); zeros around the volume."""
    result = np.zeros((x.shape[0], *(slide.output for slide in slides), filters.shape[4]), np.float32)
    for numbers, outputs, inputs in every_tap(x.shape[1:4], slides):
        result[(slice(None), *outputs)] += x[(slice(None), *inputs)] @ filters[numbers]
    return result


def conv_3d_transpose(
    x: Float32Array, filters: Float32Array, size: Sequence[int], slides: Sequence[Slide]
) -> Float32Array:
    """x (n d h w i), filters (kd kh kw o i) -> (n *size o): every element spreads to where a convolution of a volume of
    that size would have taken it from."""
    result = np.zeros((x.shape[0], *size, filters.shape[3]), np.float32)
    for numbers, sources, targets in every_tap(size, slides):
        result[(slice(None), *targets)] += x[(slice(None), *sources)] @ filters[numbers].T
    return result
