"""Losses: values by hand, slopes by finite differences, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_networks import everything, normal, op

from qengine.build import Builder
from qengine.model import Model
from qengine.train.heads import View, features, heads
from qengine.train.losses import Corrected, CrossEntropy, Distillation, Loss, MeanSquaredError, loss_for
from qengine.train.network import Network

RNG = np.random.default_rng(4)
CLASSES = np.array([2, 0, 1])


def ending(*names: str, units: int = 3) -> Model:
    """(n, 4) -> a layer of scores, and the operators named after it."""
    rng = np.random.default_rng(8)
    b = Builder("main")
    y = b.add(op("FULLY_CONNECTED"), [b.input("x", (1, 4)), normal(rng, units, 4) * 2, normal(rng, units)])
    for name in names:
        inputs = [y, np.array(-1, np.int32)] if name == "ARG_MAX" else [y]
        options: dict[str, Any] = {"SOFTMAX": {"beta": 1.5}, "ARG_MAX": {"output_type": 2}}.get(name, {})
        y = b.add(op(name, **options), inputs)
    return b.model([y])


def view_of(network: Network, teacher: Network, *, with_features: bool = False) -> View:
    x = {network.graph.inputs[0]: np.random.default_rng(2).normal(size=(3, *network.graph.tensors[0].shape[1:]))}
    named = features(network, teacher) if with_features else None
    lesson = teacher.run(x)
    taught = [lesson.value(head.scores) for head in heads(teacher)]
    return View(network.run(x), heads(network), taught, lesson, named)


def apart(model: Model) -> tuple[Network, Network]:
    """A network whose parameters have moved, and its teacher."""
    network, teacher = Network(model, dtype=np.float64), Network(model, dtype=np.float64)
    for array in network.parameters.values():
        array += np.random.default_rng(6).normal(size=array.shape) * 0.2
    return network, teacher


CASES = {
    "cross-entropy": (CrossEntropy(), ("SOFTMAX",), CLASSES),
    "smoothed": (CrossEntropy(smoothing=0.2), (), CLASSES),
    "probabilities": (CrossEntropy(), ("SOFTMAX",), np.full((3, 3), 1 / 3)),
    "binary": (CrossEntropy(), ("LOGISTIC",), np.array([[0, 1, 0], [1, 1, 0], [0, 0, 1]])),
    "squares": (MeanSquaredError(), ("TANH",), RNG.normal(size=(3, 3))),
    "distillation": (Distillation(temperature=3.0), ("SOFTMAX",), None),
    "before arg-max": (Distillation(), ("ARG_MAX",), None),
    "of a logistic": (Distillation(), ("LOGISTIC",), None),
    "of plain numbers": (Distillation(), (), None),
    "corrected": (Corrected(), ("SOFTMAX",), CLASSES),
    "corrected plain scores": (Corrected(scores=0.3), (), CLASSES),
    "corrected binary": (Corrected(), ("LOGISTIC",), np.array([[0, 1, 0], [1, 1, 0], [0, 0, 1]])),
}


@pytest.mark.parametrize("name", CASES)
def test_a_loss_s_gradient_is_its_slope(name: str) -> None:
    loss, after, targets = CASES[name]
    network, teacher = apart(ending(*after))
    assert slopes(network, teacher, loss, targets) < 1e-6


def test_features_are_taught_too() -> None:
    network, teacher = apart(everything())
    assert slopes(network, teacher, Distillation(features=0.5), None, with_features=True) < 1e-5
    near, _ = Distillation().of(view_of(network, teacher), None)
    far, _ = Distillation(features=0.5).of(view_of(network, teacher, with_features=True), None)
    assert far > near


def slopes(network: Network, teacher: Network, loss: Loss, targets: Any, **kw: bool) -> float:
    """How far the gradient along a random way is from the finite difference, relative to that."""
    view = view_of(network, teacher, **kw)
    network.train_only(frozenset(network.parameters))
    x = {i: view.run.inputs[i] for i in view.run.inputs}
    run = network.run(x, training=True)
    _, seeds = loss.of(View(run, view.heads, view.taught, view.teacher, view.features), targets)
    gradients = network.back(run, seeds)
    start = {key: array.copy() for key, array in network.parameters.items()}
    way = {key: np.random.default_rng(1).normal(size=array.shape) for key, array in start.items()}

    def at(step: float) -> float:
        for key, array in network.parameters.items():
            array[...] = start[key] + step * way[key]
        return loss.of(view_of(network, teacher, **kw), targets)[0]

    expected = (at(1e-6) - at(-1e-6)) / 2e-6
    found = sum(float(np.vdot(gradients[key], way[key])) for key in gradients)
    assert abs(expected) > 1e-3
    return abs(found - expected) / abs(expected)


def test_cross_entropy_is_the_mean_of_the_labels_logarithms() -> None:
    network, teacher = apart(ending("SOFTMAX"))
    view = view_of(network, teacher)
    wanted = -np.log(view.output(0)[np.arange(3), CLASSES]).mean()
    assert CrossEntropy().of(view, CLASSES)[0] == pytest.approx(wanted)


def test_a_teacher_that_is_the_network_itself_leaves_nothing_to_learn() -> None:
    network = Network(ending("SOFTMAX"), dtype=np.float64)
    loss, seeds = Distillation().of(view_of(network, network), None)
    assert loss == pytest.approx(0, abs=1e-12)
    assert max(np.abs(g).max() for g in seeds.values()) < 1e-12


def test_labels_that_the_teacher_is_sure_of_leave_it_alone() -> None:
    """Scores far apart: a row whose label the teacher gives teaches as without labels, another one by its label."""
    network, teacher = apart(ending("SOFTMAX"))
    for array in teacher.parameters.values():
        array *= 400
    view = view_of(network, teacher)
    right = view.taught_scores(0).argmax(axis=-1)
    sure, seeds = Corrected().of(view, right)
    plain, free = Distillation().of(view, None)
    assert sure == pytest.approx(plain, rel=1e-6)
    wrong, _ = Corrected().of(view, (right + 1) % 3)
    assert wrong == pytest.approx(CrossEntropy().of(view, (right + 1) % 3)[0], rel=1e-6)
    (slot,) = free
    np.testing.assert_allclose(seeds[slot], free[slot], atol=1e-9)


@pytest.mark.parametrize(
    ("after", "target", "loss"),
    [
        (("SOFTMAX",), None, Distillation()),
        (("SOFTMAX",), np.array([1]), Corrected()),
        (("ARG_MAX",), np.array([1]), Corrected()),
        (("SOFTMAX",), np.array([[0.2, 0.8, 0.0]]), Corrected()),
        ((), np.array([[0.2, 0.8, 0.0]]), MeanSquaredError()),
    ],
)
def test_the_loss_follows_from_the_output_and_the_labels(after: tuple[str, ...], target: Any, loss: Loss) -> None:
    (head,) = heads(Network(ending(*after)))
    assert loss_for(head, target, taught=True) == loss


def test_labels_that_do_not_fit_are_refused() -> None:
    network, teacher = apart(ending("SOFTMAX"))
    view = view_of(network, teacher)
    for loss in (CrossEntropy(), Corrected()):
        with pytest.raises(ValueError, match="expected labels from 0 to 2, got 0 to 3"):
            loss.of(view, np.array([0, 3, 1]))
        with pytest.raises(ValueError, match="expected 3 class numbers"):
            loss.of(view, np.array([0, 1]))
    with pytest.raises(ValueError, match="expected targets for 1 outputs, got 2"):
        MeanSquaredError().of(view, [CLASSES, CLASSES])
