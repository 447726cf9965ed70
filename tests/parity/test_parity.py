"""Every case in every profile, against the runtime's kernel set of that profile."""

from __future__ import annotations

import importlib
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parity_case import Array, Case

from qengine.interpreter import Interpreter
from qengine.tflite import load, to_bytes

KERNEL_SETS = {
    "xnnpack": "AUTO",
    "optimized": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "reference": "BUILTIN_REF",
}
MODULES = sorted(path.stem for path in (Path(__file__).parent / "cases").glob("*.py"))
CASES: dict[str, Case] = {
    case.name: case for stem in MODULES for case in importlib.import_module(f"cases.{stem}").CASES
}


def outputs(interpreter: Any, case: Case, blob: bytes) -> list[list[Array]]:
    """The outputs of each call, all in one interpreter: state carries over."""
    interpreter.allocate_tensors()
    model, results = load(blob), []
    for number in range(case.calls):
        for detail, array in zip(interpreter.get_input_details(), case.call(model, number), strict=True):
            if tuple(detail["shape"]) != array.shape:
                interpreter.resize_tensor_input(detail["index"], array.shape)
                interpreter.allocate_tensors()
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        results.append([interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()])
    return results


def check_equal(got: Sequence[Array], wanted: Sequence[Array], within: float) -> None:
    assert len(got) == len(wanted)
    for ours, theirs in zip(got, wanted, strict=True):
        assert ours.dtype.kind in ("O", "S") or ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        if theirs.dtype.kind in "fc":
            finite = theirs[np.isfinite(theirs)]
            largest = float(np.abs(finite).max(initial=1e-6))
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=within * largest)
        else:
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("profile", KERNEL_SETS)
@pytest.mark.parametrize("name", CASES)
def test_outputs_are_the_runtime_s(name: str, profile: str, litert: types.ModuleType) -> None:
    case = CASES[name]
    if profile in case.except_in:
        pytest.skip(f"the runtime refuses this model in the kernel set {profile}")
    blob = to_bytes(case.model())
    kernel_set = getattr(litert.OpResolverType, KERNEL_SETS[profile])
    theirs = litert.Interpreter(model_content=blob, experimental_op_resolver_type=kernel_set, num_threads=1)
    wanted = outputs(theirs, case, blob)
    got = outputs(Interpreter(model_content=blob, profile=profile), case, blob)
    for ours, real in zip(got, wanted, strict=True):
        check_equal(ours, real, case.within)


@pytest.mark.parametrize("name", CASES)
def test_a_case_survives_its_file(name: str) -> None:
    model = CASES[name].model()
    assert load(to_bytes(model)) == model
