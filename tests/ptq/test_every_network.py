"""Every float file of a corpus in every scheme: it loads and runs in the runtime, and we compute what the runtime does.

The corpus is the folder QENGINE_MODELS, or ../shared/models beside the checkout. By default a fixed sample of its small
files; QENGINE_CORPUS=all takes all that hold no quantized tensors (minutes).
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qengine as qe
from qengine.ptq.recipe import SCHEMES
from qengine.tflite import to_bytes

ROOT = Path(os.environ.get("QENGINE_MODELS") or Path(__file__).resolve().parents[3] / "shared" / "models")
EVERYTHING = os.environ.get("QENGINE_CORPUS") == "all"
SAMPLE, SMALL = 8, 10_000
RESOLVERS = {
    "xnnpack": "AUTO",
    "optimized": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "reference": "BUILTIN_REF",
}
WAYS: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in SCHEMES if name != "float"} | {
    "int8 ends": ("static_wi8_ai8", {"input_type": "int8", "output_type": "int8"}),
    "uint8 ends": ("static_wi8_ai8", {"input_type": "uint8", "output_type": "uint8"}),
    "int16 ends": ("static_wi8_ai16", {"input_type": "int16", "output_type": "int16"}),
    "tensorwise": ("static_wi8_ai8", {"granularity": "tensorwise"}),
    "dynamic, blocks": ("dynamic_wi8_afp32", {"granularity": "blockwise"}),
    "dynamic int4, blocks": ("dynamic_wi4_afp32", {"granularity": "blockwise"}),
}
REFUSED = {"litert/simple_add_dynamic_shape": "its inputs have another shape than the file fixes"}
Entry = dict[str, Any]


def entries() -> list[Entry]:
    manifest = ROOT / "real" / "manifest.json"
    if not manifest.is_file():
        return []
    models = json.loads(manifest.read_text(encoding="utf-8"))["models"]
    runs = [e for e in models if e["litert"] == "runs" and not e.get("huge") and e["id"] not in REFUSED]
    found = [e for e in runs if e["quantization"] == ["none"]]
    small = [e for e in found if e["size"] < SMALL]
    return found if EVERYTHING else random.Random(1).sample(small, min(SAMPLE, len(small)))


@pytest.fixture(scope="session")
def make_inputs() -> Any:
    """The corpus' own function that makes the inputs of a call."""
    spec = importlib.util.spec_from_file_location("corpus_inputs", ROOT / "corpus_inputs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_inputs


def samples(entry: Entry, make_inputs: Any) -> Iterator[Any]:
    """A few calls' inputs; by signature where there are several."""
    signatures = entry.get("signature_inputs", [])
    if len(signatures) < 2:
        yield from (make_inputs(entry["id"], entry["inputs"], call) for call in range(8))
        return
    for signature in signatures:
        for call in range(4):
            arrays = make_inputs(f"{entry['id']}#{signature['key']}", signature["inputs"], call)
            yield signature["key"], {s["name"]: x for s, x in zip(signature["inputs"], arrays, strict=True)}


def run(interpreter: Any, arrays: list[Any]) -> list[Any]:
    details = interpreter.get_input_details()
    for detail, array in zip(details, arrays, strict=True):
        if tuple(detail["shape"]) != np.shape(array):
            interpreter.resize_tensor_input(detail["index"], list(np.shape(array)))
    interpreter.allocate_tensors()
    for detail, array in zip(details, arrays, strict=True):
        interpreter.set_tensor(detail["index"], as_taken(array, detail))
    interpreter.invoke()
    return [np.array(interpreter.get_tensor(d["index"])) for d in interpreter.get_output_details()]


def as_taken(array: Any, detail: dict[str, Any]) -> Any:
    """Real numbers in the integers that the input takes."""
    type_ = np.dtype(detail["dtype"])
    if array.dtype.kind != "f" or type_.kind == "f":
        return array
    scale, point = detail["quantization"]
    return qe.affine.quantize(array, scale, point, type_)


def check(ours: Any, theirs: Any, *, rounds: bool) -> None:
    """Integers equal, 99.9 % of floats within 1e-4 of the range and the rest within a step of 8 bits. rounds: whether
    floats that are summed in another order are rounded to integers later: steps may be off by one then, in a few rows.
    """
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    few = 0.05 if rounds else 0.001
    if theirs.dtype.kind in "iu" and rounds:
        off = np.abs(ours.astype(np.int64) - theirs.astype(np.int64))
        assert off.max(initial=0) <= 1
        assert off.mean() <= few
    elif theirs.dtype.kind == "f":
        finite = np.isfinite(theirs)
        np.testing.assert_array_equal(ours[~finite], theirs[~finite])
        span = float(np.abs(theirs[finite]).max(initial=1e-6))
        apart = np.abs(ours[finite] - theirs[finite]) / span
        assert (apart > 1e-4).sum() <= few * apart.size
        assert apart.max(initial=0) <= 1 / 127
    else:
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry["id"]) for entry in entries()])
def test_what_is_made_runs_alike(entry: Entry, way: str, make_inputs: Any) -> None:
    runtime = pytest.importorskip("ai_edge_litert.interpreter")
    scheme, changes = WAYS[way]
    source = samples(entry, make_inputs)
    made = qe.quantize(ROOT / "real" / entry["file"], scheme, source, measure=0, unquantizable="float", **changes)
    blob = to_bytes(made.model)
    arrays = make_inputs(entry["id"], entry["inputs"], 0)
    for profile, resolver in RESOLVERS.items():
        if entry["run"].get({"xnnpack": "default", "optimized": "no_delegate"}.get(profile, profile))["status"] != "ok":
            continue
        kind = getattr(runtime.OpResolverType, resolver)
        real = runtime.Interpreter(model_content=blob, experimental_op_resolver_type=kind, num_threads=1)
        ours = qe.Interpreter(model_content=blob, profile=profile)
        for got, want in zip(run(ours, arrays), run(real, arrays), strict=True):
            check(got, want, rounds=bool(made.report.in_float))
