"""Quantizes until the outputs are good enough: measures where accuracy is lost, follows the advice, measures again."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from ..errors import ModelError
from ..model import Model
from ..ptq.observers import Observer
from ..ptq.quantize import Quantized, quantize
from ..ptq.recipe import FLOAT, Recipe, Rule, Scheme
from ..samples import Progress, Sample, fed, samples_of
from ..tflite import load
from .allot import budget_of
from .budget import Advice, Layer
from .recording import Feed, real_values, step_of
from .runners import Engine

GROUPS = (1, 2, 4, 8)
"""So many of the worst layers are changed at once."""
SINGLE = 3
"""So many of the worst layers are tried alone."""
GAIN_DB = 0.01
"""A change that gains less is dropped."""


@dataclass(frozen=True)
class Change:
    """What was changed at once: by layer's name the advice; sqnr_db: of the outputs since then."""

    advice: tuple[tuple[str, Advice], ...]
    sqnr_db: float

    def __str__(self) -> str:
        parts = ", ".join(f"{name}: {advice.text}" for name, advice in self.advice)
        return f"{self.sqnr_db:.1f} dB with {parts}"


@dataclass(frozen=True)
class Improved:
    """The best that was found. sqnr_db: of the worst output; reached: whether that is what was asked for."""

    quantized: Quantized
    recipe: Recipe
    sqnr_db: float
    reached: bool
    changes: tuple[Change, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "sqnr_db": self.sqnr_db if math.isfinite(self.sqnr_db) else None,
            "reached": self.reached,
            "changes": [
                {
                    "sqnr_db": change.sqnr_db if math.isfinite(change.sqnr_db) else None,
                    "layers": {name: advice.kind for name, advice in change.advice},
                }
                for change in self.changes
            ],
        }


@dataclass(frozen=True)
class _Found:
    made: Quantized
    recipe: Recipe
    sqnr_db: float
    advice: tuple[tuple[str, Advice], ...] = ()


def quantize_until(
    model: Model | str | os.PathLike[str] | bytes,
    sqnr_db: float,
    recipe: Recipe | str = "static_wi8_ai8",
    representative_dataset: Any = None,
    *,
    ranges: Any = None,
    measure: int = 8,
    trials: int = 60,
    progress: Progress | None = None,
    tell: Callable[[Change], None] = lambda _: None,
) -> Improved:
    """`quantize`, then change after change as the error budget advises, until every output has so many dB.

    Changes are those of `Advice`: a scale a channel, another observer, 16-bit activations, layers kept in float; each
    is kept only if the outputs gain by it. Outputs are measured against the float model on `measure` samples. trials:
    how many recipes are tried at most. tell: called with every change that is kept.

    ValueError without samples; errors as `quantize`.
    """
    source = model if isinstance(model, Model) else load(model)
    if representative_dataset is None:
        raise ValueError("expected samples to measure the outputs on, got none")
    samples = list(representative_dataset) if hasattr(representative_dataset, "__next__") else representative_dataset
    chosen = Recipe.named(recipe) if isinstance(recipe, str) else recipe
    few = list(islice(samples_of(source, samples), measure))
    made = quantize(source, chosen, samples, ranges=ranges, measure=measure, progress=progress)
    known = made.ranges if chosen.needs_samples else None
    best = _Found(made, chosen, outputs_sqnr(source, made.model, few))
    search = _Search(source, samples, known, few, trials)
    changes: list[Change] = []
    while best.sqnr_db < sqnr_db:
        better = search.better(best, sqnr_db)
        if better is None:
            break
        best = better
        changes.append(Change(best.advice, best.sqnr_db))
        tell(changes[-1])
    return Improved(best.made, best.recipe, best.sqnr_db, best.sqnr_db >= sqnr_db, tuple(changes))


