"""What float32 kernels are put together from: multiply-add, a fused activation's clamp, vectors as wide as needed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from ..language import F32, I32, Function, Value
from ..plan import float_bits
from ..target import Target


def multiply_add(sum_: Value, a: Value, b: Value) -> Value:
    """sum + a * b, rounded once where the processor does that as fast, else twice."""
    return sum_.function.call(f"llvm.fmuladd.{sum_.type.overload}", sum_.type, a, b, sum_)


class Order(Enum):
    """How a sum of products is taken: a word in the names of kernels.

    FUSED       from the bias, each product added with one rounding (two where the processor has no such instruction)
    DOWN        so too, but one column of the filter after the other, not row by row
    BIAS_FIRST  from the bias, product and sum rounded each
    BIAS_LAST   from zero, product and sum rounded each, then the bias
    FOURS       so too, but four sums side by side of every fourth product, the first and third and the second and
                fourth added up, then those two, then what products are left; only of one row alone
    """

    FUSED = "fused"
    DOWN = "down"
    BIAS_FIRST = "first"
    BIAS_LAST = "last"
    FOURS = "fours"


class Summing:
    """The instructions of an `Order`."""

    def __init__(self, word: str) -> None:
        self.order = Order(word)
        self.bias_last = self.order in (Order.BIAS_LAST, Order.FOURS)

    def start(self, bias: Value) -> Value:
        return bias.function.constant(0.0, bias.type) if self.bias_last else bias

    def add(self, sum_: Value, a: Value, b: Value) -> Value:
        return multiply_add(sum_, a, b) if self.order in (Order.FUSED, Order.DOWN) else sum_ + a * b

    def end(self, sum_: Value, bias: Value) -> Value:
        return sum_ + bias if self.bias_last else sum_


def real(argument: Value) -> Value:
    """A float32 that came as an argument."""
    return argument.truncate(I32).bits(F32)


@dataclass(frozen=True, slots=True)
class Clamp:
    """A fused activation: numbers outside [low, high] become the nearer bound, NaN stays."""

    low: float = float("-inf")
    high: float = float("inf")

    @property
    def word(self) -> str:
        """Which of the two bounds there is anything to do for."""
        if self.high < float("inf"):
            return "clamp"
        return "low" if self.low > float("-inf") else "plain"

    @property
    def arguments(self) -> dict[str, int]:
        return {"low": float_bits(self.low), "high": float_bits(self.high)}


ANY = Clamp()
"""No bounds."""


class Clamping:
    """The instructions of a `Clamp` whose bounds come as arguments; with the word `nan`, NaN becomes the lower."""

    def __init__(self, word: str, low: Value, high: Value) -> None:
        self.word, self.low, self.high = word, real(low), real(high)

    def apply(self, x: Value) -> Value:
        lanes = x.type.lanes
        if self.word == "nan":
            x = x.max(self.low.splat(lanes))
        elif self.word != "plain":
            x = self.low.splat(lanes).max(x)
        if self.word in ("clamp", "nan"):
            x = self.high.splat(lanes).min(x)
        return x


@dataclass(frozen=True, slots=True)
class Span:
    """`count` blocks of `lanes` floats from element `first` on; of the last, `columns` are real."""

    first: int
    lanes: int
    count: int
    columns: int

    @property
    def width(self) -> str:
        return "full" if self.columns == self.lanes else "part"

    def cut(self, array: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(rows, elements) to this span's (rows, blocks, lanes), filled up with zeros."""
        part = array[:, self.first : self.first + self.count * self.lanes]
        whole = np.zeros((len(array), self.count * self.lanes), np.float32)
        whole[:, : part.shape[1]] = part
        return whole.reshape(len(array), self.count, self.lanes)


def spans(target: Target, size: int) -> list[Span]:
    """Full vectors, then a rest in the narrowest vector that holds it."""
    lanes = target.lanes
    result = [Span(0, lanes, size // lanes, lanes)] if size >= lanes else []
    if rest := size % lanes:
        result.append(Span(size - rest, narrowest(target, rest), 1, rest))
    return result


def narrowest(target: Target, size: int) -> int:
    """Lanes of the narrowest vector that holds `size` floats, or of the widest there is."""
    lanes = target.lanes
    while lanes > 4 and size <= lanes // 2:
        lanes //= 2
    return lanes


def zeros(f: Function, lanes: int) -> Value:
    return f.constant(0.0, F32.x(lanes))
