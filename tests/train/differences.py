"""Gradients by finite differences: one operator, all its real inputs, element by element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.op import Op, Spec, Specs
from qengine.program import plan_node
from qengine.train.execution import computed, gone_back
from qengine.train.gradient import Call
from qengine.train.rules.movement import ALONE


@dataclass(frozen=True)
class Variable:
    """The shape of a state that an operator keeps: zeros, without a gradient."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """An operator and its inputs: arrays (float64 ones are differentiated), Variables, None. fixed: positions of real
    inputs that have no gradient. training: whether it is run as in a step of training."""

    op: Op
    inputs: tuple[Any, ...]
    outputs: int = 1
    fixed: tuple[int, ...] = ()
    training: bool = False

    @property
    def name(self) -> str:
        return self.op.name

    def moving(self) -> list[int]:
        return [
            i
            for i, part in enumerate(self.inputs)
            if isinstance(part, np.ndarray) and part.dtype == np.float64 and i not in self.fixed
        ]


def call_of(case: Case, inputs: Sequence[Any]) -> Call:
    """The operator run on other inputs than the case's own."""
    specs, arrays = [], []
    for part in inputs:
        if isinstance(part, Variable):
            arrays.append(np.zeros(part.shape))
            specs.append(Spec(part.shape, TensorType.FLOAT32, is_variable=True))
        elif part is None:
            arrays.append(None)
            specs.append(None)
        else:
            real = part.dtype == np.float64
            type_ = TensorType.FLOAT32 if real else next(t for t in TensorType if t.dtype == part.dtype)
            arrays.append(part.copy())  # a batch normalization moves its mean and variance
            specs.append(Spec(part.shape, type_, value=None if real else part))
    first = next(spec for spec in specs if spec is not None and spec.type is TensorType.FLOAT32)
    outputs = (replace(first, shape=None, is_variable=False),) * case.outputs
    step, made = plan_node(case.op, Specs(tuple(specs), outputs), Profile.REFERENCE, ALONE)
    needs = tuple(i in case.moving() for i in range(len(inputs)))
    call = Call(case.op, Specs(tuple(specs), made), step, tuple(arrays), needs, training=case.training)
    call.outputs = tuple(computed(call))
    return call


def worst_difference(case: Case) -> tuple[float, bool]:
    """The greatest difference between a rule's gradient and a finite one, relative to the gradient's magnitude; and
    whether the operator was computed in float64.

    The loss is a random combination of all outputs. Central differences at two widths, extrapolated.
    """
    rng = np.random.default_rng(7)
    call = call_of(case, case.inputs)
    factors = [rng.uniform(0.5, 1.5, part.shape) * rng.choice([-1, 1], part.shape) for part in call.outputs]
    exact = all(part.dtype == np.float64 for part in call.outputs)
    call.gradients = tuple(np.array(part) for part in factors)
    found = gone_back(call)
    worst = 0.0
    for i in case.moving():
        gradient = found[i]
        assert gradient is not None, f"no gradient of input {i}"
        assert gradient.shape == case.inputs[i].shape
        expected = _numerical(case, i, lambda c: _loss(c, factors), 1e-4 if exact else 2e-2)
        assert np.isfinite(gradient).all()
        assert np.isfinite(expected).all()
        size = max(float(np.abs(expected).max(initial=0)), 1e-3)
        worst = max(worst, float(np.abs(gradient - expected).max(initial=0)) / size)
    return worst, exact


def _loss(call: Call, factors: Sequence[Any]) -> float:
    return float(sum(np.vdot(f, part.astype(np.float64)) for f, part in zip(factors, call.outputs, strict=True)))


def _numerical(case: Case, position: int, loss: Callable[[Call], float], width: float) -> Any:
    array = case.inputs[position]
    result = np.zeros(array.shape)

    def at(index: tuple[int, ...], step: float) -> float:
        moved = array.copy()
        moved[index] += step
        inputs = [moved if i == position else part for i, part in enumerate(case.inputs)]
        return loss(call_of(case, inputs))

    for index in np.ndindex(array.shape):
        slopes = [(at(index, h) - at(index, -h)) / (2 * h) for h in (width, width / 2)]
        result[index] = (4 * slopes[1] - slopes[0]) / 3
    return result