class _Search:
    """Recipes that follow advice, each tried once."""

    def __init__(self, source: Model, samples: Any, ranges: Any, few: Sequence[Sample], trials: int) -> None:
        self.source, self.samples, self.ranges, self.few, self.left = source, samples, ranges, few, trials
        self.tried: set[str] = set()

    def better(self, now: _Found, wanted: float) -> _Found | None:
        """The smallest change that is enough, else the best one that gains; None where none does."""
        budget = budget_of(self.source, now.made.model, self.few[:2])
        layers = [] if budget is None else [layer for layer in budget.worst(1000) if layer.noise > 0]
        start = 0
        while start < len(layers) and self.left > 0:
            found = [made for group in self._groups(layers[start:]) if (made := self._try(now, group)) is not None]
            enough = [made for made in found if made.sqnr_db >= wanted]
            if enough:
                return min(enough, key=_cost)
            gaining = [made for made in found if made.sqnr_db > now.sqnr_db + GAIN_DB]
            if gaining:
                return max(gaining, key=lambda made: made.sqnr_db)
            start += SINGLE
        return None

    @staticmethod
    def _groups(layers: Sequence[Layer]) -> Iterator[Sequence[tuple[Layer, Advice]]]:
        """Changes to try: each of the worst layers alone with all of its advice, then more layers at once."""
        for layer in layers[:SINGLE]:
            for advice in layer.advices:
                yield [(layer, advice)]
        for count in GROUPS[1:]:
            if len(layers) >= count:
                yield [(layer, layer.advices[0]) for layer in layers[:count]]

    def _try(self, now: _Found, group: Sequence[tuple[Layer, Advice]]) -> _Found | None:
        recipe = now.recipe
        for layer, advice in group:
            recipe = self._changed(recipe, layer, advice)
        key = recipe.to_json()
        if key in self.tried or recipe == now.recipe or self.left <= 0:
            return None
        self.tried.add(key)
        self.left -= 1
        try:
            if recipe.needs_samples and self.ranges is None:
                made = quantize(self.source, recipe, self.samples, measure=len(self.few))
                self.ranges = made.ranges
            else:
                made = quantize(self.source, recipe, None, ranges=self.ranges)
        except (ModelError, ValueError):
            return None  # the recipe doesn't fit this layer
        given = tuple((layer.name, advice) for layer, advice in group)
        return _Found(made, recipe, outputs_sqnr(self.source, made.model, self.few), given)

    def _changed(self, recipe: Recipe, layer: Layer, advice: Advice) -> Recipe:
        if advice.kind in ("min_max", "mse"):
            return replace(recipe, observer=Observer(advice.kind))
        node = layer.source
        own = (rule.resolved for rule in recipe.rules if rule == Rule(rule.scheme, node=node, graph=layer.graph))
        scheme = next(own, recipe.scheme)
        wanted: Scheme = {
            "per_channel": replace(scheme, granularity="channelwise"),
            "int8_weights": replace(scheme, weights="int8"),
            "16x8": replace(scheme, weights="int8", activations="int16") if scheme.compute == "integer" else FLOAT,
            "float": FLOAT,
        }[advice.kind]
        kept = tuple(rule for rule in recipe.rules if rule != Rule(rule.scheme, node=node, graph=layer.graph))
        return replace(recipe, rules=(Rule(wanted, node=node, graph=layer.graph), *kept))


def _cost(found: _Found) -> tuple[bool, int]:
    """Layers in float cost more than any number of others."""
    return any(advice.kind == "float" for _, advice in found.advice), len(found.advice)


def outputs_sqnr(real: Model, quantized: Model, samples: Sequence[Sample]) -> float:
    """Signal to quantization noise of the worst output, in dB, over samples of the float model."""
    sums: dict[tuple[int, int], tuple[float, float]] = {}
    engines = Engine(), Engine()
    for sample in samples:
        ends = []
        for model, engine in zip((real, quantized), engines, strict=True):
            graph = model.graphs[sample.graph]
            arrays = {}
            for i, given in zip(graph.inputs, real.graphs[sample.graph].inputs, strict=True):
                array = sample.arrays[given]
                quantizes = step_of(graph.tensors[i]) is not None
                arrays[i] = fed(graph.tensors[i], array.astype(np.float32) if quantizes else array)
            held = engine.record(model, Feed(sample.graph, arrays))
            ends.append([real_values(graph.tensors[i], held[i]) for i in graph.outputs])
        for number, (want, got) in enumerate(zip(*ends, strict=True)):
            if want.dtype.kind == "f" and want.shape == got.shape:
                signal, noise = sums.get((sample.graph, number), (0.0, 0.0))
                difference = want.astype(np.float64) - got
                sums[sample.graph, number] = signal + float(np.sum(want**2)), noise + float(np.sum(difference**2))
    return min((_decibel(*parts) for parts in sums.values()), default=math.inf)


def _decibel(signal: float, noise: float) -> float:
    if noise == 0:
        return math.inf
    return -math.inf if signal == 0 else 10 * math.log10(signal / noise)
