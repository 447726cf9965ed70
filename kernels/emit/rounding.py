"""From int32 accumulators back to 8 bits: the runtime's rounding rules, as pieces of kernels and packed numbers.

A rule is a value handed to a planner: it holds its numbers per output channel, says how they are packed beside the bias
(`sections`, each one int32 or float32 per channel), and writes the instructions that apply them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .fixed_point import halves, joined, wide_product
from .language import F32, F64, I16, I32, I64, Function, Value

Packed = npt.NDArray[np.int32]


class Rule(ABC):
    """How an accumulator of each channel is rescaled and rounded, before the zero point is added."""

    name: ClassVar[str]

    @abstractmethod
    def channels(self) -> int:
        """How many channels it has numbers for."""

    @abstractmethod
    def take(self, chosen: slice) -> Rule:
        """The rule of some channels."""

    @abstractmethod
    def sections(self, chosen: npt.NDArray[np.intp]) -> list[Packed]:
        """Numbers of the channels `chosen`, section by section, as 32-bit words of its shape; -1 is no channel."""

    @abstractmethod
    def piece(self, bound: npt.NDArray[np.float64]) -> str:
        """Name of the piece to use when no |accumulator| of channel c is above bound[c]."""


@dataclass(frozen=True, eq=False)
class FloatRule(Rule):
    """XNNPACK's: rint(float32(accumulator) * scale), half to even. `scale` float32 (channels,)."""

    scale: npt.NDArray[np.float32]
    name: ClassVar[str] = "float"

    def channels(self) -> int:
        return len(self.scale)

    def take(self, chosen: slice) -> FloatRule:
        return FloatRule(self.scale[chosen])

    def sections(self, chosen: npt.NDArray[np.intp]) -> list[Packed]:
        return [_take(self.scale.astype(np.float32), chosen, 0).view(np.int32)]

    def piece(self, bound: npt.NDArray[np.float64]) -> str:
        """The x86 conversion gives the least int32 for what is 2**31 or more: such a layer clamps first."""
        return "float" if float(np.max(bound * self.scale, initial=0.0)) < 2.0**31 - 2.0**8 else "floatwide"


@dataclass(frozen=True, eq=False)
class FixedRule(Rule):
    """The runtime's fixed point: the doubled high product with a multiplier, ties up, then divided by 2**-shift.

    multiplier, shift: int32 (channels,), shift in [-31, 31]; a positive one goes to the left first. away: bool
    (channels,), whether the division rounds ties away from zero, else up. zero_point: the output's, as a quantized
    value, for sums that wrap.
    """

    multiplier: npt.NDArray[np.int32]
    shift: npt.NDArray[np.int32]
    away: npt.NDArray[np.bool_]
    zero_point: int
    name: ClassVar[str] = "fixed"

    def channels(self) -> int:
        return len(self.shift)

    def take(self, chosen: slice) -> FixedRule:
        return FixedRule(self.multiplier[chosen], self.shift[chosen], self.away[chosen], self.zero_point)

    def sections(self, chosen: npt.NDArray[np.intp]) -> list[Packed]:
        right = np.maximum(-self.shift, 0).astype(np.int32)
        sign = np.where(self.away & (right > 0), -1, 0).astype(np.int32)
        piece = self.piece(np.zeros(0))
        sections = [_take(self.multiplier, chosen, 0), _take(right, chosen, 1)]
        if piece != "up":
            sections.append(_take(sign, chosen, 0))
        if piece == "wrap":
            left = np.maximum(self.shift, 0).astype(np.int32)
            sections += [_take(left, chosen, 0), np.full(chosen.shape, self.zero_point, np.int32)]
        return sections

    def piece(self, bound: npt.NDArray[np.float64]) -> str:
        """Results of a division by 2 or more leave room for the zero point; others may wrap."""
        if (self.shift > -1).any():
            return "wrap"
        return "away" if self.away.any() else "up"


@dataclass(frozen=True, eq=False)
class RealRule(Rule):
    """float64(accumulator) * scale, half away from zero; what int32 doesn't hold is the least int32. Sums wrap.

    scale: float64 (channels,). zero_point: as FixedRule's.
    """

    scale: npt.NDArray[np.float64]
    zero_point: int
    name: ClassVar[str] = "real"

    def channels(self) -> int:
        return len(self.scale)

    def take(self, chosen: slice) -> RealRule:
        return RealRule(self.scale[chosen], self.zero_point)

    def sections(self, chosen: npt.NDArray[np.intp]) -> list[Packed]:
        words = _take(self.scale, chosen, 0).view(np.int32).reshape(*chosen.shape, 2)
        return [words[..., 0], words[..., 1], np.full(chosen.shape, self.zero_point, np.int32)]

    def piece(self, bound: npt.NDArray[np.float64]) -> str:
        return "real"


def _take(numbers: npt.NDArray[Any], chosen: npt.NDArray[np.intp], absent: float) -> npt.NDArray[Any]:
    return np.where(chosen < 0, numbers.dtype.type(absent), numbers[np.maximum(chosen, 0)]).astype(numbers.dtype)


SECTIONS = {"float": 1, "floatwide": 1, "up": 2, "cut": 2, "away": 3, "wrap": 5, "real": 3}
"""By piece; `cut` is of no rule: it cuts off what the division leaves."""


