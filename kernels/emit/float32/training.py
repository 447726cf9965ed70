"""Depthwise convolution in training: filters that change in every step, and their gradient.

Unlike plans, these run at once, on NumPy arrays wherever they lie. Images come with zeros around them already, so that
every window lies inside, in arrays made by `roomy`.
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass

import numpy as np

from .. import native
from ..language import F32, Function
from ..plan import SLACK, Family
from ..target import Target
from ..walker import HEADER, WALK
from .depthwise import WINDOW
from .layer import Floats
from .pieces import ANY, multiply_add, spans, zeros

MOST = 49
"""Taps of the largest filter that is worth a kernel of its own shape."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows over images (n h w c): taps, the steps between them and between windows, and how many there are."""

    size: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    output: tuple[int, int]


def is_supported(windows: Windows) -> bool:
    """Whether there are kernels for these windows in this process."""
    return windows.size[0] * windows.size[1] <= MOST and _runs()


@functools.cache
def _runs() -> bool:
    try:
        native.addresses((WALK.name,), native.variant())
    except native.NoNativeCode:
        return False
    return True


def roomy(shape: tuple[int, ...]) -> Floats:
    """Zeros of that shape, SLACK readable bytes after them."""
    size = int(np.prod(shape))
    return np.zeros(size + SLACK // 4, np.float32)[:size].reshape(shape)


def depthwise(x: Floats, filters: Floats, bias: Floats | None, windows: Windows) -> Floats:
    """x (n h w c) from `roomy`, filters (kh kw c), bias (c) -> (n oh ow c)."""
    variant = native.variant()
    images, _, width, channels = x.shape
    lines, pixels = windows.output
    out = np.empty((images, lines, pixels, channels), np.float32)
    first = np.zeros(channels, np.float32) if bias is None else bias
    columns = np.concatenate([first.reshape(1, -1), filters.reshape(-1, channels)])
    pixel = 4 * channels
    for span in spans(variant, channels):
        weights = np.ascontiguousarray(span.cut(columns).transpose(1, 0, 2))
        at = np.arange(images, dtype=np.int64)
        rows = WINDOW.arguments(
            dict.fromkeys(WINDOW.slots.replace("*", "").replace("#", "").split(), 0)
            | {
                "w": weights.ctypes.data,
                "columns": span.columns,
                "blocks": span.count,
                "pixels": pixels,
                "lines": lines,
                "a_pixel": windows.stride[1] * pixel,
                "a_line": windows.stride[0] * width * pixel,
                "out_pixel": pixel,
                "out_line": pixels * pixel,
                "tap": windows.dilation[1] * pixel,
                "tap_line": windows.dilation[0] * width * pixel,
            }
            | ANY.arguments
        )
        table = np.tile(np.array(rows, np.int64), (images, 1))
        table[:, WINDOW.slot("a")] = x.ctypes.data + at * x.strides[0] + 4 * span.first
        table[:, WINDOW.slot("out")] = out.ctypes.data + at * out.strides[0] + 4 * span.first
        kept = _kept(windows, variant)
        name = f"{WINDOW.name}_{windows.size[0]}_{windows.size[1]}_{kept}_1_{span.lanes}_fused_plain_{span.width}"
        _run(name, table, variant)
    return out


def _kept(windows: Windows, variant: Target) -> int:
    """Columns of a window that serve the next one too, as registers allow."""
    taps, overlap = windows.size[0] * windows.size[1], windows.size[1] - windows.stride[1]
    return max(overlap, 0) if windows.dilation[1] == 1 and 2 * taps + 2 <= variant.registers else 0


def _write_gradient(f: Function, taps_y: int, taps_x: int, lanes: int) -> None:
    """For each block of channels and row of the filter, the sums over all windows: one vector a tap."""
    row, vector, size = f.arguments(GRADIENT.slots), F32.x(lanes), 4 * lanes
    with f.loop(row.blocks, a=row.a, g=row.g, out=row.out) as block:
        top = block.a
        for y in range(taps_y):
            start = [zeros(f, lanes)] * taps_x
            with f.loop(row.images, a=top, g=block.g, sums=start) as image:
                with f.loop(row.lines, a=image.a, g=image.g, sums=image.sums) as line:
                    with f.loop(row.pixels, a=line.a, g=line.g, sums=line.sums) as each:
                        gradient, tap, sums = each.g.load(vector), each.a, []
                        for x in range(taps_x):
                            sums.append(multiply_add(each.sums[x], gradient, tap.load(vector)))
                            tap = tap + row.tap
                        each.sums = sums
                        each.a, each.g = each.a + row.a_pixel, each.g + row.g_pixel
                    line.a, line.g, line.sums = line.a + row.a_line, line.g + row.g_line, each.sums
                image.a, image.g, image.sums = image.a + row.a_image, image.g + row.g_image, line.sums
            for x in range(taps_x):
                block.out.store(image.sums[x], size * (y * taps_x + x))
            top = top + row.tap_line
        block.a, block.g, block.out = block.a + size, block.g + size, block.out + size * taps_y * taps_x


GRADIENT = Family(
    "floattapgradient",
    "*a *g *out #blocks #images #lines #pixels a_image a_line a_pixel g_image g_line g_pixel tap tap_line",
    _write_gradient,
)


def depthwise_gradient(x: Floats, g: Floats, windows: Windows) -> Floats:
    """Of the filters (kh kw c): x (n h w c) from `roomy`, g (n oh ow c) the gradient of what came out."""
    variant = native.variant()
    channels = x.shape[3]
    if channels % variant.lanes:
        roomier = roomy(g.shape)
        roomier[:] = g
        g = roomier
    else:
        g = np.ascontiguousarray(g)
    taps = windows.size[0] * windows.size[1]
    found = np.empty((taps, channels), np.float32)
    for span in spans(variant, channels):
        out = np.empty((span.count, taps, span.lanes), np.float32)
        row = GRADIENT.arguments(
            {
                "a": x.ctypes.data + 4 * span.first,
                "g": g.ctypes.data + 4 * span.first,
                "out": out.ctypes.data,
                "blocks": span.count,
                "images": x.shape[0],
                "lines": windows.output[0],
                "pixels": windows.output[1],
                "a_image": x.strides[0],
                "a_line": windows.stride[0] * x.strides[1],
                "a_pixel": windows.stride[1] * x.strides[2],
                "g_image": g.strides[0],
                "g_line": g.strides[1],
                "g_pixel": g.strides[2],
                "tap": windows.dilation[1] * x.strides[2],
                "tap_line": windows.dilation[0] * x.strides[1],
            }
        )
        _run(f"{GRADIENT.name}_{windows.size[0]}_{windows.size[1]}_{span.lanes}", np.array([row], np.int64), variant)
        part = out.transpose(1, 0, 2).reshape(taps, -1)
        found[:, span.first : span.first + part.shape[1]] = part[:, : channels - span.first]
    return found.reshape(*windows.size, channels)


def _run(kernel: str, rows: np.ndarray[tuple[int, int], np.dtype[np.int64]], variant: Target) -> None:
    """Rows of arguments (rows, arguments) through one kernel."""
    found = native.addresses((kernel, WALK.name), variant)
    table = np.empty((len(rows), 2 + rows.shape[1]), np.int64)
    table[:, 0], table[:, 1], table[:, 2:] = found[kernel], HEADER + 8 * rows.shape[1], rows
    arguments = np.array([table.ctypes.data, len(rows)], np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(found[WALK.name])(ctypes.c_void_p(arguments.ctypes.data))
