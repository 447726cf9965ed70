"""Biases corrected for what rounding the weights does on average: Nagel et al., arXiv:1906.04721, section 4.2.

Rounded weights w + e add e * x to each output. Its mean over samples is a constant a channel, which the bias can take
back. Calibration knows the mean of every channel that is read; zeros of SAME padding count as far as they are read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..op import Op
from ..options import Padding
from ..shapes import window

Floats = NDArray[np.float64]


def mean_of_outputs(op: Op, weights: Floats, mean: Floats, shape: tuple[int, ...] | None) -> Floats | None:
    """(channels,): the mean over positions of what `op` gives, without its bias, for an input whose channels are `mean`
    everywhere. shape: the input's, for the share of positions at which each weight meets padding; None: it never does.
    None where the operator or its shapes aren't known here.
    """
    if op.name == "FULLY_CONNECTED":
        if weights.ndim != 2 or weights.shape[1] % len(mean):
            return None
        return np.asarray(weights @ np.tile(mean, weights.shape[1] // len(mean)), np.float64)
    if op.name not in ("CONV_2D", "DEPTHWISE_CONV_2D") or weights.ndim != 4:
        return None
    summed = np.einsum("nhwc,h,w->nc", weights, *_shares(op, weights.shape, shape))
    if op.name == "DEPTHWISE_CONV_2D":
        if weights.shape[3] % len(mean):
            return None
        return np.asarray(summed[0] * np.repeat(mean, weights.shape[3] // len(mean)), np.float64)
    if len(mean) % weights.shape[3]:
        return None
    groups = len(mean) // weights.shape[3]
    if weights.shape[0] % groups:
        return None
    by_group = summed.reshape(groups, weights.shape[0] // groups, -1)
    return np.asarray(np.einsum("goc,gc->go", by_group, mean.reshape(groups, -1)).reshape(-1), np.float64)


def _shares(op: Op, size: tuple[int, ...], shape: tuple[int, ...] | None) -> tuple[Floats, Floats]:
    """For each row and each column of the filter: at which share of the outputs it lies within the input."""
    options: Any = op
    if shape is None or len(shape) != 4 or options.padding is not Padding.SAME:
        return np.ones(size[1]), np.ones(size[2])
    return (
        _inside(shape[1], size[1], options.stride_h, options.dilation_h_factor),
        _inside(shape[2], size[2], options.stride_w, options.dilation_w_factor),
    )


def _inside(length: int, size: int, stride: int, dilation: int) -> Floats:
    if length < 1:
        return np.ones(size)
    ends = window(length, size, stride, dilation, Padding.SAME)
    at = np.arange(ends.output)[:, None] * stride - ends.before + np.arange(size)[None, :] * dilation
    return np.asarray(((at >= 0) & (at < length)).mean(axis=0), np.float64)
