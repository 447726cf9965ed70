"""Depthwise convolution: x (n h w c), filters (1 kh kw c * multiplier). Native loops for float32, else tap by tap."""

from __future__ import annotations

import numpy as np

from ...kernels.emit.float32 import training
from ...op import Array
from ..gradient import Call, Gradient, Gradients
from .convolution import bias_gradient, slide_of, with_bias
from .windows import Slide, cropped, padded

BLOCK_BYTES = 1 << 21
"""Without native loops as many images are worked on at a time as are about this large."""


def forward(call: Call) -> Array:
    x, filters = call.input(0), call.input(1)
    slide = slide_of(call, x, filters)
    x = repeated(x, filters)
    windows = native_windows(slide, x)
    if windows is None:
        return with_bias(sums(x, filters, slide), call, 2)
    bias = call.input(2).reshape(-1) if call.there(2) else None
    large = surrounded(x, slide)
    if call.wants(1):
        call.kept = large
    return training.depthwise(large, filters[0], bias, windows)


def backward(call: Call) -> Gradients:
    x, filters, g = call.input(0), call.input(1), call.gradient
    slide = slide_of(call, x, filters)
    wide = repeated(x, filters)
    windows = native_windows(slide, x)
    dx: Array | None
    dw: Array | None
    if windows is None:
        dx, dw = sums_back(call, wide, filters, g, slide)
    else:
        dw = training.depthwise_gradient(call.kept, g, windows)[np.newaxis] if call.wants(1) else None
        dx = spread_back(filters[0], g, wide.shape, slide) if call.wants(0) else None
    if dx is not None and wide is not x:
        dx = dx.reshape(*x.shape, -1).sum(axis=-1)
    return dx, dw, bias_gradient(call, 2, g.reshape(-1, g.shape[-1]))


# --- native


def native_windows(slide: Slide, x: Array) -> training.Windows | None:
    """The windows as native loops take them; None where NumPy has to do it."""
    windows = training.Windows(slide.size, slide.stride, slide.dilation, slide.output)
    return windows if x.dtype == np.float32 and x.size and training.is_supported(windows) else None


def surrounded(x: Array, slide: Slide) -> Array:
    """The images with zeros around them, as far as windows reach."""
    (top, _), (left, _) = slide.padding
    height, width = (max(slide.reach(i), slide.padding[i][0] + x.shape[1 + i]) for i in (0, 1))
    large = training.roomy((x.shape[0], height, width, x.shape[3]))
    large[:, top : top + x.shape[1], left : left + x.shape[2]] = x
    return large


def spread_back(filters: Array, g: Array, shape: tuple[int, ...], slide: Slide) -> Array:
    """The gradient of the images (n h w c): windows of the turned filter over that of the outputs, which lie a stride
    apart among zeros."""
    spans = [(length - 1) * step + 1 for length, step in zip(slide.size, slide.dilation, strict=True)]
    large = training.roomy((shape[0], shape[1] + spans[0] - 1, shape[2] + spans[1] - 1, shape[3]))
    rows, columns = (
        slice(first := spans[i] - 1 - slide.padding[i][0], first + (slide.output[i] - 1) * slide.stride[i] + 1, step)
        for i, step in enumerate(slide.stride)
    )
    large[:, rows, columns] = g
    turned = np.ascontiguousarray(filters[::-1, ::-1])
    windows = training.Windows(slide.size, (1, 1), slide.dilation, (shape[1], shape[2]))
    return training.depthwise(large, turned, None, windows)


# --- NumPy


def sums(x: Array, filters: Array, slide: Slide) -> Array:
    found = np.empty((x.shape[0], *slide.output, filters.shape[3]), x.dtype)
    for images in blocks(x):
        large, out = padded(x[images], slide), found[images]
        product = np.empty_like(out)
        for number, (row, column) in enumerate(slide.taps()):
            target = product if number else out
            np.multiply(large[slide.tap(row, column)], filters[0, row, column], out=target)
            if number:
                out += product
    return found


def sums_back(call: Call, wide: Array, filters: Array, g: Array, slide: Slide) -> tuple[Array | None, Array | None]:
    """Gradients of the repeated images and the filters."""
    dx = np.empty_like(wide) if call.wants(0) else None
    dw = np.zeros_like(filters) if call.wants(1) else None
    for images in blocks(wide):
        large, own = padded(wide[images], slide), g[images]
        back = np.zeros(large.shape, g.dtype) if dx is not None else None
        product = np.empty_like(own)
        for row, column in slide.taps():
            tap = slide.tap(row, column)
            if dw is not None:
                dw[0, row, column] += np.einsum("nhwc,nhwc->c", large[tap], own)
            if back is not None:
                back[tap] += np.multiply(own, filters[0, row, column], out=product)
        if dx is not None and back is not None:
            dx[images] = cropped(back, dx[images].shape, slide)
    return dx, dw


def repeated(x: Array, filters: Array) -> Array:
    """Every input channel as often as it has filters."""
    multiplier = filters.shape[3] // x.shape[3]
    return x if multiplier == 1 else np.repeat(x, multiplier, axis=3)


def blocks(x: Array) -> list[slice]:
    """The images in groups of about `BLOCK_BYTES`."""
    count = max(1, BLOCK_BYTES // max(1, x[:1].nbytes))
    return [slice(start, start + count) for start in range(0, len(x), count)]


RULES = {"DEPTHWISE_CONV_2D": Gradient(backward, forward)}
