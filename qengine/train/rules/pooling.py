"""Pooling: what a window gave goes back to what it held."""

from __future__ import annotations

import numpy as np

from ...kernels.reference.windows import Slide as Pooled
from ...kernels.reference.windows import counts, every_tap
from ...op import Array
from ..gradient import Call, Gradient, Gradients


def _slides(call: Call) -> tuple[Pooled, Pooled]:
    slides: tuple[Pooled, Pooled] = call.op.slides(call.specs.input(0))
    return slides


def _tiles(shape: tuple[int, ...], slides: tuple[Pooled, Pooled]) -> tuple[int, ...] | None:
    """The image's shape with both sides cut into windows (n oh kh ow kw c), where windows lie side by side in it."""
    rows, columns = slides
    for length, slide in zip(shape[1:3], slides, strict=True):
        if slide.size != slide.stride or slide.before != 0 or slide.output * slide.size != length:
            return None
    return (shape[0], rows.output, rows.size, columns.output, columns.size, shape[3])


def average_pool_2d(call: Call) -> Array:
    x, slides = call.input(0), _slides(call)
    tiles = _tiles(x.shape, slides)
    if tiles is None:
        return call.step.run(x)  # type: ignore[return-value]
    return np.asarray(x.reshape(tiles).mean(axis=(2, 4)))


def average_pool_2d_back(call: Call) -> Gradients:
    x, slides = call.input(0), _slides(call)
    tiles = _tiles(x.shape, slides)
    size = counts(x.shape[1:3], slides)[..., np.newaxis].astype(x.dtype)
    share = call.gradient / size
    if tiles is not None:
        return [np.broadcast_to(share[:, :, None, :, None], tiles).reshape(x.shape)]
    dx = np.zeros_like(x)
    for _, outputs, inputs in every_tap(x.shape[1:3], slides):
        dx[(slice(None), *inputs)] += share[(slice(None), *outputs)]
    return [dx]


def max_pool_2d(call: Call) -> Array:
    x, slides = call.input(0), _slides(call)
    tiles = _tiles(x.shape, slides)
    if tiles is None:
        return call.step.run(x)  # type: ignore[return-value]
    return np.asarray(x.reshape(tiles).max(axis=(2, 4)))


def max_pool_2d_back(call: Call) -> Gradients:
    """To the first position, row by row, that holds the window's largest number."""
    x, g = call.input(0), call.gradient
    slides, whole = _slides(call), slice(None)
    largest = np.full(g.shape, -np.inf, x.dtype)
    for _, outputs, inputs in every_tap(x.shape[1:3], slides):
        part = (whole, *outputs)
        largest[part] = np.maximum(largest[part], x[(whole, *inputs)])
    dx, open_ = np.zeros_like(x), np.ones(g.shape, bool)
    for _, outputs, inputs in every_tap(x.shape[1:3], slides):
        part = (whole, *outputs)
        hit = (x[(whole, *inputs)] == largest[part]) & open_[part]
        dx[(whole, *inputs)] += g[part] * hit
        open_[part] &= ~hit
    return [dx]


def l2_pool_2d_back(call: Call) -> Gradients:
    """y = sqrt(mean of squares): dy/dx = x / (count * y)."""
    x, y, slides = call.input(0), call.output, _slides(call)
    size = counts(x.shape[1:3], slides)[..., np.newaxis].astype(x.dtype)
    share = np.divide(call.gradient, size * y, out=np.zeros_like(y), where=y > 0)
    dx = np.zeros_like(x)
    for _, outputs, inputs in every_tap(x.shape[1:3], slides):
        dx[(slice(None), *inputs)] += share[(slice(None), *outputs)]
    return [dx * x]


RULES = {
    "AVERAGE_POOL_2D": Gradient(average_pool_2d_back, average_pool_2d),
    "MAX_POOL_2D": Gradient(max_pool_2d_back, max_pool_2d),
    "L2_POOL_2D": Gradient(l2_pool_2d_back),
}
