"""Windows that slide over images (n h w c), there and back: patches, taps, and the sums that undo them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...op import Array
from ...options import Padding
from ...shapes import window


class Slide(NamedTuple):
    """Windows over an image of (height, width): sizes, strides and dilations, output lengths, zeros around it."""

    size: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    output: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]

    @staticmethod
    def over(
        image: tuple[int, int],
        size: tuple[int, int],
        stride: tuple[int, int],
        dilation: tuple[int, int],
        padding: Padding,
    ) -> Slide:
        """By TFLite's rule of padding."""
        rows, columns = (window(image[i], size[i], stride[i], dilation[i], padding) for i in (0, 1))
        ends = ((rows.before, rows.after), (columns.before, columns.after))
        return Slide(size, stride, dilation, (rows.output, columns.output), ends)

    @property
    def is_pixelwise(self) -> bool:
        """Whether each window is one pixel, in order."""
        return self.size == (1, 1) and self.stride == (1, 1) and self.padding == ((0, 0), (0, 0))

    def reach(self, axis: int) -> int:
        """Length of the padded image that windows touch along an axis."""
        span = (self.size[axis] - 1) * self.dilation[axis] + 1
        return (self.output[axis] - 1) * self.stride[axis] + span

    def tap(self, row: int, column: int) -> tuple[slice, slice, slice]:
        """What position (row, column) of all windows sees of the padded images."""
        starts = row * self.dilation[0], column * self.dilation[1]
        ends = (start + (self.output[i] - 1) * self.stride[i] + 1 for i, start in enumerate(starts))
        rows, columns = (slice(a, b, s) for a, b, s in zip(starts, ends, self.stride, strict=True))
        return slice(None), rows, columns

    def taps(self) -> list[tuple[int, int]]:
        """Positions in a window, row by row."""
        return [(row, column) for row in range(self.size[0]) for column in range(self.size[1])]


def padded(x: Array, slide: Slide, value: float = 0.0) -> Array:
    """Images with `value` around them, at least as far as windows reach; x itself where nothing is around it."""
    (top, bottom), (left, right) = slide.padding
    bottom = max(bottom, slide.reach(0) - x.shape[1] - top)
    right = max(right, slide.reach(1) - x.shape[2] - left)
    if (top, bottom, left, right) == (0, 0, 0, 0):
        return x
    result = np.full((x.shape[0], top + x.shape[1] + bottom, left + x.shape[2] + right, x.shape[3]), value, x.dtype)
    result[:, top : top + x.shape[1], left : left + x.shape[2]] = x
    return result


def cropped(large: Array, shape: tuple[int, ...], slide: Slide) -> Array:
    """The images without what `padded` put around them."""
    top, left = slide.padding[0][0], slide.padding[1][0]
    return large[:, top : top + shape[1], left : left + shape[2]]


def patches(x: Array, slide: Slide) -> Array:
    """What every window sees, a row each: (n * oh * ow, kh * kw * c)."""
    if slide.is_pixelwise:
        return x.reshape(-1, x.shape[3])
    large = padded(x, slide)
    spans = [(length - 1) * step + 1 for length, step in zip(slide.size, slide.dilation, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(large, spans, axis=(1, 2))
    (rows, columns), (down, right) = slide.output, slide.stride
    views = views[:, : (rows - 1) * down + 1 : down, : (columns - 1) * right + 1 : right]
    views = views[..., :: slide.dilation[0], :: slide.dilation[1]].transpose(0, 1, 2, 4, 5, 3)
    return views.reshape(-1, slide.size[0] * slide.size[1] * x.shape[3])


def gathered(rows: Array, shape: tuple[int, ...], slide: Slide) -> Array:
    """Images of `shape`, each pixel the sum of all that rows of patches say of it: what undoes `patches`."""
    if slide.is_pixelwise:
        return rows.reshape(shape)
    parts = rows.reshape(shape[0], *slide.output, *slide.size, shape[3])
    large = padded(np.zeros(shape, rows.dtype), slide)
    for row, column in slide.taps():
        large[slide.tap(row, column)] += parts[:, :, :, row, column]
    return cropped(large, shape, slide)
