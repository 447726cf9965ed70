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
    def steps(
        self, parameters: Mapping[str, Array], gradients: Mapping[str, Array], state: State, rates: Mapping[str, float]
    ) -> dict[str, Array]:
        """What is to be taken from the parameters that have gradients. rates: of each gradient's key. state: empty
        before the first step, changed in place."""


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

    def steps(
        self, parameters: Mapping[str, Array], gradients: Mapping[str, Array], state: State, rates: Mapping[str, float]
    ) -> dict[str, Array]:
        found = {}
        for key, gradient in gradients.items():
            parameter = parameters[key]
            if self.weight_decay and parameter.ndim > 1:
                gradient = gradient + parameter.dtype.type(self.weight_decay) * parameter
            velocity = state.setdefault(f"velocity {key}", np.zeros_like(parameter))
            velocity *= self.momentum
            velocity += gradient
            way = gradient + self.momentum * velocity if self.nesterov else velocity
            found[key] = parameter.dtype.type(rates[key]) * way
        return found


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

    def steps(
        self, parameters: Mapping[str, Array], gradients: Mapping[str, Array], state: State, rates: Mapping[str, float]
    ) -> dict[str, Array]:
        found = {}
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
            root = np.sqrt(square / number(bias2)) + number(self.epsilon)
            found[key] = number(rates[key] / bias1) * mean / root
            if self.weight_decay and parameter.ndim > 1:
                found[key] += number(rates[key] * self.weight_decay) * parameter
        return found


def shortened(steps: Mapping[str, Array], gradients: Mapping[str, Array], most: float) -> dict[str, Array]:
    """Steps scaled down together so that, to first order, they lower the loss by `most` at most.

    A loss that can't fall below 0 can't fall by more than itself: a step that promises more goes too far (Polyak 1987).
    """
    promised = sum(float(np.vdot(gradients[key], step)) for key, step in steps.items())
    if not promised > most:
        return dict(steps)
    return {key: step * step.dtype.type(most / promised) for key, step in steps.items()}


def clipped(gradients: Mapping[str, Array], norm: float) -> dict[str, Array]:
    """Gradients scaled down together so that their length is at most `norm`."""
    length = float(np.sqrt(sum(float(np.vdot(gradient, gradient)) for gradient in gradients.values())))
    if not length > norm:
        return dict(gradients)
    return {key: gradient * gradient.dtype.type(norm / length) for key, gradient in gradients.items()}
