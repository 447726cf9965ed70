"""Networks of the corpus: every disagreement of the runtime's kernel sets is explained, every planted fault found.

By default small networks and few of their nodes; QENGINE_CORPUS=all takes all of both.
"""

from __future__ import annotations

import importlib.util
import json
import os
import types
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compared import Faulty, one_off

from qengine.compare.bridge import Bridge
from qengine.compare.recording import Feed, computed
from qengine.compare.runners import Engine, LiteRT
from qengine.compare.session import compare
from qengine.compare.sides import Side
from qengine.compare.verdict import Judge, Pair, Verdict
from qengine.model import Model
from qengine.samples import fed, samples_of
from qengine.tflite import load

ROOT = Path(os.environ.get("QENGINE_MODELS") or Path(__file__).resolve().parents[3] / "shared" / "models")
EVERYTHING = os.environ.get("QENGINE_CORPUS") == "all"
LARGEST = 10_000_000 if EVERYTHING else 20_000
FAULTS = 4 if EVERYTHING else 2
Entry = dict[str, Any]


def networks() -> dict[str, Entry]:
    found = {}
    for part in ("real", "ops"):
        manifest = ROOT / part / "manifest.json"
        if manifest.is_file():
            for entry in json.loads(manifest.read_text(encoding="utf-8"))["models"]:
                whole = entry.get("kind") == "network" or entry.get("op_group") in ("ARCH", "NET")
                if whole and entry["litert"].startswith("runs") and not entry.get("huge") and entry["size"] < LARGEST:
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
    model, sample = load(entry["path"]), make_inputs(name, entry["inputs"], 0)
    runners = [LiteRT(which) for which in ("auto", "optimized", "reference")]
    if "except reference" in entry["litert"]:
        del runners[2]
    for a, b in combinations(runners, 2):
        result = compare((model, a), (model, b), [sample])
        assert result.verdict in ("equal", "explained"), str(result)


@pytest.mark.parametrize("name", list(NETWORKS) or [None])
def test_a_planted_fault_is_found_first_and_alone(name: str, make_inputs: Any) -> None:
    """Faults that go on through the whole network, from some nodes of large ones, from every node of small ones."""
    entry = NETWORKS[name]
    model, engine = load(entry["path"]), Engine()
    sample = make_inputs(name, entry["inputs"], 0)
    nodes = computing(model)
    small = EVERYTHING and entry["size"] < 40_000
    for node in nodes if small else nodes[:: max(1, len(nodes) // FAULTS)]:
        try:
            result = compare((model, engine), Faulty(node, engine=engine), [sample])
        except RuntimeError:
            continue  # a flag turned leads to an index beyond its table: the network refuses to go on
        first = result.first_difference
        assert first is not None
        assert (first.node, first.verdict) == (node, Verdict.FAULT)
        assert {fault.node for fault in result.faults} == {node}, f"planted in {node}: {result}"


@pytest.mark.parametrize("name", list(NETWORKS) or [None])
def test_a_fault_of_any_node_is_called_so(name: str, make_inputs: Any) -> None:
    """Every node of every network, each judged by itself."""
    entry = NETWORKS[name]
    model, engine = load(entry["path"]), Engine()
    graph = model.graphs[0]
    (sample,) = samples_of(model, [make_inputs(name, entry["inputs"], 0)])
    feed = Feed(0, {i: fed(graph.tensors[i], array) for i, array in sample.arrays.items()})
    sound = engine.record(model, feed)
    judge = Judge((Side(model, engine, "a"), Side(model, engine, "b")), Bridge((model, model), 0))
    nodes = computing(model)
    for node in nodes if EVERYTHING else nodes[:: max(1, len(nodes) // 10)]:
        spoilt = {i: one_off(np.array(sound[i], order="C")) for i in graph.nodes[node].outputs if i in sound}
        if any(not np.array_equal(array, sound[i]) for i, array in spoilt.items()):
            found = judge.judge(Pair(node, node, (feed, feed), (sound, {**sound, **spoilt})))
            assert found.verdict is Verdict.FAULT, f"node {node}: {found}"


def computing(model: Model) -> list[int]:
    """The nodes of a network that compute something from its inputs."""
    graph = model.graphs[0]
    known = set(computed(graph))
    return [k for k, node in enumerate(graph.nodes) if not known.isdisjoint(node.outputs)]
