"""Ranges of activations while a network trains: followed, learned as a step (LSQ), or learned as ends (PACT)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, final

import numpy as np

from ..model import Quantization
from ..op import Array
from ..packing import integer_range
from ..ptq.plan import Grid, quantization_of

Ends = tuple[float, float]
Learned = dict[str, Array]

DECAY = 0.99
"""How much of a moving average each step leaves."""


class RangeRule(ABC):
    """The range of one grid. `scale` and `zero_point` are what numbers are snapped with now, and exported with."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        low, high = integer_range(grid.type)
        self.lowest, self.highest = low + grid.symmetric, high
        self.frozen = False

    @property
    @abstractmethod
    def quantization(self) -> Quantization:
        """Scale and zero point, as a tensor states them."""

    @property
    def scale(self) -> float:
        assert self.quantization.scale is not None
        return float(self.quantization.scale[0])

    @property
    def zero_point(self) -> int:
        assert self.quantization.zero_point is not None
        return int(self.quantization.zero_point[0])

    @property
    def ends(self) -> Ends:
        """The real numbers that the least and the greatest integer stand for."""
        return (self.lowest - self.zero_point) * self.scale, (self.highest - self.zero_point) * self.scale

    def observe(self, low: float, high: float) -> None:  # noqa: B027
        """Told of the ends of what was put on the grid in a step of training. Most rules have no use for it."""

    def finish(self) -> None:  # noqa: B027
        """A step of training is over. Most rules have nothing to do then."""

    @property
    def learned(self) -> Learned:
        """Parameters to train, by a word; changed in place."""
        return {}

    def gradient(self, x: Array, gradient: Array) -> Learned:
        """Of the learned parameters, for what was put on the grid and the gradient of what came out."""
        return {}

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Plain numbers that `restore` takes."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Back to an earlier state."""


@final
class Given(RangeRule):
    """A range that running doesn't change: prescribed by an operator, or that of constants, which `follow` is told."""

    def __init__(self, grid: Grid, quantization: Quantization) -> None:
        super().__init__(grid)
        self._quantization = quantization

    @property
    def quantization(self) -> Quantization:
        return self._quantization

    def follow(self, ends: Ends) -> None:
        """The constants have these ends now."""
        self._quantization = quantization_of(self.grid, ends)

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass


@final
class Followed(RangeRule):
    """A moving average of each step's ends: end = decay * end + (1 - decay) * the step's end, until it is frozen."""

    def __init__(self, grid: Grid, ends: Ends, least: Ends = (0.0, 0.0), decay: float = DECAY) -> None:
        """least: what the range holds in any case."""
        super().__init__(grid)
        self.decay, self._least = decay, least
        self._average = ends
        self._step: Ends | None = None
        self._quantization = quantization_of(grid, ends)

    @property
    def quantization(self) -> Quantization:
        return self._quantization

    def observe(self, low: float, high: float) -> None:
        if self._step is not None:
            low, high = min(low, self._step[0]), max(high, self._step[1])
        self._step = low, high

    def finish(self) -> None:
        if self._step is not None and not self.frozen:
            now = min(self._step[0], self._least[0]), max(self._step[1], self._least[1])
            pairs = zip(self._average, now, strict=True)
            low, high = (self.decay * old + (1 - self.decay) * new for old, new in pairs)
            self._average = low, high
            self._quantization = quantization_of(self.grid, self._average)
        self._step = None

    def state(self) -> dict[str, Any]:
        return {"average": list(self._average), "frozen": self.frozen}

    def restore(self, state: dict[str, Any]) -> None:
        self._average = float(state["average"][0]), float(state["average"][1])
        self.frozen, self._step = bool(state["frozen"]), None
        self._quantization = quantization_of(self.grid, self._average)