def load(f: Function, rule: str, parameters: Value, vector: int, vectors: int, lanes: int) -> list[Value]:
    """The numbers of one vector of channels: `parameters` is the bias section, the rule's sections follow."""
    return load_sections(f, rule, parameters + 4 * lanes * vectors, vector, vectors, lanes)


def load_sections(f: Function, rule: str, sections: Value, vector: int, vectors: int, lanes: int) -> list[Value]:
    """What `apply` takes: what can be computed of the numbers before the accumulators are there."""
    stride, type = 4 * lanes * vectors, (F32 if rule in ("float", "floatwide") else I32).x(lanes)
    numbers = [sections.load(type, section * stride + 4 * lanes * vector, 4) for section in range(SECTIONS[rule])]
    if rule in ("float", "floatwide"):
        return numbers
    if rule == "real":
        low, high, zero_point = numbers
        return [*_doubles(low, high), zero_point]
    multiplier, right, *more = numbers
    shifts = [exponent + 31 for exponent in halves(right)]
    ones = [f.constant(1, exponent.type) << exponent for exponent in halves(right)]
    rounded = [f.constant(1 << 30, one.type) if rule == "cut" else ((one >> 1) << 31) + (1 << 30) for one in ones]
    result = [*halves(multiplier), *shifts, *rounded]
    if more:
        result += [half - (part & (1 << 31)) for half, part in zip(rounded, halves(more[0]), strict=True)]
    return [*result, *more[1:]]


def apply(f: Function, rule: str, accumulator: Value, numbers: list[Value]) -> Value:
    """Requantize one vector of int32."""
    if rule in ("float", "floatwide"):
        real = accumulator.convert("sitofp", F32) * numbers[0]
        return round_half_even(real, clamp=rule == "floatwide")
    if rule == "real":
        return _apply_real(accumulator, *numbers)
    if rule == "wrap":
        *numbers, left, zero_point = numbers
        return _wrapped(_apply_fixed(accumulator << left, *numbers) + zero_point, zero_point)
    return _apply_fixed(accumulator, *numbers)


def _apply_fixed(x: Value, *numbers: Value) -> Value:
    """Both roundings in one shift: with y = x * multiplier + 2**30, floor((floor(y / 2**31) + half) / 2**right).

    Rounding away, `half` is one less where floor(y / 2**31) is negative: where y is. numbers: multiplier, shift, half
    and, where ties go away, the lesser half; each for even and odd lanes.
    """
    results = []
    for part, (multiplier, shift, half, *less) in zip(halves(x), (numbers[::2], numbers[1::2]), strict=True):
        product = wide_product(part, multiplier)
        if less:
            half = (product < -(1 << 30)).select(less[0], half)
        results.append((product + half) >> shift)
    return joined(*results)


def _doubles(low: Value, high: Value) -> tuple[Value, Value]:
    """float64 of the even and the odd lanes, from the low and high words of each."""
    lanes = low.type.lanes
    order = [[start + 2 * lane + lanes * side for lane in range(lanes // 2) for side in (0, 1)] for start in (0, 1)]
    even, odd = (low.shuffle(chosen, high).bits(F64.x(lanes // 2)) for chosen in order)
    return even, odd


def _apply_real(x: Value, even: Value, odd: Value, zero_point: Value) -> Value:
    lanes = x.type.lanes
    results = []
    for start, scale in enumerate((even, odd)):
        results.append(half_away(x.shuffle(range(start, lanes, 2)).convert("sitofp", F64) * scale))
    return _wrapped(joined(*results) + zero_point, zero_point)


def half_away(real: Value) -> Value:
    """float64 to the nearest integer, half away from zero, as int64; what int32 doesn't hold is the least int32."""
    real = (real < 2.0**31 - 0.5).select((real > -(2.0**31) - 0.5).select(real, -(2.0**31)), -(2.0**31))
    whole = real.convert("fptosi", I64)
    rest, half = real - whole.convert("sitofp", F64), real.function.constant(0.5, real.type)
    return whole + (rest >= half).unsigned(I64) - ((half * -1.0) >= rest).unsigned(I64)


def _wrapped(sum_: Value, zero_point: Value) -> Value:
    """What to add the zero point to for the clamped sum, where the sum has wrapped."""
    return sum_.function.call(f"llvm.ssub.sat.{sum_.type.overload}", sum_.type, sum_, zero_point)


def round_half_even(real: Value, clamp: bool = False) -> Value:
    """float32 to the nearest int32. Without `clamp` the caller promises |real| < 2**31.

    Without an instruction for it: clamped to +-2**21 (far outside 8 bits), then 1.5 * 2**23 added, whose last bit is 1.
    """
    f, lanes = real.function, real.type.lanes
    if clamp or not f.target.is_x86:
        real = real.max(-(2.0**21)).min(2.0**21)
    if not f.target.is_x86:
        magic = 12582912.0
        return (real + magic).bits(I32.x(lanes)) - int(np.float32(magic).view(np.int32))
    if lanes == 16:
        arguments = [f.constant(0, I32.x(16)), f.constant(-1, I16), f.constant(4, I32)]
        return f.call("llvm.x86.avx512.mask.cvtps2dq.512", I32.x(16), real, *arguments)
    return f.call("llvm.x86.avx.cvt.ps2dq.256" if lanes == 8 else "llvm.x86.sse2.cvtps2dq", I32.x(lanes), real)
