"""Layers of int16 activations and int8 weights: how exact sums are brought to int16 again.

A sum comes as one vector of int32, or as two, of the products of the activations' low bytes and of their high ones:
256 * high + low, which 64 bits hold whatever int32 does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .. import rounding
from ..fixed_point import halves, joined, wide_product
from ..language import F64, I16, I32, I64, Function, Value
from ..pieces import column
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
    """weights int8 in the operator's own order, `axis` that of output channels; bias (channels,) or None.

    low, high: bounds of the output. The rounding.Rule is for sums that wrap in 32 bits, the others for 64.
    """

    weights: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32] | Longs | None
    low: int
    high: int
    rule: Rule | WideRule | WideRealRule
    axis: int = 0

    @property
    def ending(self) -> str:
        """`plain` where saturation does it all, else `clamp`."""
        return "plain" if (self.low, self.high) == (-(2**15), 2**15 - 1) else "clamp"

    @cached_property
    def piece(self) -> str:
        """Which way sums are brought to int16.

        long, longreal: by the 64-bit rules. high: as long, where the planes' joint sum fits int32 and the result can be
        had from the upper half of a product. Else a piece of `..rounding`.
        """
        if isinstance(self.rule, WideRealRule):
            return "longreal"
        if isinstance(self.rule, Rule):
            return self.rule.piece(np.full(1, 2.0**31))
        shift = self.rule.total_shift
        others = tuple(i for i in range(self.weights.ndim) if i != self.axis)
        totals = np.abs(self.weights.astype(np.int64)).sum(others)
        start = 0 if self.bias is None else np.abs(self.bias.astype(np.float64)).max(initial=0)
        fits = totals.max(initial=0) * 2**16 < 2**31 and start < 2**31
        return "high" if fits and shift.min() >= 17 and shift.max() <= 32 else "long"

    def parameters(self, fold: Longs, chosen: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
        """What `finished` reads for the channels `chosen` (vectors, lanes), -1 being none. fold: added to the bias."""
        bias = fold if self.bias is None else fold + self.bias
        at = np.maximum(chosen, 0)
        if isinstance(self.rule, WideRule):
            shift, reduced = self.rule.total_shift, self.rule.reduced
            start = bias * reduced + (np.int64(1) << (shift - 1))
            columns = [reduced, start, shift]
            if self.piece == "high":
                columns = [reduced << (32 - shift), start << (32 - shift)]
        elif isinstance(self.rule, WideRealRule):
            columns = [bias, self.rule.scale.view(np.int64)]
        else:
            flat = chosen.ravel()
            return np.concatenate([bias[at.ravel()].astype(np.int32), *self.rule.sections(flat)]).view(np.uint8)
        return np.concatenate([_split(part[own]) for own in at for part in columns]).view(np.uint8)


def _split(numbers: Longs) -> Longs:
    """Those of even lanes, then those of odd ones."""
    return np.concatenate([numbers[0::2], numbers[1::2]])


_LONGS = {"high": 2, "long": 3, "longreal": 2}
"""How many int64 a channel these pieces read."""


def parameter_bytes(piece: str, vectors: int, lanes: int) -> int:
    """How long the parameters of so many vectors are."""
    return vectors * lanes * (8 * _LONGS[piece] if piece in _LONGS else 4 * (1 + rounding.SECTIONS[piece]))


def finished(f: Function, piece: str, sums: Sequence[Value], parameters: Value, at: int, vectors: int) -> Value:
    """Sums of vector `at` of `vectors`, rescaled: int32 not yet clamped. sums: low and high, or one."""
    lanes = sums[0].type.lanes
    if piece not in _LONGS:
        acc = _joint(sums) + parameters.load(I32.x(lanes), 4 * lanes * at)
        return rounding.apply(f, piece, acc, rounding.load(f, piece, parameters, at, vectors, lanes))
    begin = parameters + at * parameter_bytes(piece, 1, lanes)
    step, type = 8 * lanes, I64.x(lanes // 2)
    if piece == "high":
        sums = [_joint(sums)]
    results = []
    for odd, parts in enumerate(zip(*(halves(sum_) for sum_ in sums), strict=True)):
        numbers = [begin.load(type, section * step + step // 2 * odd) for section in range(_LONGS[piece])]
        if piece == "longreal":
            bias, scale = numbers
            real = (_joint(parts) + bias).convert("sitofp", F64) * scale.bits(F64.x(lanes // 2))
            results.append(rounding.half_away(real))
        else:
            total = _joint([wide_product(part, numbers[0]) for part in parts]) + numbers[1]
            results.append(total if piece == "high" else total >> numbers[2])
    if piece != "high":
        return joined(*results)
    even, odd_ = (x.bits(I32.x(lanes)) for x in results)
    return even.shuffle([lane + 1 if lane % 2 == 0 else lanes + lane for lane in range(lanes)], odd_)


def _joint(sums: Sequence[Value]) -> Value:
    return sums[0] if len(sums) == 1 else sums[0] + (sums[1] << 8)


class Halfwords:
    """From rescaled int32 to int16 within two bounds; `ending` plain where those are the type's."""

    def __init__(self, f: Function, low: Value, high: Value, ending: str) -> None:
        self.f, self.low, self.high, self.plain = f, low.truncate(I32), high.truncate(I32), ending == "plain"

    def narrow(self, vectors: Sequence[Value]) -> Value:
        """One vector, or two in the order of `column`."""
        lanes = vectors[0].type.lanes
        if self.f.target.is_x86 and len(vectors) == 2:
            name = {16: "avx512.packssdw.512", 8: "avx2.packssdw", 4: "sse2.packssdw.128"}[lanes]
            words = self.f.call(f"llvm.x86.{name}", I16.x(2 * lanes), *vectors)
            if self.plain:
                return words
            low, high = (bound.truncate(I16).splat(2 * lanes) for bound in (self.low, self.high))
            return words.max(low).min(high)
        narrow = [x.max(self.low.splat(lanes)).min(self.high.splat(lanes)).truncate(I16) for x in vectors]
        if len(narrow) == 1:
            return narrow[0]
        order = sorted(range(2 * lanes), key=lambda at: column(2, at // lanes, at % lanes))
        return narrow[0].shuffle(order, narrow[1])
