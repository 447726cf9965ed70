"""Models side by side as a figure: sizes, latencies, accuracies. matplotlib draws it, which is imported only here."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from .evaluate import Evaluation

WIDE = 30.0
"""From such a ratio of the greatest to the least on, an axis is logarithmic."""


def plot(evaluations: Iterable[Evaluation], path: str | os.PathLike[str]) -> None:
    """Bars of each model's size, latency and accuracy (without labels: agreement), in a file of the type that its name
    ends in.

    ModuleNotFoundError without matplotlib (the extra `plot`); ValueError where it can't write such a file.
    """
    from matplotlib.figure import Figure

    rows = list(evaluations)
    if not rows:
        raise ValueError("expected at least one model to draw, got none")
    shown = "agreement" if any(row.accuracy is None for row in rows) else "accuracy"
    panels: list[tuple[str, list[float], str, str]] = [
        ("size, kB", [row.size / 1e3 for row in rows], "{:.1f}", "#4878a8"),
        (*_times([row.latency for row in rows]), "#d08a3c"),
        (f"{shown}, %", [100 * float(getattr(row, shown)) for row in rows], "{:.1f}", "#5a9a68"),
    ]
    figure = Figure(figsize=(11, 1.0 + 0.36 * len(rows)), layout="constrained")
    every = figure.subplots(1, 3, sharey=True)
    for axes, panel in zip(every, panels, strict=True):
        _bars(axes, *panel)
    every[0].set_yticks(range(len(rows)), [row.name for row in rows])
    every[0].invert_yaxis()
    figure.savefig(path)


def _times(seconds: list[float]) -> tuple[str, list[float], str]:
    """Latencies in the unit that suits the least of them."""
    name, factor = ("us", 1e6) if min(seconds) < 1e-3 else ("ms", 1e3)
    return f"{name} a call", [factor * each for each in seconds], "{:.3g}"


def _bars(axes: Any, title: str, values: list[float], form: str, color: str) -> None:
    drawn = axes.barh(range(len(values)), values, color=color)
    axes.bar_label(drawn, [form.format(value) for value in values], padding=3)
    axes.set_title(title)
    axes.margins(x=0.22)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if max(values) > WIDE * min(values) > 0:
        axes.set_xscale("log")
