"""Which elements: positions of extremes, the largest k, distinct values, and the boxes that survive suppression."""

from __future__ import annotations

import numpy as np

from ..arrays import AnyArray, FloatingArray, Int32Array, Int64Array


def arg_extreme(x: AnyArray, axis: int, largest: bool) -> Int64Array:
    """Where along `axis` the largest (or smallest) element lies, the first of equal ones; x's shape without it.

    NaN loses against every number; where there is nothing else, it is the first. The runtime has an exception, in
    float32 lines of 4 or more without a dimension of more than 1 behind them: see `_in_lanes`.
    """
    nan = np.isnan(x) if x.dtype.kind == "f" else np.zeros(x.shape, np.bool_)
    filled = np.where(nan, -np.inf if largest else np.inf, x) if nan.any() else x
    found = np.argmax(filled, axis, keepdims=True) if largest else np.argmin(filled, axis, keepdims=True)
    # A NaN stands for infinity here: where it came first among infinities, the first number is meant.
    numbers = np.argmin(nan, axis, keepdims=True)
    chosen: Int64Array = np.where(np.take_along_axis(nan, found, axis), numbers, found).squeeze(axis)
    if nan.any() and x.shape[axis] >= 4 and all(length == 1 for length in x.shape[axis + 1 :]):
        lines = x.reshape(-1, x.shape[axis])
        odd = nan.reshape(lines.shape).any(axis=1)
        flat = chosen.reshape(-1)
        flat[odd] = _in_lanes(lines[odd], largest)
        chosen = flat.reshape(chosen.shape)
    return chosen


def _in_lanes(lines: FloatingArray, largest: bool) -> Int64Array:
    """`arg_extreme` of lines (n, length) as four vector lanes find it, the rest of the line coming after.

    Every lane ignores NaN, but a comparison between lanes with NaN keeps its left side: a lane that holds nothing but
    NaN may hide the others. Then the rest decides, and without a rest it is 0.
    """
    count, length = lines.shape
    whole = length // 4 * 4
    lanes = lines[:, :whole].reshape(count, -1, 4)
    at = arg_extreme(lanes, 1, largest)
    values = np.take_along_axis(lanes, at[:, None, :], 1)[:, 0, :]
    at = at * 4 + np.arange(4)

    def better(left: FloatingArray, right: FloatingArray) -> FloatingArray:
        return np.where(left < right if largest else left > right, right, left)

    best = better(better(values[:, 0], values[:, 1]), better(values[:, 2], values[:, 3]))
    where = np.where(values == best[:, None], at, length).min(axis=1)
    for i in range(whole, length):
        value = lines[:, i]
        wins = ~np.isnan(value) & (np.isnan(best) | (value > best if largest else value < best))
        best, where = np.where(wins, value, best), np.where(wins, i, where)
    return np.where(np.isnan(best), 0, where)


def largest(x: AnyArray, k: int) -> Int64Array:
    """Where the k largest elements along the last axis are, (.. k), falling; ties by position, NaN last."""
    # ~x reverses the order of integers of any sign, where -x has no room for the lowest.
    keys = -x if x.dtype.kind == "f" else ~x
    order: Int64Array = np.argsort(keys, axis=-1, kind="stable")
    return order[..., :k]


def unique(x: AnyArray) -> tuple[AnyArray, Int64Array]:
    """The different elements of x (n), in the order of their first coming, and which of them each element is.

    The runtime looks elements up by comparison, which NaN never wins: it passes for the smallest element so far, and
    where it comes first, everything passes for it.
    """
    if x.dtype.kind == "f" and np.isnan(x).any():
        if np.isnan(x[0]):
            return x[:1], np.zeros(x.shape, np.int64)
        x = np.where(np.isnan(x), np.fmin.accumulate(x), x)
    _, first, which = np.unique(x, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return x[first[order]], np.argsort(order)[which.reshape(-1)]


def binary_search(wanted: Int32Array, keys: Int32Array) -> Int64Array:
    """Where among the rising keys (m) each of the wanted numbers is, -1 where it isn't.

    Halves as C's bsearch does, so that keys that don't rise find what they find there.
    """
    low = np.zeros(wanted.shape, np.int64)
    high = np.full(wanted.shape, len(keys), np.int64)
    found = np.full(wanted.shape, -1, np.int64)
    while (open_ := (low < high) & (found < 0)).any():
        middle = np.where(open_, (low + high) // 2, 0)
        key = keys[middle]
        found = np.where(open_ & (wanted == key), middle, found)
        high = np.where(open_ & (wanted < key), middle, high)
        low = np.where(open_ & (wanted > key), middle + 1, low)
    return found
