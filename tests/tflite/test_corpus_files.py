"""Files of a corpus, where one is at hand: read, written and read again they are equal, to us and to the runtime.

The corpus is the folder QENGINE_MODELS, or ../shared/models beside the checkout. By default a fixed sample of it, for
some seconds; QENGINE_CORPUS=all takes all of it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qengine.errors import ModelError
from qengine.op import CustomOp, UnknownOp
from qengine.tflite import load, schema, to_bytes

ROOT = Path(os.environ.get("QENGINE_MODELS") or Path(__file__).resolve().parents[3] / "shared" / "models")
EVERYTHING = os.environ.get("QENGINE_CORPUS") == "all"
SAMPLE = 120
KERNEL_SETS = {"default": "AUTO", "no_delegate": "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "reference": "BUILTIN_REF"}
WITH_A_WRONG_TABLE = {"litert/segment_sum_invalid_buffer"}
Entry = dict[str, Any]


def entries() -> list[Entry]:
    found = []
    for part in ("real", "ops"):
        manifest = ROOT / part / "manifest.json"
        if manifest.is_file():
            models = json.loads(manifest.read_text(encoding="utf-8"))["models"]
            found += [{**entry, "path": ROOT / part / entry["file"]} for entry in models]
    return found if EVERYTHING else random.Random(5).sample(found, min(SAMPLE, len(found)))


ENTRIES = {entry["id"]: entry for entry in entries()}
IDS = sorted(ENTRIES) or [pytest.param("", marks=pytest.mark.skip(reason=f"there is no corpus of models at {ROOT}"))]


@pytest.fixture(scope="module")
def make_inputs() -> Any:
    """The corpus' own function that makes the inputs of a call."""
    spec = importlib.util.spec_from_file_location("corpus_inputs", ROOT / "corpus_inputs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_inputs


@pytest.mark.parametrize("name", IDS)
def test_a_file_survives(name: str) -> None:
    path = ENTRIES[name]["path"]
    if ENTRIES[name]["schema_version"] != schema.VERSION:
        with pytest.raises(ModelError, match="expected schema version 3, got"):
            load(path)
        return
    model = load(path)
    assert model.unknown == ()
    blob = to_bytes(model)
    again = load(blob)
    assert again == model
    assert to_bytes(again) == blob
    assert load(to_bytes(model, limit=0)) == model


@pytest.mark.parametrize("name", IDS)
def test_the_runtime_answers_the_same(name: str, litert: types.ModuleType, make_inputs: Any) -> None:
    entry = ENTRIES[name]
    original = entry["path"].read_bytes()
    for kernel_set, resolver in KERNEL_SETS.items():
        if entry["run"][kernel_set]["status"] == "ok" and kernel_set not in entry.get("unstable", ()):
            kernels = getattr(litert.OpResolverType, resolver)
            inputs = make_inputs(entry["id"], entry["inputs"], 0)
            ours = answer(litert, to_bytes(load(entry["path"])), kernels, inputs)
            assert ours == answer(litert, original, kernels, inputs)


def answer(litert: types.ModuleType, blob: bytes, kernels: Any, inputs: list[np.ndarray]) -> tuple[str, list[Any]]:
    """What the runtime says of a model's inputs and outputs, and what it computes, to the last bit."""
    interpreter = litert.Interpreter(model_content=blob, experimental_op_resolver_type=kernels, num_threads=1)
    for detail, array in zip(interpreter.get_input_details(), inputs, strict=True):
        if tuple(detail["shape"]) != array.shape:
            interpreter.resize_tensor_input(detail["index"], array.shape)
    interpreter.allocate_tensors()
    for detail, array in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    details = interpreter.get_input_details() + interpreter.get_output_details()
    outputs = [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
    told = repr([details, interpreter.get_signature_list()])
    return told, [part.tolist() if part.dtype == object else (part.shape, part.tobytes()) for part in outputs]


@pytest.mark.parametrize("name", IDS)
def test_operators_have_the_options_table_that_they_should(name: str) -> None:
    """Those that are read as they are, to learn of a table that another operator should have."""
    entry = ENTRIES[name]
    if entry["schema_version"] == schema.VERSION:
        nodes = [node for graph in load(entry["path"]).graphs for node in graph.nodes]
        for node in nodes:
            if isinstance(node.op, UnknownOp) and name not in WITH_A_WRONG_TABLE:
                assert (node.op.table, node.op.second) in (schema.table_of(node.op.name), (None, False))
        read = {node.op.name for node in nodes if not isinstance(node.op, CustomOp)}
        assert read <= schema.codes("BuiltinOperator").keys()
