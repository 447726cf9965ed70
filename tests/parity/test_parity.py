"""Every case in every profile, against the runtime's kernel set of that profile."""

from __future__ import annotations

import importlib
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parity_case import Array, Case

from qengine.errors import Unsupported
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


def refusal(make: Callable[[], Any]) -> str:
    """At which call an interpreter refuses its model, and with which kind of error."""
    call = "the constructor"
    try:
        interpreter = make()
        call = "allocate_tensors"
        interpreter.allocate_tensors()
    except Unsupported:
        raise
    except (ValueError, RuntimeError) as error:
        return f"{call}: {'RuntimeError' if isinstance(error, RuntimeError) else 'ValueError'}"
    return "accepted"


@pytest.mark.parametrize(
    ("name", "profile"),
    [(name, profile) for name, case in CASES.items() for profile in KERNEL_SETS if profile not in case.refused],
)
def test_native_kernels_are_their_references_and_stay_in_their_memory(
    name: str, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    blob = to_bytes(case.model())
    native = outputs(Interpreter(model_content=blob, profile=profile), case, blob)
    guarded = outputs(Interpreter(model_content=blob, profile=profile, debug=True), case, blob)
    monkeypatch.setenv("QENGINE_CPU", "none")
    reference = outputs(Interpreter(model_content=blob, profile=profile), case, blob)
    for fast, watched, plain in zip(native, guarded, reference, strict=True):
        check_equal(fast, plain, case.within)
        check_equal(watched, plain, case.within)


@pytest.mark.parametrize("profile", KERNEL_SETS)
@pytest.mark.parametrize("name", CASES)
def test_outputs_are_the_runtime_s(name: str, profile: str, litert: types.ModuleType) -> None:
    case = CASES[name]
    blob = to_bytes(case.model())
    kernel_set = getattr(litert.OpResolverType, KERNEL_SETS[profile])

    def real() -> Any:
        return litert.Interpreter(model_content=blob, experimental_op_resolver_type=kernel_set, num_threads=1)

    def ours() -> Any:
        return Interpreter(model_content=blob, profile=profile)

    if profile in case.refused:
        wanted_refusal = refusal(real)
        assert wanted_refusal != "accepted"
        assert refusal(ours) == wanted_refusal
        return
    wanted = outputs(real(), case, blob)
    for got, right in zip(outputs(ours(), case, blob), wanted, strict=True):
        check_equal(got, right, case.within)


@pytest.mark.parametrize("name", CASES)
def test_a_case_survives_its_file(name: str) -> None:
    model = CASES[name].model()
    assert load(to_bytes(model)) == model
