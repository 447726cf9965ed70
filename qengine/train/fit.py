"""Training a float model in one call: one made by hand with random weights, or one to learn something else."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from ..model import Model
from ..tflite import load
from .data import data_of, first_target, set_apart
from .export import for_export
from .heads import heads
from .history import History
from .losses import Loss, loss_for
from .network import Network
from .settings import TrainingSettings, changed
from .trainer import Told, Trainer


@dataclass(frozen=True)
class Fitted:
    """A trained float model, and how that went.

    model: for files and `quantize`: without dropout, batch normalizations folded. trained: the model as it was built,
    with the weights that training arrived at, to go on with.
    """

    model: Model
    history: History
    trained: Model


def fit(
    model: Model | str | os.PathLike[str] | bytes,
    data: Any,
    labels: Any,
    *,
    loss: Loss | None = None,
    validation: float | tuple[Any, Any] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Told | None = None,
    settings: TrainingSettings | None = None,
    **changes: Any,
) -> Fitted:
    """A float model, trained with labels. It may hold `BatchNormalization` and `Dropout`.

    data: samples in any of the forms that `samples_of` takes; a function is called for each epoch. labels: one for each
    sample, an array, or the name of one among the arrays of `data`; class numbers, or what the output should be.
    loss: by default `CrossEntropy` for class numbers, else `MeanSquaredError`.
    validation: samples to judge the epochs by, as (data, labels), or the share of `data` that is kept apart for it.
    checkpoint: a file to go on from, written after each epoch. progress: told of each step.
    settings, or with `changes` some fields of it: how to train.

    Unsupported where an operator has no gradient, ValueError where samples and labels don't fit, RuntimeError where
    training leaves the numbers.
    """
    source = model if isinstance(model, Model) else load(model)
    if labels is None:
        raise ValueError("expected labels, got none: `finetune` trains without")
    how = changed(settings, changes)
    learned_from = data_of(source, data, labels)
    apart, learned_from = set_apart(source, learned_from, validation, how.seed)
    network = Network(source)
    judge = loss if loss is not None else loss_for(heads(network)[0], first_target(learned_from))
    trainer = Trainer(network, judge, how)
    history = trainer.train(learned_from, apart, progress=progress, checkpoint=checkpoint)
    trained = network.current()
    return Fitted(for_export(trained), history, trained)
