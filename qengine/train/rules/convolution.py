"""Convolutions: products of patches and filters through BLAS."""

from __future__ import annotations

import numpy as np

from ...op import Array
from ..gradient import Call, Gradient, Gradients
from .windows import Slide, gathered, patches

KEPT_BYTES = 1 << 26
"""Patches are kept for the way back up to this size, else made again."""


def slide_of(call: Call, x: Array, filters: Array) -> Slide:
    op = call.op
    image, size = (x.shape[1], x.shape[2]), (filters.shape[1], filters.shape[2])
    stride, dilation = (op.stride_h, op.stride_w), (op.dilation_h_factor, op.dilation_w_factor)
    return Slide.over(image, size, stride, dilation, op.padding)


def with_bias(sums: Array, call: Call, index: int) -> Array:
    if call.there(index):
        sums += call.input(index).reshape(-1)
    return sums


# --- CONV_2D: x (n h w c), filters (o kh kw c / groups), bias (o)


def conv_2d(call: Call) -> Array:
    x, filters = call.input(0), call.input(1)
    slide = slide_of(call, x, filters)
    outputs, depth = filters.shape[0], filters.shape[3]
    groups = x.shape[3] // depth
    sums = np.empty((x.shape[0], *slide.output, outputs), x.dtype)
    flat = sums.reshape(-1, outputs)
    each = outputs // groups
    kept = []
    for group in range(groups):
        part = x if groups == 1 else x[..., group * depth : (group + 1) * depth]
        rows = patches(part, slide)
        matrix = filters[group * each : (group + 1) * each].reshape(each, -1)
        if groups == 1:
            np.matmul(rows, matrix.T, out=flat)
        else:
            flat[:, group * each : (group + 1) * each] = rows @ matrix.T
        kept.append(rows)
    if call.wants(1) and sum(rows.nbytes for rows in kept) <= KEPT_BYTES:
        call.kept = kept
    return with_bias(sums, call, 2)


def conv_2d_back(call: Call) -> Gradients:
    x, filters, g = call.input(0), call.input(1), call.gradient
    slide = slide_of(call, x, filters)
    outputs, depth = filters.shape[0], filters.shape[3]
    groups = x.shape[3] // depth
    each = outputs // groups
    flat = g.reshape(-1, outputs)
    dx = np.empty_like(x) if call.wants(0) else None
    dw = np.empty_like(filters) if call.wants(1) else None
    for group in range(groups):
        channels = slice(group * depth, (group + 1) * depth)
        mine = slice(group * each, (group + 1) * each)
        part = x if groups == 1 else x[..., channels]
        own = flat if groups == 1 else flat[:, mine]
        if dw is not None:
            rows = patches(part, slide) if call.kept is None else call.kept[group]
            dw[mine] = (own.T @ rows).reshape(dw[mine].shape)
        if dx is not None:
            back = gathered(own @ filters[mine].reshape(each, -1), part.shape, slide)
            if groups == 1:
                dx = back
            else:
                dx[..., channels] = back
    return dx, dw, bias_gradient(call, 2, flat)


def bias_gradient(call: Call, index: int, flat: Array) -> Array | None:
    """Of a bias that was added to every row: (rows, o) -> the bias' shape."""
    return flat.sum(axis=0).reshape(call.input(index).shape) if call.wants(index) else None


# --- TRANSPOSE_CONV: output shape (4), filters (o kh kw c), x (n h w c), bias (o)


def transpose_slide(call: Call) -> tuple[Slide, tuple[int, ...]]:
    """The convolution that this one undoes: windows over its output that give its input; and the output's shape."""
    filters, x, op = call.input(1), call.input(2), call.op
    shape = tuple(int(length) for length in call.input(0))
    size, stride = (filters.shape[1], filters.shape[2]), (op.stride_h, op.stride_w)
    slide = Slide.over((shape[1], shape[2]), size, stride, (1, 1), op.padding)
    assert slide.output == x.shape[1:3]
    return slide, shape


def transpose_conv(call: Call) -> Array:
    filters, x = call.input(1), call.input(2)
    slide, shape = transpose_slide(call)
    matrix = np.moveaxis(filters, 0, -1).reshape(-1, filters.shape[3], filters.shape[0])
    rows = np.einsum("rc,kco->rko", x.reshape(-1, x.shape[3]), matrix, optimize=True)
    sums = np.ascontiguousarray(gathered(rows, shape, slide))
    return with_bias(sums, call, 3)


def transpose_conv_back(call: Call) -> Gradients:
    filters, x, g = call.input(1), call.input(2), call.gradient
    slide, _ = transpose_slide(call)
    rows = patches(g, slide)
    dw = dx = None
    if call.wants(1):
        product = x.reshape(-1, x.shape[3]).T @ rows
        dw = product.reshape(x.shape[3], *filters.shape[1:3], filters.shape[0]).transpose(3, 1, 2, 0)
    if call.wants(2):
        matrix = filters.transpose(1, 2, 0, 3).reshape(-1, filters.shape[3])
        dx = (rows @ matrix).reshape(x.shape)
    return None, dw, dx, bias_gradient(call, 3, g.reshape(-1, g.shape[-1]))


RULES = {
    "CONV_2D": Gradient(conv_2d_back, conv_2d),
    "TRANSPOSE_CONV": Gradient(transpose_conv_back, transpose_conv),
}
