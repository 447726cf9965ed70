"""Networks of the corpus: every disagreement of the runtime's kernel sets is explained, every planted fault found.

By default small networks; QENGINE_CORPUS=all takes all of them, and a fault in each of their nodes.
"""

from __future__ import annotations

import importlib.util
import json
import os
import types
from pathlib import Path
from typing import Any

import pytest
from compared import Faulty

from qengine.compare.recording import computed
from qengine.compare.session import compare
from qengine.tflite import load

ROOT = Path(os.environ.get("QENGINE_MODELS") or Path(__file__).resolve().parents[3] / "shared" / "models")
EVERYTHING = os.environ.get("QENGINE_CORPUS") == "all"
LARGEST = 10_000_000 if EVERYTHING else 60_000
FAULTS = 1000 if EVERYTHING else 4
Entry = dict[str, Any]


def networks() -> dict[str, Entry]:
    found = {}
    for part in ("real", "ops"):
        manifest = ROOT / part / "manifest.json"
        if manifest.is_file():
            for entry in json.loads(manifest.read_text(encoding="utf-8"))["models"]:
                whole = entry.get("kind") == "network" or entry.get("op_group") in ("ARCH", "NET")
                if whole and entry["litert"] == "runs" and not entry.get("huge") and entry["size"] < LARGEST:
                    found[entry["id"]] = {**entry, "path": ROOT / part / entry["file"]}
    return found


NETWORKS = networks()


@pytest.fixture(scope="session")
def make_inputs() -> Any:
    if not NETWORKS:
        pytest.skip(f"there is no corpus of models at {ROOT}")
    spec = importlib.util.spec_from_file_location("corpus_inputs", ROOT / "corpus_inputs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_inputs


@pytest.mark.parametrize("name", list(NETWORKS) or [None])
def test_disagreements_of_the_runtime_are_explained(name: str, make_inputs: Any, litert: types.ModuleType) -> None:
    entry = NETWORKS[name]
    sample = make_inputs(name, entry["inputs"], 0)
    for a, b in (("litert:auto", "litert:reference"), ("litert:optimized", "litert:reference")):
        result = compare(f"{entry['path']}@{a}", b, [sample])
        assert result.verdict in ("equal", "explained"), str(result)


@pytest.mark.parametrize("name", list(NETWORKS) or [None])
def test_a_planted_fault_is_found(name: str, make_inputs: Any) -> None:
    entry = NETWORKS[name]
    model = load(entry["path"])
    sample = make_inputs(name, entry["inputs"], 0)
    graph = model.graphs[0]
    nodes = [k for k, node in enumerate(graph.nodes) if set(node.outputs) & set(computed(graph))]
    for node in nodes[:: max(1, len(nodes) // FAULTS)]:
        try:
            result = compare(model, Faulty(node), [sample])
        except RuntimeError:
            continue  # an index beyond its table: nobody needs to look for that fault
        assert {fault.node for fault in result.faults} == {node}, f"planted in {node}: {result}"
