"""Quantization-aware fine-tuning of a float model in one call."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any

from ..model import Model
from ..op import Array
from ..ptq.calibrate import Calibration
from ..ptq.place import place
from ..ptq.prepare import prepared
from ..ptq.ranges import Ranges
from ..ptq.recipe import Recipe
from ..ptq.report import Report, report_on
from ..ptq.verify import verify
from ..ptq.warn import notices
from ..samples import Sample, samples_of
from ..tflite import load
from .data import Stored, Streamed, data_of, split
from .heads import heads
from .history import History
from .losses import CrossEntropy, Distillation, Loss, MeanSquaredError
from .network import Network
from .quantization import exported, fake_quantized, trained_ranges
from .settings import Settings
from .trainer import Told, Trainer

CALIBRATION_SAMPLES = 512
"""From so many samples training takes the ranges that it begins with."""


@dataclass(frozen=True)
class Finetuned:
    """What `Quantized` holds, of a model that was trained for it, and how that went.

    ranges: those that training arrived at. trained: the float model with the weights that training arrived at.
    """

    model: Model
    report: Report
    ranges: Ranges
    history: History
    trained: Model


def finetune(
    model: Model | str | os.PathLike[str] | bytes,
    recipe: Recipe | str = "static_wi8_ai8",
    data: Any = None,
    labels: Any = None,
    *,
    loss: Loss | None = None,
    validation: float | tuple[Any, Any] | None = None,
    range_rule: str = "moving_average",
    learn_weights: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Told | None = None,
    measure: int = 4,
    settings: Settings | None = None,
    **changes: Any,
) -> Finetuned:
    """A float model, trained so that it loses less by being quantized, and quantized by a recipe.

    data: samples in any of the forms that `samples_of` takes; a function is called for each epoch. labels: one for each
    sample, an array, or the name of one among the arrays of `data`; class numbers, or what the outputs should be. None:
    the float model teaches, and samples are all that is needed.
    loss: by default `Distillation` without labels, `CrossEntropy` for class numbers, else `MeanSquaredError`.
    validation: samples to judge the epochs by, as (data, labels), or the share of `data` that is kept apart for it.
    range_rule: how ranges of activations go on from the calibration's: "moving_average" follows what comes, "lsq" and
    "pact" learn. learn_weights: whether weights' scales are learned (LSQ), or follow the weights.
    checkpoint: a file to go on from, written after each epoch. progress: told of each step. measure: on how many
    samples the report compares the quantized model with the float one.
    settings, or with `changes` some fields of it: how to train. With a recipe by name, `changes` may also be fields of
    Recipe and Scheme, or keep_in_float.

    ModelError where the model is wrong or quantized already; Unsupported where the recipe can't quantize an operator or
    one has no gradient; ValueError where samples and labels are missing or don't fit; RuntimeError where training
    leaves the numbers. The error names the node and what to do.
    """
    source = model if isinstance(model, Model) else load(model)
    chosen, how = _recipe_and_settings(recipe, settings, changes)
    tidy, origins = prepared(source) if chosen.prepare else (source, None)
    if data is None:
        raise ValueError("expected samples to train with, got none: give data, arrays in the model's own units")
    learned_from = data_of(tidy, data, labels)
    apart, learned_from = _validation(tidy, learned_from, validation, how.seed)
    calibration = _calibrated(tidy, learned_from, data, measure)
    shapes = calibration.shapes
    plan = place(tidy, chosen, origins, source, lambda graph, index: shapes.get((graph, index)))
    network = fake_quantized(tidy, plan, calibration.ranges, rule=range_rule, learn_weights=learn_weights)
    judge = loss if loss is not None else loss_for(network, learned_from)
    trainer = Trainer(network, judge, how, teacher=Network(tidy) if judge.needs_teacher else None)
    history = trainer.train(learned_from, apart, progress=progress, checkpoint=checkpoint)
    applied = exported(network, calibration.ranges)
    verify(applied.model)
    ranges = trained_ranges(network, calibration.ranges)
    report = report_on(source, tidy, applied, plan, ranges, calibration.kept)
    return Finetuned(applied.model, report, ranges, history, network.current())


def loss_for(network: Network, data: Stored | Streamed) -> Loss:
    """The loss that fits the targets."""
    if data.targets is None:
        return Distillation()
    if heads(network)[0].activation and not (isinstance(data, Stored) and _are_values(data.targets[0], network)):
        return CrossEntropy()
    return MeanSquaredError()


def _are_values(target: Array, network: Network) -> bool:
    """Whether targets are real numbers, not classes or probabilities, of an output that is not a SOFTMAX's."""
    return target.dtype.kind == "f" and heads(network)[0].activation != "SOFTMAX"


def _recipe_and_settings(
    recipe: Recipe | str, settings: Settings | None, changes: dict[str, Any]
) -> tuple[Recipe, Settings]:
    """Changes go to the settings they name, the others to the recipe."""
    names = {part.name for part in fields(Settings)}
    own = {name: value for name, value in changes.items() if name in names}
    others = {name: value for name, value in changes.items() if name not in names}
    if others and not isinstance(recipe, str):
        raise TypeError(f"expected changes of a recipe by name, got {', '.join(others)} with a Recipe")
    given = {name: getattr(settings, name) for name in names} if settings is not None else {}
    chosen = Recipe.named(recipe, **others) if isinstance(recipe, str) else recipe
    return chosen, Settings(**(given | own))


def _validation(
    model: Model, data: Stored | Streamed, validation: float | tuple[Any, Any] | None, seed: int
) -> tuple[Stored | None, Stored | Streamed]:
    """The samples to judge by, and those that are left to train with."""
    if validation is None:
        return None, data
    if isinstance(validation, tuple):
        apart = data_of(model, *validation)
        if isinstance(apart, Streamed):
            raise ValueError("expected validation samples in memory, got a function")
        return apart, data
    if isinstance(data, Streamed):
        raise ValueError("expected validation samples as (data, labels) where data is a function, got a share")
    if not 0 < validation < 1:
        raise ValueError(f"expected a share of the samples between 0 and 1, got {validation}")
    left, apart = split(data, validation, seed)
    return apart, left


def _calibrated(model: Model, data: Stored | Streamed, source: Any, measure: int) -> Calibration:
    """Ranges and shapes of the float model on the first samples."""
    calibration = Calibration(model)
    samples: Iterable[Sample]
    if isinstance(data, Stored):
        samples = (Sample(0, item) for item in data.items)
    else:
        samples = samples_of(model, source)
    for number, sample in enumerate(islice(samples, CALIBRATION_SAMPLES)):
        calibration.run(sample)
        if number < measure:
            calibration.kept.append(sample)
    calibration.ranges.warnings += notices(model, calibration.ranges)
    return calibration
