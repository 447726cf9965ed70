"""How a window slides: which inputs every output's window holds, position by position in the window.

Windows over images, volumes and sequences are the same mechanism, one dimension at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from ..arrays import AnyArray, Int64Array


class Slide(NamedTuple):
    """A window along one dimension: `size` elements `dilation` apart, moved on by `stride` for each of the outputs.

    before: how far the first window reaches out of the input.
    """

    size: int
    stride: int
    output: int
    before: int = 0
    dilation: int = 1


class Tap(NamedTuple):
    """One position in a window: its number, the outputs for which it falls on an input, and those inputs."""

    number: int
    outputs: slice
    inputs: slice


def taps(length: int, slide: Slide) -> Iterator[Tap]:
    """The positions that fall on an input of `length` elements for any output at all, in order.

    At most length + output * stride of them, however large the window claims to be.
    """
    size, stride, output, before, dilation = slide
    if length == 0 or output == 0:
        return
    first = max(0, -(-(before - (output - 1) * stride) // dilation))
    last = min(size - 1, (length - 1 + before) // dilation)
    for number in range(first, last + 1):
        offset = number * dilation - before
        low = max(0, -(offset // stride))
        high = min(output, (length - 1 - offset) // stride + 1)
        if low < high:
            start = low * stride + offset
            yield Tap(number, slice(low, high), slice(start, start + (high - low - 1) * stride + 1, stride))


def every_tap(
    shape: Sequence[int], slides: Sequence[Slide]
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...], tuple[slice, ...]]]:
    """`taps` of several dimensions together, the last one running fastest: numbers, outputs, inputs."""
    for found in product(*(list(taps(length, slide)) for length, slide in zip(shape, slides, strict=True))):
        yield (
            tuple(tap.number for tap in found),
            tuple(tap.outputs for tap in found),
            tuple(tap.inputs for tap in found),
        )


def counts(shape: Sequence[int], slides: Sequence[Slide]) -> Int64Array:
    """How many inputs each output's window holds, shaped as the outputs are."""
    result = np.ones((), np.int64)
    for length, slide in zip(shape, slides, strict=True):
        along = np.zeros(slide.output, np.int64)
        for tap in taps(length, slide):
            along[tap.outputs] += 1
        result = result[..., np.newaxis] * along
    return result


def window_sums(x: AnyArray, slides: Sequence[Slide]) -> AnyArray:
    """Sums over every window along axes 1, 2, ... of x (n ... c), in x's type, in the order of the positions."""
    axes = len(slides)
    result = np.zeros((x.shape[0], *(slide.output for slide in slides), *x.shape[axes + 1 :]), x.dtype)
    for _, outputs, inputs in every_tap(x.shape[1 : axes + 1], slides):
        result[(slice(None), *outputs)] += x[(slice(None), *inputs)]
    return result
