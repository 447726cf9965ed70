"""Parts of tensors, and parts put into them."""

from __future__ import annotations

import numpy as np
from examples import NUMBERS, Example, Generator, numbers, often, result, shape_of, some, swept, tensor
from parity_case import Array

from qengine.ops.dynamic_update_slice import DynamicUpdateSlice
from qengine.ops.slice import Slice
from qengine.ops.split import Split
from qengine.ops.split_v import SplitV
from qengine.ops.strided_slice import StridedSlice
from qengine.ops.unpack import Unpack


def strided(rng: Generator) -> Example:
    """Bounds and strides within the tensor, so that nothing is empty, forwards and backwards."""
    shape, type = shape_of(rng, 1, 5, 5), some(rng, *NUMBERS, "bool")
    lengths, back = np.array(shape), rng.random(len(shape)) < 0.3
    begin = rng.integers(0, lengths)
    end = np.where(back, begin - 1 - rng.integers(0, begin + 1), begin + 1 + rng.integers(0, lengths - begin))
    end = np.where(end < 0, end - lengths, end)
    shrunk = ~back & (rng.random(len(shape)) < 0.2)
    strides = np.where(back, -1, 1) * np.where(shrunk, 1, rng.integers(1, 4, len(shape)))
    begin = np.where(rng.random(len(shape)) < 0.3, begin - lengths, begin)
    constant = 1.0 if often(rng) else 0.4
    bounds = [numbers(rng, part, constant=constant) for part in (begin, end, strides)]
    opened, ended = rng.random((2, len(shape))) < 0.2
    op = StridedSlice(mask(opened), mask(ended), 0, 0, mask(shrunk & ~opened))
    return Example(op, [tensor(rng, shape, type), *bounds], [result(type)])


def mask(chosen: Array) -> int:
    return sum(1 << int(i) for i in np.flatnonzero(chosen))


def reshaped(rng: Generator) -> Example:
    """An ellipsis, new dimensions and dropped ones, in x of 3 or 4 dimensions."""
    shape, type = shape_of(rng, 3, 4), some(rng, "float32", "int32", "int16")
    dots = int(rng.integers(0, 3))
    news, gone = (sum(1 << i for i in range(3) if i != dots and often(rng, 0.4)) for _ in "ab")
    bounds = [numbers(rng, part, constant=1) for part in ([0] * 3, [1] * 3, [1] * 3)]
    return Example(
        StridedSlice(0, 0, 1 << dots, news, gone & ~news), [tensor(rng, shape, type), *bounds], [result(type)]
    )


def counted(rng: Generator) -> Example:
    """`offset`: the end is counted from the begin."""
    shape, type = shape_of(rng, 1, 3, 5), some(rng, "float32", "int32")
    begin = rng.integers(0, np.array(shape))
    count = 1 + rng.integers(0, np.array(shape) - begin)
    bounds = [numbers(rng, part, constant=1) for part in (begin, count, np.ones(len(shape)))]
    return Example(StridedSlice(offset=True), [tensor(rng, shape, type), *bounds], [result(type)])


def sliced(rng: Generator) -> Example:
    shape, type, kind = shape_of(rng, 1, 6), some(rng, *NUMBERS, "bool"), some(rng, "int32", "int64")
    begin = rng.integers(0, np.array(shape))
    size = 1 + rng.integers(0, np.array(shape) - begin)
    size = np.where(rng.random(len(shape)) < 0.2, -1, size)
    return Example(
        Slice(), [tensor(rng, shape, type), numbers(rng, begin, kind), numbers(rng, size, kind)], [result(type)]
    )


def split(rng: Generator) -> Example:
    shape, type, count = shape_of(rng, 1, 4), some(rng, *NUMBERS), int(rng.integers(1, 6))
    axis = int(rng.integers(len(shape)))
    whole = (*shape[:axis], count * int(rng.integers(1, 3)), *shape[axis + 1 :])
    at = axis - (len(shape) if often(rng) else 0)
    return Example(Split(count), [numbers(rng, at), tensor(rng, whole, type)], [result(type)] * count)


def split_v(rng: Generator) -> Example:
    shape, type, count = shape_of(rng, 1, 4), some(rng, *NUMBERS), int(rng.integers(1, 5))
    axis, lengths = int(rng.integers(len(shape))), rng.integers(1, 4, count)
    x = tensor(rng, (*shape[:axis], int(lengths.sum()), *shape[axis + 1 :]), type)
    if often(rng):
        lengths[rng.integers(count)] = -1
    parts = [x, numbers(rng, lengths, "int32", "int64"), numbers(rng, axis)]
    return Example(SplitV(count), parts, [result(type)] * count)


def unpack(rng: Generator) -> Example:
    shape, type = shape_of(rng, 1, 5), some(rng, "float32", "int8", "uint8", "int16", "int32", "bool")
    axis = int(rng.integers(-len(shape), len(shape)))
    return Example(Unpack(shape[axis], axis), [tensor(rng, shape, type)], [result(type)] * shape[axis])


def updated(rng: Generator) -> Example:
    shape, type = shape_of(rng, 1, 5), some(rng, *NUMBERS, "bool")
    part = tensor(rng, 1 + rng.integers(0, np.array(shape)), type)
    start = numbers(rng, rng.integers(-2, 5, len(shape)), "int32", "int64", constant=0.3)
    return Example(DynamicUpdateSlice(), [tensor(rng, shape, type), part, start], [result(type)])


CASES = [
    *swept("strided_slice_swept", 20, strided),
    *swept("strided_slice_reshaped", 8, reshaped, refused=("reference",)),
    *swept("strided_slice_counted", 3, counted, refused=("reference",)),
    *swept("slice_swept", 10, sliced),
    *swept("split_swept", 5, split),
    *swept("split_v_swept", 5, split_v),
    *swept("unpack_swept", 4, unpack),
    *swept("dynamic_update_slice", 6, updated),
]
