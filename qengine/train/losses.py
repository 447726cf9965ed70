"""Losses: a number for a run, and its gradients by slot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..op import Array
from .heads import Head, View
from .rules.arithmetic import sigmoid

Seeds = dict[int, Array]


class Loss(ABC):
    """needs_teacher: whether the view must hold the float network's scores."""

    needs_teacher: bool = False

    @property
    def needs_features(self) -> bool:
        """Whether it must hold that run's features too."""
        return False

    @abstractmethod
    def of(self, view: View, targets: Any) -> tuple[float, Seeds]:
        """The mean over the batch, and its gradient at slots of the run."""


@final
@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Of the first output: -log of the probability that its softmax gives to the label; smoothing spreads a share of
    the label over all classes.

    Labels are numbers of classes (n,) or (n, ...), or probabilities of the scores' shape. Scores before a SOFTMAX are
    taken where it makes the output; an output without one counts as scores. After a LOGISTIC labels are 0 and 1, or
    probabilities, of the output's shape.
    """

    smoothing: float = 0.0

    def of(self, view: View, targets: Any) -> tuple[float, Seeds]:
        head, scores = view.heads[0], view.scores(0)
        labels = np.asarray(targets)
        if head.activation == "LOGISTIC":
            loss, gradient = binary_cross_entropy(scores, labels.reshape(scores.shape).astype(scores.dtype))
            return loss, {head.scores: gradient}
        wanted = class_probabilities(labels, scores, self.smoothing)
        loss, gradient = cross_entropy(scores, wanted, head.beta)
        return loss, {head.scores: gradient}


def binary_cross_entropy(scores: Array, labels: Array, share: Array | float = 1.0) -> tuple[float, Array]:
    """-y log p - (1 - y) log (1 - p), p = sigmoid(scores), the mean over all numbers; and d / d scores.

    share: of the scores' shape, what each number counts.
    """
    loss = np.maximum(scores, 0) - scores * labels + np.log1p(np.exp(-np.abs(scores)))
    return float((loss * share).mean()), (sigmoid(scores) - labels) * share / scores.dtype.type(max(scores.size, 1))


@final
@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """Of the outputs to targets of their shapes: one array, or one for each output."""

    def of(self, view: View, targets: Any) -> tuple[float, Seeds]:
        wanted = targets if isinstance(targets, list | tuple) else [targets]
        if len(wanted) != len(view.heads):
            raise ValueError(f"expected targets for {len(view.heads)} outputs, got {len(wanted)}")
        total, seeds = 0.0, Seeds()
        for number, target in enumerate(wanted):
            y = view.output(number)
            difference = y - np.asarray(target, y.dtype).reshape(y.shape)
            total += float(np.mean(np.square(difference)))
            seeds[view.heads[number].output] = difference * y.dtype.type(2 / max(y.size, 1))
        return total, seeds


@final
@dataclass(frozen=True)
class Distillation(Loss):
    """What the float network does with the same inputs is the target; no labels are needed.

    For outputs of a SOFTMAX or ARG_MAX: temperature**2 * KL(softmax(teacher / temperature) || softmax(scores /
    temperature)), plus `scores` times the mean squared error of the scores; for a LOGISTIC or plain outputs that error
    alone. `features`: times the mean squared error of what operators with weights compute, averaged over them. All
    errors are relative to the variance of the teacher's numbers in the batch.
    """

    temperature: float = 2.0
    scores: float = 1.0
    features: float = 0.0
    needs_teacher = True

    @property
    def needs_features(self) -> bool:
        return self.features > 0

    def of(self, view: View, targets: Any) -> tuple[float, Seeds]:
        total, seeds = 0.0, Seeds()
        for number in view.real:
            head, ours, theirs = view.heads[number], view.scores(number), view.taught_scores(number)
            chosen = head.activation in ("SOFTMAX", "ARG_MAX")
            if chosen:
                loss, gradient = divergence(ours, theirs, self.temperature / head.beta)
                total += loss
                _put(seeds, head.scores, gradient)
            weight = self.scores if chosen else 1.0
            if weight:
                loss, gradient = relative_error(ours, theirs)
                total += weight * loss
                _put(seeds, head.scores, gradient * ours.dtype.type(weight))
        if not view.real:
            raise ValueError(
                "expected outputs of real numbers, or scores that ARG_MAX chooses from, to learn, got none"
            )
        named = view.features if self.features and view.features else {}
        for slot, taught in named.values():
            assert view.teacher is not None
            ours = view.run.value(slot)
            loss, gradient = relative_error(ours, view.teacher.value(taught))
            weight = self.features / len(named)
            total += weight * loss
            _put(seeds, slot, gradient * ours.dtype.type(weight))
        return total, seeds


@final
@dataclass(frozen=True)
class Corrected(Loss):
    """The float network teaches as far as it believes the labels; the labels teach the rest.

    With p the probability that the float network gives to a row's label: p * (divergence + `scores` * error of scores),
    as in `Distillation`, + (1 - p) * cross-entropy with the label. A network that has learned its labels already can
    only be led away by them from what it makes of other samples.

    Labels are those of `CrossEntropy`; an output without a SOFTMAX counts as scores of one. After a LOGISTIC each
    number is a row, and the divergence is left out.
    """

    temperature: float = 2.0
    scores: float = 1.0
    needs_teacher = True

    def of(self, view: View, targets: Any) -> tuple[float, Seeds]:
        head, ours, theirs = view.heads[0], view.scores(0), view.taught_scores(0)
        labels = np.asarray(targets)
        one = ours.dtype.type(1)
        if head.activation == "LOGISTIC":
            wanted = labels.reshape(ours.shape).astype(ours.dtype)
            belief = one - np.abs(wanted - sigmoid(theirs))
            loss, gradient = binary_cross_entropy(ours, wanted, one - belief)
        else:
            wanted = class_probabilities(labels, ours)
            belief = (wanted * np.exp(log_softmax(theirs * ours.dtype.type(head.beta)))).sum(axis=-1, keepdims=True)
            loss, gradient = cross_entropy(ours, wanted, head.beta, one - belief)
            far, slope = divergence(ours, theirs, self.temperature / head.beta, belief)
            loss, gradient = loss + far, gradient + slope
        error, slope = relative_error(ours, theirs, belief)
        loss, gradient = loss + self.scores * error, gradient + ours.dtype.type(self.scores) * slope
        return loss, {head.scores: gradient}


def loss_for(head: Head, target: Array | None, *, taught: bool = False) -> Loss:
    """The loss that fits a target of the first output: `Distillation` where there is none; for numbers of classes, and
    where the output is that of a SOFTMAX, `CrossEntropy`, or `Corrected` where a teacher knows them too (`taught`)."""
    if target is None:
        return Distillation()
    if target.dtype.kind in "iub" or head.activation in ("SOFTMAX", "ARG_MAX"):
        return Corrected() if taught else CrossEntropy()
    return MeanSquaredError()


def class_probabilities(labels: Array, scores: Array, smoothing: float = 0.0) -> Array:
    """Labels as probabilities of the scores' shape. ValueError where they don't fit."""
    classes = scores.shape[-1]
    if labels.shape == scores.shape and labels.dtype.kind == "f":
        wanted = labels.astype(scores.dtype)
    else:
        if labels.dtype.kind not in "iu" or labels.size != scores.size // classes:
            raise ValueError(
                f"expected {scores.size // classes} class numbers, or probabilities of shape {list(scores.shape)}, "
                f"got {labels.dtype}{list(labels.shape)}"
            )
        if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
            raise ValueError(f"expected labels from 0 to {classes - 1}, got {labels.min()} to {labels.max()}")
        wanted = np.eye(classes, dtype=scores.dtype)[labels.reshape(scores.shape[:-1])]
    return np.asarray((1 - smoothing) * wanted + smoothing / classes, scores.dtype)


def log_softmax(x: Array) -> Array:
    shifted = x - x.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def cross_entropy(scores: Array, wanted: Array, beta: float, share: Array | float = 1.0) -> tuple[float, Array]:
    """-sum(wanted * log softmax(beta * scores)) along the last axis, the mean over rows; and d / d scores.

    wanted: probabilities (..., c). share: (..., 1), what each row counts.
    """
    count = max(scores.size // scores.shape[-1], 1)
    logarithms = log_softmax(scores * scores.dtype.type(beta))
    loss = -float((wanted * logarithms * share).sum()) / count
    return loss, (np.exp(logarithms) - wanted) * share * scores.dtype.type(beta / count)


def divergence(ours: Array, theirs: Array, temperature: float, share: Array | float = 1.0) -> tuple[float, Array]:
    """temperature**2 * KL(theirs || ours) of softmaxes along the last axis, the mean over rows; and d / d ours.

    share: (..., 1), what each row counts.
    """
    factor = ours.dtype.type(1 / temperature)
    q, p = log_softmax(ours * factor), log_softmax(theirs * factor)
    count = max(ours.size // ours.shape[-1], 1)
    powers = np.exp(p)
    loss = temperature**2 * float((powers * (p - q) * share).sum()) / count
    return loss, (np.exp(q) - powers) * share * ours.dtype.type(temperature / count)


def relative_error(ours: Array, theirs: Array, share: Array | float = 1.0) -> tuple[float, Array]:
    """mean((ours - theirs)**2 * share) / variance(theirs), and d / d ours.

    Numbers that don't vary count as of variance 1.
    """
    spread = float(theirs.var(dtype=np.float64)) or 1.0
    difference = (ours - theirs) * share
    loss = float(np.mean((ours - theirs) * difference)) / spread
    return loss, difference * ours.dtype.type(2 / (spread * ours.size))


def _put(seeds: Seeds, slot: int, gradient: Array) -> None:
    seeds[slot] = seeds[slot] + gradient if slot in seeds else gradient
