"""SVDF: a fully connected layer over time, as `rank` products of a filter over features and one over time a unit.

Axes: b batch, i input, f filters = units * rank, m memory. state (b, f, m) holds what each filter gave in the last m
steps, the newest last; it is updated in place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import AnyArray, Float32Array, Int8Array, Int64Array, IntegerArray
from ..fixed_point import wrap_int32
from ..requantizers import Requantizer
from .dynamic_range import Rows, quantize_asymmetric, quantize_symmetric


class Points(NamedTuple):
    """Zero points of the integers."""

    input: int
    state: int
    output: int


def remember(state: AnyArray, newest: AnyArray) -> None:
    """Moves the state on by one step; newest (b, f)."""
    state[..., :-1] = state[..., 1:].copy()
    state[..., -1] = newest


def _over_time(state: AnyArray, times: AnyArray, rank: int) -> AnyArray:
    """(b, units): what the filters over time (f, m) make of the state, summed over each unit's filters."""
    filtered = (state * times).sum(axis=-1)
    result: AnyArray = filtered.reshape(filtered.shape[0], -1, rank).sum(axis=-1)
    return result


def svdf_float32(
    x: Float32Array, features: Float32Array, times: Float32Array, bias: AnyArray, state: Float32Array, rank: int
) -> Float32Array:
    """x (b, i), features (f, i), times (f, m), bias (units,) or 0 -> (b, units)."""
    remember(state, x @ features.T)
    result: Float32Array = _over_time(state, times, rank) + bias
    return result


def svdf_dynamic(
    x: Float32Array,
    features: Int8Array,
    scale: np.float32,
    times: Float32Array,
    bias: AnyArray,
    state: Float32Array,
    rank: int,
    *,
    asymmetric: bool,
) -> Float32Array:
    """`svdf_float32` with features of one scale: rows of x are quantized for the product with them."""
    rows: Rows = (quantize_asymmetric if asymmetric else quantize_symmetric)(x)
    products = (rows.centered @ features.T.astype(np.float64)).astype(np.float32)
    remember(state, products * (rows.scale * scale)[:, np.newaxis])
    result: Float32Array = _over_time(state, times, rank) + bias
    return result


def svdf_integer(
    x: Int8Array,
    features: Int8Array,
    times: IntegerArray,
    bias: IntegerArray | int,
    state: IntegerArray,
    rank: int,
    points: Points,
    to_state: Requantizer,
    to_output: Requantizer,
) -> Int64Array:
    """int8 x, state and times of one type, int16 or int8, bias int32 -> int8 numbers. Sums wrap in 32 bits.

    What goes into the state is clamped, then the state's zero point is added, which wraps; an int16 state has none.
    """
    limits = np.iinfo(state.dtype)
    sums = wrap_int32((x.astype(np.int64) - points.input) @ features.T.astype(np.int64))
    newest = np.clip(to_state.rescale(sums), limits.min, limits.max) + points.state
    remember(state, newest.astype(state.dtype))
    total = _over_time(state.astype(np.int64) - points.state, times.astype(np.int64), rank)
    result: Int64Array = to_output(wrap_int32(total + bias), points.output, -128, 127, np.int64)
    return result
