"""Optimizers and schedules, in numbers that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from qengine.train.optimizers import SGD, Adam, Optimizer, State, clipped, shortened
from qengine.train.schedules import ConstantRate, CosineRate, ExponentialRate, Schedule, StepRate


def after(optimizer: Optimizer, gradients: list[float], start: float = 1.0) -> float:
    parameters, state = {"w": np.array([[start]])}, State()
    for gradient in gradients:
        steps = optimizer.steps(parameters, {"w": np.array([[gradient]])}, state, {"w": optimizer.rate})
        parameters["w"] -= steps["w"]
    return float(parameters["w"][0, 0])


def test_sgd_remembers_where_it_went() -> None:
    assert after(SGD(0.1, momentum=0.0), [1, 2]) == pytest.approx(1 - 0.1 - 0.2)
    assert after(SGD(0.1, momentum=0.5), [1, 2]) == pytest.approx(1 - 0.1 * 1 - 0.1 * (0.5 + 2))
    assert after(SGD(0.1, momentum=0.5, nesterov=True), [1]) == pytest.approx(1 - 0.1 * (1 + 0.5))
    assert after(SGD(0.1, momentum=0.0, weight_decay=0.2), [1]) == pytest.approx(1 - 0.1 * (1 + 0.2))


def test_adam_s_first_step_is_its_rate() -> None:
    assert after(Adam(0.01), [3.0]) == pytest.approx(0.99)
    assert after(Adam(0.01), [-1e-3]) == pytest.approx(1.01, rel=1e-6)
    assert after(Adam(0.01, weight_decay=0.1), [3.0]) == pytest.approx(1 - 0.001 - 0.01)


def test_adam_is_the_paper_s() -> None:
    """Two steps by the formulas of Kingma and Ba's algorithm 1."""
    m = v = 0.0
    w = 1.0
    for t, g in enumerate([0.5, -0.25], 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w -= 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    assert after(Adam(0.1), [0.5, -0.25]) == pytest.approx(w, rel=1e-12)


def test_a_step_that_promises_too_much_is_shortened() -> None:
    gradients = {"a": np.array([2.0]), "b": np.array([0.0, 1.0])}
    steps = {"a": np.array([1.0]), "b": np.array([3.0, 2.0])}  # 2 * 1 + 1 * 2 = 4
    short = shortened(steps, gradients, 1.0)
    assert short["a"].tolist() == [0.25]
    assert short["b"].tolist() == [0.75, 0.5]
    assert shortened(steps, gradients, 4.0)["b"] is steps["b"]


def test_long_gradients_are_shortened_together() -> None:
    gradients = {"a": np.array([3.0]), "b": np.array([0.0, 4.0])}
    short = clipped(gradients, 1.0)
    assert short["a"].tolist() == pytest.approx([0.6])
    assert short["b"].tolist() == pytest.approx([0, 0.8])
    assert clipped(gradients, 5.0)["b"] is gradients["b"]


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        (ConstantRate(), [1, 1, 1, 1]),
        (CosineRate(), [1, 0.5 + np.sqrt(0.125), 0.5, 0.5 - np.sqrt(0.125)]),
        (CosineRate(warmup=0.5, floor=0.1), [0.5, 1, 1, 0.1 + 0.9 * 0.5]),
        (StepRate(at=(0.5, 0.75), drop=0.1), [1, 1, 0.1, 0.01]),
        (ExponentialRate(end=0.001), [1, 0.1, 0.01, 0.001]),
    ],
)
def test_schedules_at_four_steps(schedule: Schedule, factors: list[float]) -> None:
    assert [schedule.factor(step, 4) for step in range(4)] == pytest.approx(factors)
