"""What convolutions and dense layers have in common: geometry, weights, bias, types and rounding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .plan import Eight, Finish
from .rounding import Rule

Integers = npt.NDArray[np.int8] | npt.NDArray[np.int16]
"""Weights less their zero point, in [-255, 255]."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Shapes of a window operation over `batch` images.

    input, output  (h, w, c)
    before         rows above and columns left of the image that windows reach into
    """

    batch: int
    input: tuple[int, int, int]
    output: tuple[int, int, int]
    window: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    before: tuple[int, int] = (0, 0)

    @property
    def padding(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """What must surround the image so that every window lies inside: ((top, bottom), (left, right))."""
        sides = []
        for axis in (0, 1):
            reach = (self.output[axis] - 1) * self.stride[axis] + (self.window[axis] - 1) * self.dilation[axis] + 1
            sides.append((self.before[axis], max(0, reach - self.input[axis] - self.before[axis])))
        return sides[0], sides[1]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to compute."""
        return 0 in (self.batch, *self.output)

    @property
    def is_padded(self) -> bool:
        return self.padding != ((0, 0), (0, 0))


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer with weights over 8-bit activations.

    weights            int8 or uint8, in the operator's own order
    weight_zero_point  one for the layer (0 for int8)
    bias               int32 (output channels,) or None
    low, high          bounds of the fused activation, as quantized output values
    rule               how accumulators are rounded, with a number per output channel
    """

    weights: npt.NDArray[np.int8] | npt.NDArray[np.uint8]
    weight_zero_point: int
    bias: npt.NDArray[np.int32] | None
    input: Eight
    output: Eight
    low: int
    high: int
    rule: Rule

    @property
    def finish(self) -> Finish:
        return Finish.of(self.output, self.low, self.high)

    def values(self) -> Integers:
        """Weights less their zero point: the weights themselves where that is 0 and they are int8."""
        if self.weights.dtype == np.int8 and self.weight_zero_point == 0:
            return self.weights.view(np.int8)
        return self.weights.astype(np.int16) - np.int16(self.weight_zero_point)

    def matrix(self, values: Integers) -> Matrix:
        """The layer with weights (output channels, ...) in another order."""
        bias = np.zeros(len(values), np.int64) if self.bias is None else self.bias.astype(np.int64)
        return Matrix(values, bias, self.input, self.rule)


@dataclass(frozen=True, eq=False)
class Matrix:
    """Weights less their zero point (output channels, ...), bias int64, and what belongs to them."""

    values: Integers
    bias: npt.NDArray[np.int64]
    input: Eight
    rule: Rule

    def part(self, chosen: slice) -> Matrix:
        """Some of the output channels."""
        return Matrix(self.values[chosen], self.bias[chosen], self.input, self.rule.take(chosen))

    @cached_property
    def folded_bias(self) -> npt.NDArray[np.int32]:
        """bias - zero point * sum(weights), so that kernels multiply stored bytes as they are; wraps as int32 does."""
        return (self.bias - self.input.stored_zero * _totals(self.values)).astype(np.int32)

    @cached_property
    def piece(self) -> str:
        """The rule's piece for accumulators as large as these weights allow (2**31 where they may wrap)."""
        reach = max(self.input.stored_zero, 255 - self.input.stored_zero)

        def piece(totals: npt.NDArray[np.int64]) -> str:
            bound = totals * reach + np.abs(self.bias)
            return self.rule.piece(np.minimum(bound, 2**31).astype(np.float64))

        easiest = self.rule.piece(np.zeros(len(self.bias)))
        if piece(np.full(len(self.bias), 255 * self.values[:1].size)) == easiest:
            return easiest
        return piece(_totals(np.abs(self.values.astype(np.int16))))

    def parameters(self, chosen: npt.NDArray[np.intp]) -> npt.NDArray[np.int32]:
        """What an epilogue reads for the channels `chosen` (..., n), -1 being none: the bias section (..., n), then the
        rule's, along the last axis."""
        bias = np.where(chosen < 0, 0, self.folded_bias[np.maximum(chosen, 0)]).astype(np.int32)
        return np.concatenate([bias, *self.rule.sections(chosen)], axis=-1)


def _totals(values: Integers) -> npt.NDArray[np.int64]:
    """Sums per output channel."""
    rows = values.reshape(len(values), -1)
    width = np.int32 if rows.shape[1] < 2**23 else np.int64  # |value| <= 2**8: int32 holds 2**23 terms
    totals: npt.NDArray[np.int64] = rows.sum(1, dtype=width).astype(np.int64)
    return totals


def split_outliers(values: Integers) -> list[npt.NDArray[np.int8]]:
    """Integers in [-255, 255] as a sum of one to three int8 arrays, those after the first being mostly zero."""
    if values.dtype == np.int8:
        return [values.view(np.int8)]
    parts: list[npt.NDArray[np.int8]] = []
    rest: npt.NDArray[Any] = values
    while not parts or rest.any():
        parts.append(np.clip(rest, -128, 127).astype(np.int8))
        rest = rest - parts[-1]
    return parts
