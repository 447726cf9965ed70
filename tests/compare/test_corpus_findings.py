"""The doctor over every file of the corpus: errors where the runtime refuses a file, and nowhere else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from qengine.compare.doctor import Severity, examine
from qengine.errors import ModelError

ROOT = Path(os.environ.get("QENGINE_MODELS") or Path(__file__).resolve().parents[3] / "shared" / "models")
EVERYTHING = os.environ.get("QENGINE_CORPUS") == "all"
DOUBTFUL = {"float_left", "unequal_scales", "zero_point"}
"""Rules with warnings for files that run: such as converters write, too."""


def files() -> dict[str, dict[str, Any]]:
    found = {}
    for part in ("real", "ops"):
        manifest = ROOT / part / "manifest.json"
        if manifest.is_file():
            entries = json.loads(manifest.read_text(encoding="utf-8"))["models"]
            chosen = entries if EVERYTHING or part == "real" else entries[::12]
            found |= {entry["id"]: {**entry, "path": ROOT / part / entry["file"]} for entry in chosen}
    return found


def test_a_file_that_runs_has_no_errors_and_one_that_is_refused_has() -> None:
    entries = files()
    if not entries:
        pytest.skip(f"there is no corpus of models at {ROOT}")
    for name, entry in entries.items():
        runs = entry["litert"].startswith("runs")
        try:
            found = examine(entry["path"])
        except ModelError:
            assert not runs, name
            continue
        said = {finding.rule for finding in found if finding.severity is not Severity.NOTE}
        assert said <= DOUBTFUL if runs else said, f"{name}: {said}"
        assert all(finding.reason and finding.remedy for finding in found)
