"""Optimizers: how parameters move, given gradients. Frozen settings; what they remember lies in arrays by key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from ..op import Array

State = dict[str, Array]


class Optimizer(ABC):
    """rate: of learning, at schedule factor 1. relative: whether that is meant in units of each parameter's own root
    mean square (its trainer sees to it)."""

    rate: float
    relative: bool = False

    @abstractmethod
    def update(
        self, parameters: Mapping[str, Array], gradients: Mapping[str, Array], state: State, rates: Mapping[str, float]
    ) -> None:
        """One step, in place. rates: of each gradient's key. state: empty before the first step."""


@final
@dataclass(frozen=True)
class SGD(Optimizer):
    """velocity = momentum * velocity + gradient; parameter -= rate * velocity (Nesterov: of the velocity to come).

    weight_decay: adds weight_decay * parameter to the gradients of arrays of 2 dimensions or more.
    """

    rate: float = 0.01
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0

    def update(
        self, parameters: Mapping[str, Array], gradients: Mapping[str, Array], state: State, rates: Mapping[str, float]
    ) -> None:
        for key, gradient in gradients.items():
            parameter = parameters[key]
            if self.weight_decay and parameter.ndim > 1:
                gradient = gradient + parameter.dtype.type(self.weight_decay) * parameter
            velocity = state.setdefault(f"velocity {key}", np.zeros_like(parameter))
            velocity *= self.momentum
            velocity += gradient
            way = gradient + self.momentum * velocity if self.nesterov else velocity
            parameter -= parameter.dtype.type(rates[key]) * way


@final
@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba 2014), its weight decay apart from the gradient (AdamW).

    parameter -= rate * (mean / (1 - beta1**t)) / (sqrt(square / (1 - beta2**t)) + epsilon)
    weight_decay: parameter -= rate * weight_decay * parameter, for arrays of 2 dimensions or more.
    relative: rate is multiplied by the parameter's root mean square, as Adafactor (Shazeer and Stern 2018) does it, so
    that one rate suits trained networks whatever the magnitude of their weights.
    """

    rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    relative: bool = False

    def update(
        self, parameters: Mapping[str, Array], gradients: Mapping[str, Array], state: State, rates: Mapping[str, float]
    ) -> None:
        step = state.setdefault("step", np.zeros((), np.int64))
        step += 1
        bias1, bias2 = 1 - self.beta1 ** int(step), 1 - self.beta2 ** int(step)
        for key, gradient in gradients.items():
            parameter = parameters[key]
            number = parameter.dtype.type
            mean = state.setdefault(f"mean {key}", np.zeros_like(parameter))
            square = state.setdefault(f"square {key}", np.zeros_like(parameter))
            mean += number(1 - self.beta1) * (gradient - mean)
            square += number(1 - self.beta2) * (np.square(gradient) - square)
            if self.weight_decay and parameter.ndim > 1:
                parameter -= number(rates[key] * self.weight_decay) * parameter
            root = np.sqrt(square / number(bias2)) + number(self.epsilon)
            parameter -= number(rates[key] / bias1) * mean / root


def clipped(gradients: Mapping[str, Array], norm: float) -> dict[str, Array]:
    """Gradients scaled down together so that their length is at most `norm`."""
    length = float(np.sqrt(sum(float(np.vdot(gradient, gradient)) for gradient in gradients.values())))
    if not length > norm:
        return dict(gradients)
    return {key: gradient * gradient.dtype.type(norm / length) for key, gradient in gradients.items()}
