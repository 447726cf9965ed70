"""Reductions along axes, and running sums."""

from __future__ import annotations

import numpy as np

from ...op import Array
from ...ops._reduction import resolved
from ..gradient import Call, Gradient, Gradients


def _spread(call: Call, of: Array) -> Array:
    """What belongs to the output, with the reduced axes back at length 1."""
    x, axes = call.input(0), _axes(call)
    return of.reshape([1 if axis in axes else length for axis, length in enumerate(x.shape)])


def _axes(call: Call) -> tuple[int, ...]:
    return resolved(call.input(1), call.input(0).ndim)


def _count(call: Call) -> int:
    x = call.input(0)
    return int(np.prod([x.shape[axis] for axis in _axes(call)]))


def sum_back(call: Call) -> Gradients:
    return [np.broadcast_to(_spread(call, call.gradient), call.input(0).shape)]


def mean(call: Call) -> Array:
    x = call.input(0)
    return np.asarray(x.mean(axis=_axes(call)).reshape(call.specs.output().shape or ()))


def mean_back(call: Call) -> Gradients:
    x = call.input(0)
    return [np.broadcast_to(_spread(call, call.gradient) / x.dtype.type(_count(call)), x.shape)]


def extreme(call: Call) -> Array:
    largest = call.op.name == "REDUCE_MAX"
    x, shape = call.input(0), call.specs.output().shape or ()
    return np.asarray((x.max if largest else x.min)(axis=_axes(call)).reshape(shape))


def extreme_back(call: Call) -> Gradients:
    """To the elements that are the extreme one, in equal parts."""
    x = call.input(0)
    hit = x == _spread(call, call.output)
    shares = hit.sum(axis=_axes(call), keepdims=True)
    return [_spread(call, call.gradient) * hit / shares.astype(x.dtype)]


def product_back(call: Call) -> Gradients:
    """d/dx_i = the product of the others: from both sides, so that zeros do no harm."""
    x, axes = call.input(0), _axes(call)
    moved = np.moveaxis(x, axes, range(-len(axes), 0)) if axes else x[..., None]
    kept = moved.shape[: moved.ndim - max(len(axes), 1)]
    flat = moved.reshape(*kept, -1)
    ones = np.ones((*kept, 1), x.dtype)
    before = np.concatenate((ones, np.cumprod(flat, axis=-1)[..., :-1]), axis=-1)
    after = np.concatenate((ones, np.cumprod(flat[..., ::-1], axis=-1)[..., :-1]), axis=-1)[..., ::-1]
    others = (before * after).reshape(moved.shape)
    back = np.moveaxis(others, range(-len(axes), 0), axes) if axes else others[..., 0]
    return [_spread(call, call.gradient) * back]


def cumsum_back(call: Call) -> Gradients:
    """Sums the other way round."""
    op, g, axis = call.op, call.gradient, int(call.input(1).reshape(()))
    turned = g if op.reverse else np.flip(g, axis)
    sums = np.cumsum(turned, axis=axis)
    if op.exclusive:
        sums = sums - turned
    return [sums if op.reverse else np.flip(sums, axis)]


RULES = {
    "SUM": Gradient(sum_back),
    "MEAN": Gradient(mean_back, mean),
    "REDUCE_MAX": Gradient(extreme_back, extreme),
    "REDUCE_MIN": Gradient(extreme_back, extreme),
    "REDUCE_PROD": Gradient(product_back),
    "CUMSUM": Gradient(cumsum_back),
}