@final
class LearnedStep(RangeRule):
    """Learned step size (LSQ, Esser et al. 2019): the scale is trained, the zero point stays.

    The parameter is ln(scale), so that it stays positive and a rate means a relative change. With v = x / scale and
    q = round(v) + zero point: d output / d scale = round(v) - v inside the grid, and its end outside; the gradient is
    divided by sqrt(elements * greatest integer), as the paper does.
    """

    def __init__(self, grid: Grid, ends: Ends) -> None:
        super().__init__(grid)
        start = quantization_of(grid, ends)
        assert start.scale is not None
        assert start.zero_point is not None
        self._logarithm = np.array([math.log(float(start.scale[0]))], np.float64)
        self._zero_point = int(start.zero_point[0])

    @property
    def quantization(self) -> Quantization:
        return Quantization.of(np.float32(math.exp(self._logarithm[0])), self._zero_point)

    @property
    def learned(self) -> Learned:
        return {} if self.frozen else {"step": self._logarithm}

    def gradient(self, x: Array, gradient: Array) -> Learned:
        scale, point = np.float32(self.scale), self._zero_point
        slope = step_slope(x / scale, self.lowest - point, self.highest - point)
        total = float(np.vdot(slope, gradient)) * float(scale)
        return {"step": np.array([total / math.sqrt(x.size * self.highest)])}

    def state(self) -> dict[str, Any]:
        return {"logarithm": float(self._logarithm[0]), "zero_point": self._zero_point, "frozen": self.frozen}

    def restore(self, state: dict[str, Any]) -> None:
        self._logarithm[0], self._zero_point = state["logarithm"], int(state["zero_point"])
        self.frozen = bool(state["frozen"])


@final
class LearnedEnds(RangeRule):
    """Learned clipping (PACT, Choi et al. 2018) of both ends: what lies outside the range pulls at its end.

    The parameters are low and high in units of the range at the start, so that a rate means the same for every grid.
    d output / d end = 1 for what was clipped there, else 0, as `fake_quant_gradient` has it; an end that begins at 0
    stays there.
    """

    def __init__(self, grid: Grid, ends: Ends) -> None:
        super().__init__(grid)
        self._unit = max(ends[1] - ends[0], 1e-6)
        self._moves = np.array([end != 0 for end in ends])
        self._ends = np.array(ends, np.float64) / self._unit

    @property
    def quantization(self) -> Quantization:
        low, high = self._ends * self._unit
        return quantization_of(self.grid, (min(float(low), 0.0), max(float(high), 0.0)))

    @property
    def learned(self) -> Learned:
        return {} if self.frozen else {"ends": self._ends}

    def gradient(self, x: Array, gradient: Array) -> Learned:
        low, high = self.ends
        below, above = (float(np.sum(gradient, where=outside, dtype=np.float64)) for outside in (x < low, x > high))
        return {"ends": np.array([below, above]) * self._moves * self._unit}

    def state(self) -> dict[str, Any]:
        return {"ends": self._ends.tolist(), "unit": self._unit, "moves": self._moves.tolist(), "frozen": self.frozen}

    def restore(self, state: dict[str, Any]) -> None:
        self._ends[:], self._unit = state["ends"], float(state["unit"])
        self._moves, self.frozen = np.array(state["moves"]), bool(state["frozen"])


def step_slope(v: Array, lowest: float, highest: float) -> Array:
    """d (scale * clip(round(v))) / d scale for v = x / scale: (...)."""
    steps = np.rint(v)
    return np.where(v < lowest, v.dtype.type(lowest), np.where(v > highest, v.dtype.type(highest), steps - v))


def constant_ends(arrays: Sequence[Array]) -> Ends:
    """The least and greatest of all numbers and 0."""
    return min((float(a.min(initial=0)) for a in arrays), default=0.0), max(
        (float(a.max(initial=0)) for a in arrays), default=0.0
    )


RULES = ("moving_average", "lsq", "pact")


def rule_of(name: str, grid: Grid, ends: Ends, least: Ends) -> RangeRule:
    """A rule by name, from the ends that calibration gave. least: of constants that share the grid. Grids whose scale
    is a power of two have no step to learn: their range is followed."""
    if name not in RULES:
        raise ValueError(f"expected a range rule among {', '.join(RULES)}, got {name!r}")
    if name == "moving_average" or grid.power_of_two:
        return Followed(grid, ends, least)
    return LearnedStep(grid, ends) if name == "lsq" else LearnedEnds(grid, ends)
