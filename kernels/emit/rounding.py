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

from .language import F32, I16, I32, Function, Value

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
        """Numbers of the channels `chosen`, section by section, as 32-bit words; -1 is no channel."""

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


def _take(numbers: npt.NDArray[Any], chosen: npt.NDArray[np.intp], absent: float) -> npt.NDArray[Any]:
    return np.where(chosen < 0, numbers.dtype.type(absent), numbers[np.maximum(chosen, 0)]).astype(numbers.dtype)


SECTIONS = {"float": 1, "floatwide": 1}


def load(f: Function, rule: str, parameters: Value, vector: int, vectors: int, lanes: int) -> list[Value]:
    """The numbers of one vector of channels: `parameters` is the bias section, the rule's sections follow."""
    stride = 4 * lanes * vectors
    types = {"float": [F32], "floatwide": [F32]}[rule]
    return [
        parameters.load(type.x(lanes), (1 + section) * stride + 4 * lanes * vector, 4)
        for section, type in enumerate(types)
    ]


def apply(f: Function, rule: str, accumulator: Value, numbers: list[Value]) -> Value:
    """Requantize one vector of int32."""
    real = accumulator.convert("sitofp", F32) * numbers[0]
    return round_half_even(real, clamp=rule == "floatwide")


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
