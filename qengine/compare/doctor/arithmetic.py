"""Rules about the integers of sums of products: accumulators, biases, multipliers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...op import Spec
from ...packing import integer_range
from ...summary import NodeAlone
from .finding import Finding, Severity
from .opened import ACTIVATIONS, NARROW, Opened, T, data_input, is_quantized, scales_of, zero_point_of

INT32 = (-(2**31), 2**31 - 1)
INT64_SUMS = (-(2**47), 2**47 - 1)
"""What the kernels for 64-bit sums can rescale."""


@dataclass(frozen=True, eq=False)
class Sums:
    """The least and the greatest that each output channel of a node can sum up to, without and with its bias: int64."""

    alone: NodeAlone
    least: NDArray[np.int64]
    greatest: NDArray[np.int64]
    bias: NDArray[np.int64] | None
    terms: int
    limits: tuple[int, int]

    @property
    def bits(self) -> int:
        return 32 if self.limits == INT32 else 48


def accumulators(opened: Opened) -> Iterator[Finding]:
    """Sums that wrap for some input of the input's type: all products of one sign, at their largest."""
    for sums in _every_sum(opened):
        beyond = (sums.least < sums.limits[0]) | (sums.greatest > sums.limits[1])
        if beyond.any():
            worst = int(np.argmax(np.maximum(-sums.least, sums.greatest)))
            reason = (
                f"{int(beyond.sum())} of {beyond.size} channels: {sums.terms} products can sum up to "
                f"{_largest(sums.least[worst], sums.greatest[worst])}, beyond {sums.bits} bits (channel {worst})"
            )
            remedy = (
                "split the layer's inputs into several sums, or use 64-bit sums (int16 activations with int64 bias)"
            )
            yield opened.finding(sums.alone, Severity.WARNING, reason, remedy)


def biases(opened: Opened) -> Iterator[Finding]:
    """Biases that lie at the end of their type, as cut ones do, or that carry a sum beyond the accumulator."""
    for sums in _every_sum(opened):
        if sums.bias is None:
            continue
        fits = (sums.least >= sums.limits[0]) & (sums.greatest <= sums.limits[1])
        over = fits & ((sums.least + sums.bias < sums.limits[0]) | (sums.greatest + sums.bias > sums.limits[1]))
        cut = (sums.bias <= INT32[0]) | (sums.bias >= INT32[1]) if sums.limits == INT32 else np.zeros(1, bool)
        if over.any() or cut.any():
            worst = int(np.argmax(np.where(over | cut, np.abs(sums.bias), -1)))
            reason = (
                f"the bias of channel {worst} is {sums.bias[worst]}; with sums from {sums.least[worst]} to "
                f"{sums.greatest[worst]} it leaves {sums.bits} bits"
            )
            remedy = (
                "the weights of this channel are tiny beside its bias: widen their scale, or fold the bias elsewhere"
            )
            yield opened.finding(sums.alone, Severity.WARNING, reason, remedy)


def multipliers(opened: Opened) -> Iterator[Finding]:
    """Real multipliers of 1 or more: the output's steps are finer than the products', so some are never reached."""
    for alone in opened.integer_nodes:
        pairs = [(weights.input, data_input(alone, weights.input)) for weights in alone.node.op.weights]
        if alone.node.op.name in ("MUL", "BATCH_MATMUL"):
            pairs = [(1, 0)]
        for w, x in pairs:
            operands = [alone.specs.optional(w), None if x is None else alone.specs.optional(x), alone.specs.output()]
            scales = [
                None if spec is None or spec.type not in (*ACTIVATIONS, *NARROW) else scales_of(spec)
                for spec in operands
            ]
            if scales[0] is None or scales[1] is None or scales[2] is None or 1 not in (len(scales[1]), len(scales[0])):
                continue
            real = scales[0].astype(np.float64) * scales[1] / scales[2][0]
            if (real >= 1).any():
                worst = int(np.argmax(real))
                reason = f"{int((real >= 1).sum())} of {real.size} multipliers are 1 or more, up to {real[worst]:.6g}"
                remedy = "the output's range is too narrow for these weights: calibrate it on more samples"
                yield opened.finding(alone, Severity.WARNING, f"{reason} (channel {worst})", remedy)


def _every_sum(opened: Opened) -> Iterator[Sums]:
    for alone in opened.integer_nodes:
        for weights in alone.node.op.weights if len(alone.node.op.weights) == 1 else ():
            w, at = alone.specs.optional(weights.input), data_input(alone, weights.input)
            x = None if at is None else alone.specs.optional(at)
            if w is None or x is None or w.value is None or w.type not in NARROW or not is_quantized(w):
                continue
            bias = None if weights.bias is None else alone.specs.optional(weights.bias)
            yield _sums(alone, x, w, bias, weights.axis)


def _sums(alone: NodeAlone, x: Spec, w: Spec, bias: Spec | None, axis: int) -> Sums:
    assert w.value is not None
    low, high = (end - zero_point_of(x) for end in integer_range(x.type))
    centered = w.value.astype(np.int64) - zero_point_of(w)
    others = tuple(i for i in range(centered.ndim) if i != axis % centered.ndim)
    up, down = (np.maximum(sign * centered, 0).sum(axis=others) for sign in (1, -1))
    known = (
        None
        if bias is None or bias.value is None or bias.type is T.FLOAT32
        else bias.value.astype(np.int64).reshape(-1)
    )
    wide = x.type is T.INT16 and (bias is None or bias.type is T.INT64)
    terms = int(np.prod([centered.shape[i] for i in others], dtype=np.int64))
    return Sums(alone, up * low - down * high, up * high - down * low, known, terms, INT64_SUMS if wide else INT32)


def _largest(least: np.int64, greatest: np.int64) -> int:
    return int(greatest if greatest >= -least else least)
