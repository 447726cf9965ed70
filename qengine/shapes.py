"""Shape rules that several operators share: broadcasting, and how a window slides over an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .errors import ModelError
from .model import Shape
from .op import Spec
from .options import Padding


def known(spec: Spec) -> Shape:
    """The shape of an operand of a node that is being prepared: known by then."""
    assert spec.shape is not None
    return spec.shape


def of_rank(spec: Spec, rank: int, where: str) -> Shape:
    """The shape of an operand that must have `rank` dimensions."""
    shape = known(spec)
    if len(shape) != rank:
        raise ModelError(f"expected {rank} dimensions, got shape {list(shape)}", where)
    return shape


def broadcast(*shapes: Shape) -> Shape:
    """The shape that all of these stretch to, by NumPy's rule. ModelError where they don't fit."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise ModelError(
            f"expected shapes that broadcast together, got {[list(s) for s in shapes]}", "inputs"
        ) from error


def axis_of(axis: int, rank: int, where: str = "axis") -> int:
    """A dimension's number from 0, negative ones counted from the end."""
    if not -rank <= axis < rank:
        raise ModelError(f"expected an axis from {-rank} to {rank - 1}, got {axis}", where)
    return axis % rank


class Window(NamedTuple):
    """One dimension of a sliding window: output length, and zeros before and after the input."""

    output: int
    before: int
    after: int


def window(length: int, size: int, stride: int, dilation: int, padding: Padding) -> Window:
    """TFLite's rule. SAME: ceil(length / stride) outputs, the smaller half of the padding first; VALID: no padding."""
    if stride < 1 or dilation < 1:
        raise ModelError(f"expected strides and dilations of 1 or more, got {stride} and {dilation}", "builtin_options")
    reach = (size - 1) * dilation + 1
    if padding is Padding.SAME:
        output = -(-length // stride)
        total = max((output - 1) * stride + reach - length, 0)
        return Window(output, total // 2, total - total // 2)
    return Window(max(-(-(length - reach + 1) // stride), 0), 0, 0)


def volume(shape: Sequence[int]) -> int:
    """How many elements."""
    count = 1
    for length in shape:
        count *= length
    return count
