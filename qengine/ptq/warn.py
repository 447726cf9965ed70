"""What people get wrong about samples, seen in the ranges: too few, outliers, another range than the model expects."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..model import Model
from ..op import Op
from .fuse import has_option
from .histogram import HALF
from .ranges import Ranges, Summary, keys_of

SETTLED = 0.05
"""How much a range may still have grown over the second half of the samples."""

SATURATED = 0.5
"""The share of the values above 0 that lie at a clamp's upper end, from which on the samples are suspected."""

_CURVE = 8


def notices(model: Model, ranges: Ranges) -> list[str]:
    """Warnings, the most telling tensors named in each; empty where nothing looks wrong."""
    return [*_expected(model, ranges), *_saturated(model, ranges), *_unsettled(ranges), *_outliers(ranges)]


def _expected(model: Model, ranges: Ranges) -> list[str]:
    """Inputs whose samples are far from the range that the file states for them."""
    found = []
    for number, graph in enumerate(model.graphs):
        keys = keys_of(number, graph)
        for i in graph.inputs:
            q = graph.tensors[i].quantization
            if q is None or q.low is None or q.high is None or not len(q.low) or keys[i] not in ranges:
                continue
            low, high, summary = float(q.low[0]), float(q.high[0]), ranges[keys[i]]
            span, seen = high - low, summary.high - summary.low
            outside = max(low - summary.low, summary.high - high) > 0.25 * span
            if span > 0 and (outside or seen < 0.1 * span):
                found.append(
                    f"input {graph.tensors[i].name!r}: the model was made for values in [{low:.4g}, {high:.4g}], "
                    f"the samples lie in [{summary.low:.4g}, {summary.high:.4g}]"
                )
    return found


def _saturated(model: Model, ranges: Ranges) -> list[str]:
    """Clamps that mostly clamp: a sign of samples in other units."""
    stuck = []
    for number, graph in enumerate(model.graphs):
        keys = keys_of(number, graph)
        for node in graph.nodes:
            clamp = 6.0 if _clamp(node.op) == "RELU6" else None
            summary = ranges.get(keys[node.outputs[0]]) if node.outputs and clamp else None
            if summary is not None and clamp is not None and _share_at(summary, clamp) > SATURATED:
                stuck.append(graph.tensors[node.outputs[0]].name)
    if stuck:
        return [
            f"{len(stuck)} tensors lie at their upper clamp for more than half of their positive values "
            f"({stuck[0]!r} first): "
            "the samples may be in another range than the model expects (0 to 255 instead of 0 to 1, say)"
        ]
    return []


def _clamp(op: Op) -> str:
    """The clamp that an operator ends with, or is."""
    options: Any = op
    return str(options.fused_activation_function.name) if has_option(op, "fused_activation_function") else op.name


def _share_at(summary: Summary, value: float) -> float:
    histogram = summary.histogram
    positive = int(histogram.counts[HALF:].sum())
    if positive == 0:
        return 0.0
    bin_ = min(int(np.floor(value / histogram.width)) + HALF, 2 * HALF - 1)
    return float(histogram.counts[bin_]) / positive


def _unsettled(ranges: Ranges) -> list[str]:
    """Ranges that were still growing, with the curve of the worst."""
    growing = []
    for key, summary in ranges.items():
        half = [point for point in summary.growth if 2 * point[0] <= summary.samples]
        span = summary.high - summary.low
        if not half or span <= 0 or summary.samples < 2:
            continue
        late = 1 - (half[-1][2] - half[-1][1]) / span
        if late > SETTLED:
            growing.append((late, key, summary))
    if not growing or len(growing) <= len(ranges) // 10:
        return []
    late, key, summary = max(growing, key=lambda part: part[0])
    curve = ", ".join(f"{n}: [{low:.3g}, {high:.3g}]" for n, low, high in summary.growth[-_CURVE:])
    return [
        f"too few samples: {len(growing)} of {len(ranges)} ranges grew by more than {SETTLED:.0%} in the second half "
        f"of {summary.samples} samples; most of all {_name(key)!r}, by {late:.0%} (samples: range): {curve}"
    ]


def _outliers(ranges: Ranges) -> list[str]:
    """Ranges that one sample, or a handful of values, stretch to more than twice what holds all the rest."""
    found = []
    for key, summary in ranges.items():
        if summary.samples < 3 or summary.histogram.exponent is None:
            continue
        span = summary.high - summary.low
        rest = max(summary.seconds[1], 0.0) - min(summary.seconds[0], 0.0)
        if rest > 0 and max(summary.high, 0.0) - min(summary.low, 0.0) > 2 * rest:
            found.append(
                (
                    span / rest,
                    key,
                    f"one sample; the others lie in [{summary.seconds[0]:.3g}, {summary.seconds[1]:.3g}]",
                )
            )
            continue
        reach = max(-summary.low, summary.high)
        share = summary.beyond(-reach / 2, reach / 2)
        if 0 < share * summary.values <= max(2.0, 1e-6 * summary.values):
            found.append((2.0, key, f"{max(1, round(share * summary.values))} of {summary.values} values"))
    if not found:
        return []
    _, key, why = max(found, key=lambda part: part[0])
    summary = ranges[key]
    return [
        f"{len(found)} ranges are ruled by outliers; most of all {_name(key)!r}: "
        f"[{summary.low:.3g}, {summary.high:.3g}] because of {why}. "
        "The observers percentile, entropy and mse cut such tails"
    ]


def _name(key: str) -> str:
    return key.partition("/")[2]
