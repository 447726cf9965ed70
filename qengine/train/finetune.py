"""Quantization-aware fine-tuning of a float model in one call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ..kernels.profile import Profile
from ..model import Model, Shape
from ..op import Array
from ..ptq.calibrate import Calibration
from ..ptq.place import place
from ..ptq.prepare import prepared
from ..ptq.ranges import Ranges
from ..ptq.recipe import Recipe
from ..ptq.refine import refined
from ..ptq.report import Report, report_on
from ..ptq.verify import verify
from ..ptq.warn import notices
from ..samples import Sample, samples_of
from ..tflite import load
from .data import Stored, Streamed, data_of, first_target, set_apart
from .exact import Parting, partings
from .heads import heads
from .history import History
from .losses import Loss, loss_for
from .network import Network
from .objective import outputs_of
from .optimizers import Adam
from .quantization import exported, fake_quantized, trained_ranges
from .settings import TrainingSettings, changed, parted
from .trainer import Told, Trainer

CALIBRATION_SAMPLES = 512
"""From so many samples training takes the ranges that it begins with."""


FINE = TrainingSettings(optimizer=Adam(0.003, relative=True), promise=0.3)
"""How a network is trained on."""


@dataclass(frozen=True)
class Finetuned:
    """What `Quantized` holds, of a model that was trained for it, and how that went.

    ranges: those that training arrived at. network: what was trained, fake quantization and all.
    """

    model: Model
    report: Report
    ranges: Ranges
    history: History
    network: Network = field(repr=False, compare=False)

    @property
    def trained(self) -> Model:
        """The float model with the weights that training arrived at."""
        return self.network.current()

    def forward(self, samples: Any, *, exact: str | Profile | None = None) -> list[Array]:
        """The outputs of the fake-quantized forward pass, real numbers, samples joined along the first axis.

        exact: through the integer kernels of this profile instead, where there are some.
        """
        profile = None if exact is None else Profile(exact)
        return outputs_of(self.network, data_of(self.network.model, samples), profile)

    def partings(self, samples: Any, *, profile: str | Profile = Profile.XNNPACK) -> list[Parting]:
        """Layer by layer, where the forward pass through the exact integer kernels of `model` parts from the
        fake-quantized one, in all samples; each layer gets the integer kernels' input."""
        return partings(self.network, data_of(self.network.model, samples), Profile(profile))


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
    settings: TrainingSettings | None = None,
    **changes: Any,
) -> Finetuned:
    """A float model, trained so that it loses less by being quantized, and quantized by a recipe.

    data: samples in any of the forms that `samples_of` takes; a function is called for each epoch. labels: one for each
    sample, an array, or the name of one among the arrays of `data`; class numbers, or what the outputs should be. None:
    the float model teaches, and samples are all that is needed.
    loss: by default `Distillation` without labels, `Corrected` (the float model, corrected by them) for class numbers,
    else `MeanSquaredError`.
    validation: samples to judge the epochs by, as (data, labels), or the share of `data` that is kept apart for it: by
    default a tenth, where `data` is 20 samples or more; 0 for none. What was best by these is what comes out, be it the
    start, which is what post-training quantization gives.
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
    chosen, how = recipe_and_settings(recipe, settings, changes)
    tidy, origins = prepared(source) if chosen.prepare else (source, None)
    if data is None:
        raise ValueError("expected samples to train with, got none: give data, arrays in the model's own units")
    learned_from = data_of(tidy, data, labels)
    apart, learned_from = set_apart(tidy, learned_from, _share(learned_from, validation), how.seed)
    calibration = _calibrated(tidy, learned_from, data, measure)

    def shape(graph: int, index: int) -> Shape | None:
        return calibration.shapes.get((graph, index))

    better = refined(tidy, lambda part: place(part, chosen, origins, source, shape), calibration.ranges, shape)
    plan = better.plan
    network = fake_quantized(better.start, plan, better.ranges, rule=range_rule, learn_weights=learn_weights)
    judge = loss if loss is not None else loss_for(heads(network)[0], first_target(learned_from), taught=True)
    trainer = Trainer(network, judge, how, teacher=Network(tidy) if judge.needs_teacher else None)
    history = trainer.train(learned_from, apart, progress=progress, checkpoint=checkpoint)
    applied = exported(network)
    verify(applied.model)
    ranges = trained_ranges(network, better.ranges)
    report = report_on(source, better.model, applied, plan, ranges, calibration.kept)
    return Finetuned(applied.model, report, ranges, history, network)


def _share(data: Stored | Streamed, validation: float | tuple[Any, Any] | None) -> float | tuple[Any, Any] | None:
    """What `set_apart` is to do."""
    if validation is None:
        return 0.1 if isinstance(data, Stored) and len(data) >= 20 else None
    return None if validation == 0 else validation


def recipe_and_settings(
    recipe: Recipe | str, settings: TrainingSettings | None, changes: Mapping[str, Any]
) -> tuple[Recipe, TrainingSettings]:
    """Changes go to the settings they name, the others to the recipe."""
    own, others = parted(changes)
    if others and not isinstance(recipe, str):
        raise TypeError(f"expected changes of a recipe by name, got {', '.join(others)} with a Recipe")
    chosen = Recipe.named(recipe, **others) if isinstance(recipe, str) else recipe
    return chosen, changed(FINE if settings is None else settings, own)


def _calibrated(model: Model, data: Stored | Streamed, source: Any, measure: int) -> Calibration:
    """Ranges and shapes of the float model on the first samples."""
    calibration = Calibration(model)
    stored = (Sample(0, item) for item in data.items) if isinstance(data, Stored) else None
    samples: Iterable[Sample] = samples_of(model, source) if stored is None else stored
    for number, sample in enumerate(islice(samples, CALIBRATION_SAMPLES)):
        calibration.run(sample)
        if number < measure:
            calibration.kept.append(sample)
    calibration.ranges.warnings += notices(model, calibration.ranges)
    return calibration
