"""Layers of int16 activations and int8 weights: how exact sums are brought to int16 again.

A sum comes as one vector of int32, or as two, of the products of the activations' low bytes and of their high ones:
256 * high + low, which 64 bits hold whatever int32 does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import rounding
from ..fixed_point import halves, joined, wide_product
from ..language import F64, I16, I32, I64, Function, Value
from ..rounding import Rule

Words = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class WideRule:
    """The runtime's rule for int64 sums: a multiplier cut to 16 bits, one rounding, half up. int32 (channels,)."""

    multiplier: npt.NDArray[np.int32]
    shift: npt.NDArray[np.int32]

    @property
    def reduced(self) -> Longs:
        multiplier = self.multiplier.astype(np.int64)
        return np.where(multiplier < 0x7FFF0000, (multiplier + 2**15) >> 16, 0x7FFF)

    @property
    def total_shift(self) -> Longs:
        return 15 - self.shift.astype(np.int64)


@dataclass(frozen=True, eq=False)
class WideRealRule:
    """int64 sums times a float64 (channels,), half away from zero; what int32 doesn't hold is the least int32."""

    scale: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Layer:
    """weights int8 in the operator's own order; bias (channels,) or None; low, high: bounds of the output.

    The rounding.Rule is for sums that wrap in 32 bits, the others for 64.
    """

    weights: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32] | Longs | None
    low: int
    high: int
    rule: Rule | WideRule | WideRealRule

    @property
    def piece(self) -> str:
        """Which `finished` brings sums to int16."""
        if isinstance(self.rule, WideRule):
            return "long"
        return "longreal" if isinstance(self.rule, WideRealRule) else self.rule.piece(np.full(1, 2.0**31))

    def parameters(self, fold: Longs, chosen: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
        """What `finished` reads for the channels `chosen` (vectors, lanes), -1 being none. fold: added to the bias."""
        bias = fold if self.bias is None else fold + self.bias
        at = np.maximum(chosen, 0)
        if isinstance(self.rule, WideRule):
            shift, reduced = self.rule.total_shift, self.rule.reduced
            start = bias * reduced + (np.int64(1) << (shift - 1))
            words = [np.concatenate([_split(part[own]) for part in (reduced, start, shift)]) for own in at]
        elif isinstance(self.rule, WideRealRule):
            scale = self.rule.scale.view(np.int64)
            words = [np.concatenate([_split(part[own]) for part in (bias, scale)]) for own in at]
        else:
            flat = chosen.ravel()
            return np.concatenate([bias[at.ravel()].astype(np.int32), *self.rule.sections(flat)]).view(np.uint8)
        return np.concatenate(words).view(np.uint8)


def _split(numbers: Longs) -> Longs:
    """Those of even lanes, then those of odd ones."""
    return np.concatenate([numbers[0::2], numbers[1::2]])


def parameter_bytes(piece: str, vectors: int, lanes: int) -> int:
    """How long the parameters of so many vectors are."""
    if piece in ("long", "longreal"):
        return vectors * lanes * (24 if piece == "long" else 16)
    return 4 * vectors * lanes * (1 + rounding.SECTIONS[piece])


def finished(f: Function, piece: str, sums: Sequence[Value], parameters: Value, at: int, vectors: int) -> Value:
    """Sums of vector `at` of `vectors`, rescaled: int32 not yet clamped. sums: low and high, or one."""
    lanes = sums[0].type.lanes
    if piece not in ("long", "longreal"):
        acc = sums[0] + parameters.load(I32.x(lanes), 4 * lanes * at)
        if len(sums) == 2:
            acc = acc + (sums[1] << 8)
        return rounding.apply(f, piece, acc, rounding.load(f, piece, parameters, at, vectors, lanes))
    begin = parameters + at * parameter_bytes(piece, 1, lanes)
    step, type = 8 * lanes, I64.x(lanes // 2)
    results = []
    for odd, parts in enumerate(zip(*(halves(sum_) for sum_ in sums), strict=True)):
        numbers = [begin.load(type, section * step + step // 2 * odd) for section in range(3 if piece == "long" else 2)]
        if piece == "long":
            reduced, start, shift = numbers
            products = [wide_product(part, reduced) for part in parts]
            total = products[0] + start
            if len(products) == 2:
                total = total + (products[1] << 8)
            results.append(total >> shift)
        else:
            bias, scale = numbers
            total = parts[0] + bias
            if len(parts) == 2:
                total = total + (parts[1] << 8)
            results.append(rounding.half_away(total.convert("sitofp", F64) * scale.bits(F64.x(lanes // 2))))
    return joined(*results)


class Halfwords:
    """From rescaled int32 to int16 within two bounds."""

    def __init__(self, f: Function, low: Value, high: Value) -> None:
        self.f, self.low, self.high = f, low.truncate(I32), high.truncate(I32)

    def narrow(self, x: Value) -> Value:
        lanes = x.type.lanes
        return x.max(self.low.splat(lanes)).min(self.high.splat(lanes)).truncate(I16)
