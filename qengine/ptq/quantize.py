"""Post-training quantization in one call."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from ..errors import ModelError
from ..model import Model, Quantization, Shape
from ..samples import Progress, Sample, samples_of
from ..tflite import load
from .apply import apply
from .calibrate import checked, run_samples
from .place import place
from .plan import Grid, Parameters, Plan
from .prepare import prepared
from .ranges import STAND_IN, Ranges
from .recipe import Recipe
from .refine import refined
from .report import Report, report_on
from .verify import verify


@dataclass(frozen=True)
class Quantized:
    """A quantized model, what it cost, and the ranges it was made with (empty where the recipe needs none)."""

    model: Model
    report: Report
    ranges: Ranges


def quantize(
    model: Model | str | os.PathLike[str] | bytes,
    recipe: Recipe | str = "static_wi8_ai8",
    representative_dataset: Any = None,
    *,
    ranges: Ranges | None = None,
    measure: int = 4,
    progress: Progress | None = None,
    **changes: Any,
) -> Quantized:
    """A float model, quantized by a recipe.

    recipe: a Recipe or one of the ecosystem's names; with a name, `changes` are fields of Recipe and Scheme, or
    keep_in_float (see `Recipe.named`). representative_dataset: samples, in any of the forms that `samples_of` takes;
    recipes without integer activations accept and ignore them. ranges: of an earlier calibration of the same model,
    instead of samples or besides them (then both count). measure: on how many of the samples the report compares the
    quantized model with the float one, tensor by tensor.
    progress: called with the number of samples done and the number of all, where that is known.

    ModelError (a ValueError) where the model is wrong or quantized already, where ranges are missing, NaN or infinite;
    Unsupported where the recipe can't quantize an operator; ValueError where samples are missing or don't fit. The
    error names the node and what to do.
    """
    source = model if isinstance(model, Model) else load(model)
    chosen = Recipe.named(recipe, **changes) if isinstance(recipe, str) else recipe
    if changes and not isinstance(recipe, str):
        raise TypeError(f"expected changes of a recipe by name, got {', '.join(changes)} with a Recipe")
    tidy, origins = prepared(source) if chosen.prepare else (source, None)
    if not chosen.needs_samples:
        plan = place(tidy, chosen, origins, source)
        applied = apply(tidy, plan, parameters_of(tidy, plan, {}))
        verify(applied.model)
        samples = _few(tidy, representative_dataset, measure)
        return Quantized(applied.model, report_on(source, tidy, applied, plan, Ranges(), samples), Ranges())
    known, shapes, kept = _ranges(tidy, representative_dataset, ranges, progress, measure)

    def shape(graph: int, index: int) -> Shape | None:
        return shapes.get((graph, index))

    def planned(part: Model) -> Plan:
        return place(part, chosen, origins, source, shape)

    better = refined(tidy, planned, known, shape)
    applied = apply(better.start, better.plan, parameters_of(better.model, better.plan, better.ranges))
    verify(applied.model)
    samples = kept or _few(tidy, representative_dataset, measure)
    report = report_on(source, better.model, applied, better.plan, better.ranges, samples)
    return Quantized(applied.model, report, known)


def calibrate(
    model: Model | str | os.PathLike[str] | bytes, representative_dataset: Any, *, progress: Progress | None = None
) -> Ranges:
    """The ranges of a float model on samples, for `quantize(..., ranges=...)` with any recipe that prepares it."""
    source = model if isinstance(model, Model) else load(model)
    return run_samples(prepared(source)[0], representative_dataset, progress).ranges


def _few(model: Model, source: Any, count: int) -> list[Sample]:
    """The first samples, for measuring; none where there is no source."""
    return [] if source is None or count <= 0 else list(islice(samples_of(model, source), count))


def _ranges(
    model: Model, source: Any, ranges: Ranges | None, progress: Progress | None, measure: int
) -> tuple[Ranges, dict[tuple[int, int], Shape], list[Sample]]:
    """The ranges to use, the shapes that were seen, and the first samples."""
    if source is None and ranges is None:
        raise ValueError(
            "expected samples for a recipe with integer activations, got none: give representative_dataset (arrays in "
            "the model's own units, 100 or so), or ranges of an earlier calibration"
        )
    if source is None:
        assert ranges is not None
        return ranges, {}, []
    calibration = run_samples(model, source, progress, keep=measure)
    known = calibration.ranges if ranges is None else ranges.merged(calibration.ranges)
    return known, calibration.shapes, calibration.kept


def parameters_of(model: Model, plan: Plan, ranges: Ranges | dict[str, Any]) -> Parameters:
    """Scale and zero point of every grid: prescribed, from a constant's values, or chosen by the recipe's observer."""
    summary = checked(model, ranges)
    observer = plan.recipe.observer

    def ends(graph: int, grid: Grid, index: int) -> tuple[float, float]:
        tensor = model.graphs[graph].tensors[index]
        if tensor.is_constant:
            values = tensor.array[np.abs(tensor.array) < STAND_IN]
            low, high = float(values.min(initial=0)), float(values.max(initial=0))
        elif grid.power_of_two:
            found = summary(graph, index)
            low, high = found.low, found.high
        else:
            low, high = observer.range(summary(graph, index), grid.levels)
        return low, high

    def parameters(graph: int, grid: Grid) -> Quantization:
        if grid.fixed is not None:
            return Quantization.of(*grid.fixed)
        parts = [ends(graph, grid, index) for index in (grid.range, *grid.also)]
        try:
            scale, point = grid.parameters(min(low for low, _ in parts), max(high for _, high in parts))
        except ValueError as error:
            name = model.graphs[graph].tensors[grid.range].name
            raise ModelError(f"{name!r}: {error}", f"$.subgraphs[{graph}].tensors[{grid.range}]") from error
        return Quantization.of(scale, point)

    return [[parameters(number, grid) for grid in part.grids] for number, part in enumerate(plan.graphs)]
