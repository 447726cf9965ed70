"""Weights to integers, by the rules of TensorFlow's converter: symmetric, one scale a tensor, a channel or a block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.fixed_point import round_half_away
from ..model import TensorType
from .lattice import may_have_steps, step_of
from .observers import Observer, of_values

SMALLEST_REACH = 5e-7
"""Narrower ranges are widened to this magnitude, as the converter does, so that no scale is 0."""

BIAS_LIMIT = (2**31 - 1) // 2
"""The greatest magnitude of a bias: half of int32's, which leaves room for the sum that it is added to."""


@dataclass(frozen=True)
class Quantized:
    """Integers of the weights' shape with their scales.

    scales: float32, (1,), (channels,), or the weights' shape with its last axis in blocks. axis: of the channels.
    """

    values: NDArray[Any]
    scales: NDArray[np.float32]
    axis: int = 0
    block_size: int = 0

    def real(self) -> NDArray[np.float32]:
        """What the integers stand for."""
        if self.block_size:
            scales = np.repeat(self.scales, self.block_size, axis=-1)
        elif len(self.scales) == 1:
            scales = self.scales
        else:
            along = [1] * self.values.ndim
            along[self.axis] = -1
            scales = self.scales.reshape(along)
        return (self.values * scales).astype(np.float32)


def quantize_weights(
    weights: NDArray[Any],
    type_: TensorType,
    axis: int | None,
    observer: Observer,
    block_size: int = 0,
    bits: int = 0,
) -> Quantized:
    """Symmetric integers in [-(2**(bits-1) - 1), 2**(bits-1) - 1], zero point 0. bits: 0 for all that the type has.

    scale = reach / (2**(bits-1) - 1) in float64, stored as float32; q by `integers`.
    reach: the greatest magnitude, or what the observer chooses, of the tensor (axis None), of each index of `axis`, or
    of each block of `block_size` elements along the last axis (whose scale is rounded to float16 first, as stored).
    Values that were quantized before, with a step of their own, keep that step where it loses nothing (`lattice`).
    """
    most = (1 << (bits or type_.bits) - 1) - 1
    rows, back = _rows(weights, axis, block_size)
    reach = np.maximum(of_values(observer, rows, 2 * most + 1), SMALLEST_REACH)
    scale = _own_steps(rows, reach / most, most)
    if block_size:
        scale = np.maximum(_half(scale), np.float16(6e-8).astype(np.float64))
    values = integers(rows, scale, most)
    scales = scale.astype(np.float32)
    shape = (*weights.shape[:-1], weights.shape[-1] // block_size) if block_size else (len(scales),)
    return Quantized(back(values), scales.reshape(shape), 0 if axis is None else axis, block_size)


def _own_steps(rows: NDArray[Any], scale: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Scales, but the own step of rows that were quantized before, wherever the scale would round them again."""
    result = scale.copy()
    for number in np.flatnonzero(may_have_steps(rows, most)) if rows.size else ():
        row = rows[number]
        step = step_of(row, most)
        if step is not None and np.abs(np.rint(row / scale[number]) * scale[number] - row).max() > 1e-5 * step * most:
            result[number] = step
    return result


def integers(rows: NDArray[Any], scale: NDArray[np.float64], most: int) -> NDArray[Any]:
    """Rows (r, n) over one scale each, rounded and clamped to `most`.

    round(w * f32(1 / f32(scale))) in float32, ties away from zero: what TensorFlow's converter computes.
    """
    inverse = np.float32(1) / scale.astype(np.float32)
    q = np.clip(round_half_away(rows.astype(np.float32) * inverse[:, None]), -most, most)
    return q.astype(np.int8 if most < 128 else np.int16)


def rescaled(
    weights: NDArray[Any], scales: NDArray[np.float64], type_: TensorType, axis: int | None, bits: int = 0
) -> Quantized:
    """Weights quantized with given scales, one or one for each index of `axis`. bits: 0 for all that the type has."""
    rows, back = _rows(weights, axis, 0)
    values = integers(rows, scales, (1 << (bits or type_.bits) - 1) - 1)
    return Quantized(back(values), scales.astype(np.float32), 0 if axis is None else axis)


def widened_scales(bias: NDArray[Any], input_scale: float, weight_scales: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scales of weights (1,) or (channels,), wider where bias / (input scale * weight scale) would pass `BIAS_LIMIT`:
    tiny weights beside a large bias. There the bias just fits.
    """
    peak = np.abs(bias.astype(np.float64)).reshape(-1)
    if len(weight_scales) == 1:
        peak = peak.max(initial=0, keepdims=True)
    scales = np.float64(input_scale) * weight_scales
    return np.where(peak / scales > BIAS_LIMIT, peak / BIAS_LIMIT / np.float64(input_scale), weight_scales)


def quantize_bias(bias: NDArray[Any], scales: NDArray[np.float32], type_: TensorType) -> NDArray[Any]:
    """round(bias * f32(1 / scale)) in float32, ties away from zero, within the type, as TensorFlow's converter does."""
    limits = np.iinfo(type_.dtype)
    q = round_half_away(bias.astype(np.float32) * (np.float32(1) / scales)).astype(np.float64)
    return np.clip(q, float(limits.min), float(limits.max)).astype(type_.dtype)


def _half(scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scales to the nearest bfloat16, then float16: what the runtime's blockwise kernels hold."""
    bits = scale.astype(np.float32).view(np.uint32)
    rounded = ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)).view(
        np.float32
    )
    return rounded.astype(np.float16).astype(np.float64)


def _rows(weights: NDArray[Any], axis: int | None, block_size: int) -> tuple[NDArray[Any], Any]:
    """The weights as rows that share a scale, and the way back to their shape."""
    if block_size:
        if weights.shape[-1] % block_size:
            raise ValueError(f"expected a multiple of {block_size} weights a row, got {weights.shape[-1]}")
        return weights.reshape(-1, block_size), lambda rows: rows.reshape(weights.shape)
    if axis is None:
        return weights.reshape(1, -1), lambda rows: rows.reshape(weights.shape)
    moved = np.moveaxis(weights, axis, 0)
    return (
        moved.reshape(weights.shape[axis], -1),
        lambda rows: np.ascontiguousarray(np.moveaxis(rows.reshape(moved.shape), 0, axis)),
    )
