"""Resizing images (n h w c) -> (n oh ow c): by the nearest pixel, or straight between the four around.

Each kernel set finds the place of an output pixel in the input in its own arithmetic, one dimension at a time; so the
places come first, as numbers, and the mixing after.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import AnyArray, FloatingArray, Int64Array, IntegerArray
from ..fixed_point import round_half_away

half = np.float32(0.5)


class Centers(NamedTuple):
    """Which points of the two images lie on each other: corner pixels, or pixels as squares; else first pixels."""

    align_corners: bool = False
    half_pixel: bool = False


class Places(NamedTuple):
    """For each output along one dimension: the inputs before and after it, and how far it is from the one before.

    The distance is a float32, or an integer in units of the kernel's.
    """

    before: Int64Array
    after: Int64Array
    distance: AnyArray


def scale_of(length: int, output: int, centers: Centers) -> np.float32:
    """Input pixels an output pixel."""
    if centers.align_corners and output > 1:
        return np.float32(length - 1) / np.float32(output - 1)
    return np.float32(length) / np.float32(output)


# --- nearest


def nearest(length: int, output: int, centers: Centers) -> Int64Array:
    """The nearest input of every output, in float32: rounded with aligned corners, else floored."""
    position = np.arange(output).astype(np.float32)
    position = (position + half if centers.half_pixel else position) * scale_of(length, output, centers)
    whole = round_half_away(position) if centers.align_corners else np.floor(position)
    return np.clip(whole.astype(np.int64), 0, length - 1)


def nearest_fixed_point(length: int, output: int) -> Int64Array:
    """The same in fixed point of 16 fractional bits, as the vector kernel for bytes: one unit too large on purpose."""
    scale = (length << 16) // output + 1
    result: Int64Array = np.minimum((np.arange(output, dtype=np.int64) * scale) >> 16, length - 1)
    return result


def pick(x: AnyArray, rows: Int64Array, columns: Int64Array) -> AnyArray:
    """These pixels."""
    return x[:, rows][:, :, columns]


# --- bilinear: places


def places_float32(length: int, output: int, centers: Centers) -> Places:
    """Unclamped positions: outside of the image, the border is drawn out in a straight line of equal ends.

    ValueError where one lies beyond the last input: made smaller with aligned corners and half pixel centers at once.
    """
    position, scale = np.arange(output).astype(np.float32), scale_of(length, output, centers)
    position = (position + half) * scale - half if centers.half_pixel else position * scale
    before = np.maximum(np.floor(position).astype(np.int64), 0)
    after = np.minimum(np.ceil(position).astype(np.int64), length - 1)
    if output and int(before[-1]) >= length:
        raise ValueError(f"expected positions within {length} pixels, got {int(before[-1])} for pixel {output - 1}")
    return Places(before, after, position - before.astype(np.float32))


def places_fixed_point(length: int, output: int, centers: Centers) -> Places:
    """Positions and distances in units of 1 / 1024.

    ValueError where the rounded scale carries a position beyond the last input: enlarged by hundreds or more.
    """
    inner, outer = (length - 1, output - 1) if centers.align_corners and output > 1 else (length, output)
    scale = ((inner << 10) + outer // 2) // outer
    position = np.arange(output, dtype=np.int64) * scale + (scale // 2 - 512 if centers.half_pixel else 0)
    before = np.maximum(position // 1024, 0)
    after = np.minimum(-(-position // 1024), length - 1)
    if output and int(before[-1]) >= length:
        raise ValueError(f"expected positions within {length} pixels, got {int(before[-1])} for pixel {output - 1}")
    return Places(before, after, position - 1024 * before)


def places_clamped(length: int, output: int, centers: Centers) -> Places:
    """Positions clamped to the image, float32: XNNPACK."""
    position, scale = np.arange(output).astype(np.float32), scale_of(length, output, centers)
    position = position * scale
    if centers.half_pixel and not centers.align_corners:
        position = np.maximum(position + (half * scale - half), np.float32(0))
    position = np.minimum(position, np.float32(length - 1))
    before = position.astype(np.int64)
    return Places(before, np.minimum(before + 1, length - 1), position - before.astype(np.float32))


def in_steps(places: Places) -> Places:
    """Distances as integers in units of 1 / 2048, rounded half to even."""
    return places._replace(distance=np.rint(places.distance * np.float32(2048)).astype(np.int64))


# --- bilinear: mixing


def bilinear_fixed_point(x: IntegerArray, rows: Places, columns: Places) -> Int64Array:
    """By `places_fixed_point`, rounded to nearest, ties away from zero."""
    wide = x.astype(np.int64)
    across = _mix(wide[:, :, columns.before], wide[:, :, columns.after], columns.distance[:, np.newaxis], 1024)
    total = _mix(across[:, rows.before], across[:, rows.after], rows.distance[:, np.newaxis, np.newaxis], 1024)
    magnitude: Int64Array = (np.abs(total) + (1 << 19)) >> 20
    return np.sign(total) * magnitude


def bilinear_steps(x: IntegerArray, rows: Places, columns: Places) -> Int64Array:
    """By `in_steps`, rounded to nearest, ties up."""
    wide = x.astype(np.int64)
    across = _mix(wide[:, :, columns.before], wide[:, :, columns.after], columns.distance[:, np.newaxis], 2048)
    total = _mix(across[:, rows.before], across[:, rows.after], rows.distance[:, np.newaxis, np.newaxis], 2048)
    return (total + (1 << 21)) >> 22


def _mix(first: Int64Array, second: Int64Array, distance: AnyArray, unit: int) -> Int64Array:
    result: Int64Array = first * (unit - distance) + second * distance
    return result


def bilinear_lines(x: FloatingArray, rows: Places, columns: Places) -> FloatingArray:
    """Between left and right, then between what that gives above and below, each as a + (b - a) * distance: XNNPACK."""
    down, right = rows.distance[:, np.newaxis, np.newaxis], columns.distance[:, np.newaxis]

    def between(a: FloatingArray, b: FloatingArray, distance: AnyArray) -> FloatingArray:
        return np.asarray(a + (b - a) * distance)

    across = between(x[:, :, columns.before], x[:, :, columns.after], right)
    return between(across[:, rows.before], across[:, rows.after], down)


def bilinear_corners(x: FloatingArray, rows: Places, columns: Places, *, weights_first: bool) -> FloatingArray:
    """The sum of the four pixels around, weighted; every step rounded to x's type.

    weights_first: the vector kernel's order, a pixel times the product of its weights, row by row; else pixel times
    weight down times weight across, column by column.
    """
    down, right = rows.distance[:, np.newaxis, np.newaxis], columns.distance[:, np.newaxis]
    up, left = 1 - down, 1 - right
    corners: list[tuple[Int64Array, Int64Array, FloatingArray, FloatingArray]] = [
        (rows.before, columns.before, up, left),
        (rows.before, columns.after, up, right),
        (rows.after, columns.before, down, left),
        (rows.after, columns.after, down, right),
    ]
    if not weights_first:
        corners[1], corners[2] = corners[2], corners[1]
    total: AnyArray = np.zeros((), x.dtype)
    for of_row, of_column, vertical, horizontal in corners:
        pixels = pick(x, of_row, of_column)
        total = total + (pixels * (vertical * horizontal) if weights_first else pixels * vertical * horizontal)
    return total


def bilinear_uint8(x: IntegerArray, rows: Places, columns: Places, *, weights_first: bool) -> Int64Array:
    """`bilinear_corners` in float32, rounded by adding a half and truncating."""
    return (bilinear_corners(x.astype(np.float32), rows, columns, weights_first=weights_first) + half).astype(np.int64)
