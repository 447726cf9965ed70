"""Learning-rate schedules: the factor of the rate at each step."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final


class Schedule(ABC):
    @abstractmethod
    def factor(self, step: int, total: int) -> float:
        """For step 0, 1, ... of `total`."""


@final
@dataclass(frozen=True)
class ConstantRate(Schedule):
    def factor(self, step: int, total: int) -> float:
        return 1.0


@final
@dataclass(frozen=True)
class CosineRate(Schedule):
    """Half a cosine from 1 down to `floor`, after rising evenly over the share `warmup` of the steps."""

    warmup: float = 0.0
    floor: float = 0.0

    def factor(self, step: int, total: int) -> float:
        rising = round(self.warmup * total)
        if step < rising:
            return (step + 1) / rising
        done = (step - rising) / max(total - rising, 1)
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * done))


@final
@dataclass(frozen=True)
class StepRate(Schedule):
    """Multiplied by `drop` at each of the shares `at` of all steps."""

    at: tuple[float, ...] = (0.5, 0.75)
    drop: float = 0.1

    def factor(self, step: int, total: int) -> float:
        return float(self.drop ** sum(step >= share * total for share in self.at))


@final
@dataclass(frozen=True)
class ExponentialRate(Schedule):
    """Falls evenly in its logarithm, from 1 to `end`."""

    end: float = 0.01

    def factor(self, step: int, total: int) -> float:
        return float(self.end ** (step / max(total - 1, 1)))
