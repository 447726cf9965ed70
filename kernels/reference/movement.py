"""Where elements go: operators that move numbers and compute none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import AnyArray, IntegerArray
from ..fixed_point import float_to_int32, round_half_away


def pad(x: AnyArray, paddings: IntegerArray, value: AnyArray | int | float) -> AnyArray:
    """x with `paddings` (rank, 2) elements of `value` before and after each dimension."""
    lengths = x.shape + paddings.sum(axis=1)
    out = np.full(tuple(int(length) for length in lengths), value, x.dtype)
    out[
        tuple(slice(int(before), int(before) + length) for before, length in zip(paddings[:, 0], x.shape, strict=True))
    ] = x
    return out


def depth_to_space(x: AnyArray, block: int) -> AnyArray:
    """(n h w block*block*c) -> (n h*block w*block c): channels hold a block's rows, then its columns, then c."""
    n, h, w, depth = x.shape
    c = depth // (block * block)
    return x.reshape(n, h, w, block, block, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, h * block, w * block, c)


def space_to_depth(x: AnyArray, block: int) -> AnyArray:
    """(n h w c) -> (n h/block w/block block*block*c): the inverse of `depth_to_space`."""
    n, h, w, c = x.shape
    x = x.reshape(n, h // block, block, w // block, block, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, h // block, w // block, block * block * c)


def gather(x: AnyArray, positions: IntegerArray, axis: int, batch_dims: int) -> AnyArray:
    """Slices of x along `axis` at `positions`, the first `batch_dims` dimensions of both going together.

    x (b.. o.. length i..), positions (b.. p..) -> (b.. o.. p.. i..). IndexError where a position isn't in 0..length-1.
    """
    length = x.shape[axis]
    if positions.size and not 0 <= positions.min() <= positions.max() < length:
        raise IndexError(f"expected positions from 0 to {length - 1}, got {positions.min()} to {positions.max()}")
    if batch_dims == 0:
        # One string alone comes out as itself, not as an array.
        return np.asarray(np.take(x, positions, axis), x.dtype)
    batch = positions.shape[:batch_dims]
    outer, inner = x.shape[batch_dims:axis], x.shape[axis + 1 :]
    count = int(np.prod(batch, dtype=np.int64))
    rows = x.reshape(count, int(np.prod(outer, dtype=np.int64)), length, int(np.prod(inner, dtype=np.int64)))
    wanted = positions.reshape(count, int(np.prod(positions.shape[batch_dims:], dtype=np.int64)))
    found = rows[np.arange(count)[:, None], :, wanted]
    return found.transpose(0, 2, 1, 3).reshape((*batch, *outer, *positions.shape[batch_dims:], *inner))


def gather_nd(x: AnyArray, indices: IntegerArray) -> AnyArray:
    """x at every row of `indices` (.. depth), a row naming the first `depth` coordinates: (.. rest of x).

    IndexError where a coordinate is outside x.
    """
    depth = indices.shape[-1]
    lengths = np.array(x.shape[:depth], np.int64)
    if ((indices < 0) | (indices >= lengths)).any():
        raise IndexError(f"expected coordinates within {lengths.tolist()}, got others")
    if depth == 0:
        return np.broadcast_to(x, indices.shape[:-1] + x.shape)
    return np.asarray(x[tuple(np.moveaxis(indices, -1, 0))], x.dtype)


def rescale_uint8(x: AnyArray, source: tuple[np.float32, int], target: tuple[np.float32, int]) -> AnyArray:
    """uint8 x from one (scale, zero point) to another, in float32, ties away from zero: CONCATENATION.

    round(x * factor - zero_point * factor) + zero_point', factor = scale * (1 / scale'), clamped to uint8.
    """
    if source == target:
        return x
    factor = np.float32(source[0] * (np.float32(1) / np.float32(target[0])))
    bias = np.float32(np.float32(-source[1]) * factor)
    real = x.astype(np.float32) * factor + bias
    return np.clip(float_to_int32(round_half_away(real)) + target[1], 0, 255).astype(np.uint8)


def space_to_batch(x: AnyArray, blocks: Sequence[int], paddings: IntegerArray, value: int) -> AnyArray:
    """(n spatial.. c) -> (blocks.. * n, spatial / blocks.. c): pixels a block apart go to one batch."""
    spatial = len(blocks)
    x = pad(x, np.pad(paddings, ((1, 1), (0, 0))), value)
    n, c = x.shape[0], x.shape[-1]
    lengths = [length // block for length, block in zip(x.shape[1:-1], blocks, strict=True)]
    x = x.reshape(n, *(part for both in zip(lengths, blocks, strict=True) for part in both), c)
    order = (*range(2, 2 * spatial + 1, 2), 0, *range(1, 2 * spatial, 2), 2 * spatial + 1)
    return x.transpose(order).reshape(n * int(np.prod(blocks)), *lengths, c)


def batch_to_space(x: AnyArray, blocks: Sequence[int], crops: IntegerArray) -> AnyArray:
    """(blocks.. * n, spatial.. c) -> (n, spatial * blocks - crops.. c): the inverse of `space_to_batch`."""
    spatial = len(blocks)
    n, lengths, c = x.shape[0] // int(np.prod(blocks)), x.shape[1:-1], x.shape[-1]
    x = x.reshape(*blocks, n, *lengths, c)
    order = (spatial, *(axis for i in range(spatial) for axis in (spatial + 1 + i, i)), 2 * spatial + 1)
    x = x.transpose(order).reshape(n, *(length * block for length, block in zip(lengths, blocks, strict=True)), c)
    sides = zip(x.shape[1:-1], crops.tolist(), strict=True)
    return x[(slice(None), *(slice(before, length - after) for length, (before, after) in sides))]


def reverse_sequence(x: AnyArray, lengths: IntegerArray, axis: int, batch: int) -> AnyArray:
    """x with the first lengths[b] elements along `axis` backwards, b counting along dimension `batch`."""
    steps = np.arange(x.shape[axis])
    wanted = lengths.astype(np.int64)[:, None]
    places = np.where(steps < wanted, wanted - 1 - steps, steps)
    places = places if batch < axis else places.T
    shape = [length if i in (axis, batch) else 1 for i, length in enumerate(x.shape)]
    return np.take_along_axis(x, places.reshape(shape), axis)


def pad_between(
    x: AnyArray, low: Sequence[int], high: Sequence[int], between: Sequence[int], value: AnyArray
) -> AnyArray:
    """x with `between` values between its elements, then `low` before and `high` after; negative ones take away."""
    lengths, to, taken = [], [], []
    for n, before, after, inner in zip(x.shape, low, high, between, strict=True):
        step = inner + 1
        length = n + max(n - 1, 0) * inner + before + after
        first = -(min(before, 0) // step)
        last = min(n - 1, (length - 1 - before) // step)
        count = max(last - first + 1, 0)
        start = before + first * step
        lengths.append(length)
        to.append(slice(start, start + count * step, step) if count else slice(0, 0))
        taken.append(slice(first, first + count))
    out = np.full(lengths, value, x.dtype)
    out[tuple(to)] = x[tuple(taken)]
    return out
