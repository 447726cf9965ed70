"""Real networks and single operators from a corpus of files, where one is at hand: the runtime's recorded outputs.

The corpus is the folder QENGINE_MODELS, or ../shared/models beside the checkout. By default its int8 and uint8 networks
run, and a fixed sample of its other models, for less than a minute; QENGINE_CORPUS=all runs all of it.
Integers, flags and strings are compared with the recorded digests; floats with the runtime itself, where it is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import random
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qengine.errors import ModelError, Unsupported
from qengine.interpreter import Interpreter
from qengine.ops import find

ROOT = Path(os.environ.get("QENGINE_MODELS") or Path(__file__).resolve().parents[2] / "shared" / "models")
EVERYTHING = os.environ.get("QENGINE_CORPUS") == "all"
SAMPLE, LARGEST = 400, 5_000_000
KERNEL_SETS = {
    "xnnpack": ("default", "AUTO"),
    "optimized": ("no_delegate", "BUILTIN_WITHOUT_DEFAULT_DELEGATES"),
    "reference": ("reference", "BUILTIN_REF"),
}
EXACT = re.compile("u?int|bool|object")
DYNAMIC_RANGE = {"hybrid", "hybrid_asym", "hybrid_row"}
WITHIN = 1e-4  # of the largest magnitude: floats are summed in another order
TIES = 1e-3  # of the elements may be further away, where integers follow from such sums
Entry = dict[str, Any]


def entries(part: str) -> list[Entry]:
    manifest = ROOT / part / "manifest.json"
    if not manifest.is_file():
        return []
    models = json.loads(manifest.read_text(encoding="utf-8"))["models"]
    return [{**entry, "path": ROOT / part / entry["file"]} for entry in models]


REAL, OPS = entries("real"), entries("ops")
MODELS = {entry["id"]: entry for entry in (*REAL, *OPS)}


def chosen() -> Iterator[Any]:
    """The models to run: all that the runtime runs, or the integer networks and a sample of others.

    Dynamic-range models are among all, not in the sample: where a float falls on the other side of a rounding, deep
    networks with random weights go apart.
    """
    runnable = [e for e in (*REAL, *OPS) if e["litert"] != "refused" and not e.get("huge")]
    networks = [e for e in runnable if is_integer_network(e)]
    others = [e for e in runnable if not is_integer_network(e)]
    if not EVERYTHING:
        networks = [e for e in networks if e["size"] < LARGEST]
        others = [e for e in others if not DYNAMIC_RANGE & set(e["quantization"])]
        others = random.Random(0).sample(others, min(SAMPLE, len(others)))
    for entry in (*networks, *others):
        missing = sorted({op["op"] for op in entry["ops"] if find(op["op"]) is None})
        marks = [pytest.mark.skip(reason=f"not built yet: {', '.join(missing)}")] if missing else []
        yield pytest.param(entry["id"], marks=marks, id=entry["id"])


def is_integer_network(entry: Entry) -> bool:
    return entry.get("kind") == "network" and bool({"int8", "uint8"} & set(entry["quantization"]))


def hangs_on_floats(entry: Entry) -> bool:
    """Whether integers among the outputs follow from sums of floats, which may be added in another order."""
    return bool(DYNAMIC_RANGE & set(entry["quantization"])) or any(
        op["op"] in ("ARG_MAX", "ARG_MIN", "CAST") for op in entry["ops"]
    )


def listed(reason: str, names: list[str]) -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.skip(reason=reason), id=name) for name in names]


HUGE = [name for name, entry in MODELS.items() if entry.get("huge")]
REFUSED = [name for name, entry in MODELS.items() if entry["litert"] == "refused"]


@pytest.fixture(scope="session")
def make_inputs() -> Any:
    """The corpus' own function that makes the inputs of a call."""
    if not MODELS:
        pytest.skip(f"there is no corpus of models at {ROOT}")
    spec = importlib.util.spec_from_file_location("corpus_inputs", ROOT / "corpus_inputs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_inputs


def run(interpreter: Any, entry: Entry, calls: int, make_inputs: Any) -> list[list[Any]]:
    """The outputs of each call, in one interpreter: state carries over."""
    interpreter.allocate_tensors()
    results = []
    for call in range(calls):
        arrays = make_inputs(entry["id"], entry["inputs"], call)
        details = interpreter.get_input_details()
        if any("run_shapes" in spec for spec in entry["inputs"]):
            for detail, array, spec in zip(details, arrays, entry["inputs"], strict=True):
                if "run_shapes" in spec:
                    interpreter.resize_tensor_input(detail["index"], list(np.shape(array)))
            interpreter.allocate_tensors()
        for detail, array in zip(details, arrays, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        results.append([np.array(interpreter.get_tensor(d["index"])) for d in interpreter.get_output_details()])
    return results


def digest(array: Any) -> str:
    content = repr(array.tolist()).encode() if array.dtype.kind in "OSU" else np.ascontiguousarray(array).tobytes()
    return hashlib.sha256(content).hexdigest()[:16]


def check_near(ours: Any, theirs: Any, off: float) -> None:
    """`off`: the part of the elements that may be further away."""
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    if theirs.dtype.kind in "iub":
        assert np.mean(ours != theirs) <= off
        return
    finite = np.isfinite(theirs)
    np.testing.assert_array_equal(ours[~finite], theirs[~finite])
    largest = float(np.abs(theirs[finite]).max(initial=1e-6))
    with np.errstate(invalid="ignore"):
        far = np.abs(ours[finite] - theirs[finite]) > WITHIN * largest
    assert far.sum() <= off * far.size


@pytest.mark.parametrize("profile", KERNEL_SETS)
@pytest.mark.parametrize("name", list(chosen()) or [None])
def test_outputs_are_the_runtime_s(name: str, profile: str, make_inputs: Any, request: pytest.FixtureRequest) -> None:
    entry = MODELS[name]
    kernel_set, resolver = KERNEL_SETS[profile]
    recorded = entry["run"].get(kernel_set, {})
    if recorded.get("status") != "ok":
        pytest.skip(f"the runtime refuses it in this kernel set: {recorded.get('error', '')[:100]}")
    if kernel_set in entry.get("unstable", []):
        pytest.skip("the runtime's own outputs change from call to call")
    calls = recorded["calls"] if EVERYTHING or entry["size"] < LARGEST / 10 else recorded["calls"][:1]
    try:
        got = run(Interpreter(model_path=entry["path"], profile=profile), entry, len(calls), make_inputs)
    except Unsupported as error:
        if is_integer_network(entry):
            raise
        pytest.xfail(f"not built yet: {error}")
    digests = [[EXACT.match(out["dtype"]) and not hangs_on_floats(entry) for out in call["outputs"]] for call in calls]
    for arrays, call, exact in zip(got, calls, digests, strict=True):
        assert [list(array.shape) for array in arrays] == [out["shape"] for out in call["outputs"]]
        pairs = [(digest(a), out["sha"]) for a, out, by in zip(arrays, call["outputs"], exact, strict=True) if by]
        assert [ours for ours, _ in pairs] == [theirs for _, theirs in pairs]
    if all(map(all, digests)):
        return
    litert: types.ModuleType = request.getfixturevalue("litert")
    real = litert.Interpreter(
        model_path=str(entry["path"]),
        experimental_op_resolver_type=getattr(litert.OpResolverType, resolver),
        num_threads=1,
    )
    for ours, theirs, exact in zip(got, run(real, entry, len(calls), make_inputs), digests, strict=True):
        for array, wanted, by in zip(ours, theirs, exact, strict=True):
            if not by:
                check_near(array, wanted, TIES if hangs_on_floats(entry) else 0)


@pytest.mark.parametrize("name", listed("takes gigabytes, or many seconds a call", HUGE) or [None])
def test_huge_models_are_not_run(name: str, make_inputs: Any) -> None:
    raise AssertionError("listed, so that they are seen")


@pytest.mark.parametrize("name", REFUSED or [None])
def test_what_the_runtime_refuses_never_crashes(name: str, make_inputs: Any) -> None:
    """It is refused here too, or it runs: both are answers."""
    with contextlib.suppress(ModelError, RuntimeError):
        Interpreter(model_path=MODELS[name]["path"]).allocate_tensors()
