"""Training a float network, from random weights or on from others, in one call."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from ..model import Model
from ..tflite import load
from .data import Stored, Streamed, data_of, set_apart
from .export import for_export
from .finetune import loss_for
from .history import History
from .losses import CrossEntropy, Loss
from .network import Network
from .settings import Settings
from .trainer import Told, Trainer


@dataclass(frozen=True)
class Fitted:
    """model: as files can hold it, batch normalization folded and dropout gone. history: epoch by epoch.

    trained: the network as it was given, with the weights that training arrived at.
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
    settings: Settings | None = None,
    **changes: Any,
) -> Fitted:
    """A float model, trained on samples and what its outputs should be.

    data: samples in any of the forms that `samples_of` takes; a function is called for each epoch. labels: one for each
    sample, an array, or the name of one among the arrays of `data`: class numbers, or what the outputs should be (the
    samples themselves, for an autoencoder).
    loss: by default `CrossEntropy` for class numbers, else `MeanSquaredError`. validation: samples to judge the epochs
    by, as (data, labels), or the share of `data` that is kept apart for it. checkpoint: a file to go on from, written
    after each epoch. progress: told of each step. settings, or with `changes` some fields of `Settings` by name.

    ModelError where the model is wrong or quantized; Unsupported where an operator has no gradient; ValueError where
    samples and labels don't fit; RuntimeError where training leaves the numbers.
    """
    source = model if isinstance(model, Model) else load(model)
    if labels is None:
        raise ValueError("expected labels to train a float model with, got none: what should its outputs be?")
    if settings is not None and changes:
        raise TypeError(f"expected settings or fields of it, got both: {', '.join(changes)}")
    how = Settings(**changes) if settings is None else settings
    learned_from, apart = set_apart(source, data_of(source, data, labels), validation, how.seed)
    network = Network(source)
    trainer = Trainer(network, _loss(network, learned_from) if loss is None else loss, how)
    history = trainer.train(learned_from, apart, progress=progress, checkpoint=checkpoint)
    trained = network.current()
    return Fitted(for_export(trained), history, trained)


def _loss(network: Network, data: Stored | Streamed) -> Loss:
    """The loss that fits the targets; class numbers count as such also where no SOFTMAX makes the output."""
    numbers = isinstance(data, Stored) and data.targets is not None and data.targets[0].dtype.kind in "iu"
    return CrossEntropy() if numbers else loss_for(network, data)
