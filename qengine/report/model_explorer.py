"""Node data for Google's Model Explorer: one file a metric, values by output tensor name.

The format is that of the package ai-edge-model-explorer 0.1 (node_data_builder.GraphNodeData): `results` by tensor
name, each with a `value`; `gradient` from 0, the least value, to 1, the greatest.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .facts import Layer, ModelReport, TensorFacts

RISING = ("#fff7ec", "#fdbb84", "#b30000")
FALLING = ("#b30000", "#fdbb84", "#e8f1f6")
"""Colors of the least, middle and greatest value: what is bad is red."""

Metric = Callable[[Layer, TensorFacts], float | None]

METRICS: dict[str, tuple[str, tuple[str, str, str], Metric]] = {
    "sqnr_db": ("SQNR in the whole run, dB", FALLING, lambda layer, _: layer.sqnr_db),
    "local_sqnr_db": ("SQNR of the layer by itself, dB", FALLING, lambda layer, _: layer.local_db),
    "max_error_lsb": ("Largest error, LSB", RISING, lambda layer, _: layer.max_lsb),
    "clipped": ("Share of float values beyond the grid", RISING, lambda _, tensor: tensor.clipped),
    "scale": ("Scale", RISING, lambda _, tensor: tensor.scales[0] if len(tensor.scales) == 1 else None),
    "levels_used": ("Levels of the grid that occur", FALLING, lambda _, tensor: tensor.used),
    "size_bytes": ("Bytes of the layer's constants", RISING, lambda layer, _: layer.size),
    "macs": ("Multiply-accumulates", RISING, lambda layer, _: layer.macs or None),
}
"""By file name: what people read, the colors, and the value of a layer's output (None: it has none)."""


def node_data(report: ModelReport) -> dict[str, dict[str, Any]]:
    """By metric the file's content. Metrics that no node has are left out; so are nodes whose value isn't finite."""
    found = {}
    for metric, (title, colors, value_of) in METRICS.items():
        results = {}
        for layer in report.layers:
            for tensor in layer.outputs:
                value = value_of(layer, tensor)
                if value is not None and math.isfinite(value):
                    results[tensor.name] = {"value": value}
        if results:
            gradient = [{"stop": stop, "bgColor": color} for stop, color in zip((0, 0.5, 1), colors, strict=True)]
            found[metric] = {"name": title, "results": results, "gradient": gradient}
    return found


def save_node_data(report: ModelReport, path: str | os.PathLike[str]) -> list[Path]:
    """Writes one file a metric, and says which.

    path: a folder, made where it isn't there, for METRIC.json; or, ending in .json, a name that METRIC is put into:
    out.json gives out.sqnr_db.json.
    """
    target = Path(path)
    folder = target.parent if target.suffix == ".json" else target
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for metric, content in node_data(report).items():
        name = f"{target.stem}.{metric}.json" if target.suffix == ".json" else f"{metric}.json"
        (folder / name).write_text(json.dumps(content, indent=2), encoding="utf-8")
        written.append(folder / name)
    return written
