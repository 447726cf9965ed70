"""The assertions: a model gives the same numbers here as in a real runtime, or as in a golden file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..compare.session import compare
from ..interpreter import Interpreter
from ..kernels.profile import Profile
from ..model import Model
from ..tflite import load
from .calls import Call, calls_of
from .golden import Golden, read_golden
from .parity import FLOATS_WITHIN, Parity, agreements
from .run import blob_of, run_calls
from .runtimes import RealRuntime, find_runtime, kernel_set


def assert_tflite_parity(
    model: Any,
    inputs: Any = None,
    profile: str | Profile = Profile.XNNPACK,
    lsb: int = 0,
    *,
    float_tolerance: float = FLOATS_WITHIN,
    runtime: str | RealRuntime | None = None,
) -> Parity:
    """Asserts that a model's outputs here are the real runtime's, and gives the measurement.

    model: a Model, a path, bytes, or what `quantize` gives. inputs: None for three calls of random numbers, or the
    calls (`qengine.testing.calls.calls_of`); all run in one interpreter, so that variables carry over.
    profile: which of the runtime's kernel sets; lsb: by how many steps quantized outputs may differ (flags, and
    integers that count, never may); float_tolerance: by how much floats may, as part of the output's largest magnitude;
    runtime: which installed one, by name (RUNTIMES); None: the first that is installed.

    AssertionError names the outputs, the first elements that differ, and the node where it begins. ValueError or
    RuntimeError where the real runtime refuses the model; ModuleNotFoundError where none is installed.
    """
    blob, profile = blob_of(model), Profile(profile)
    real = runtime if isinstance(runtime, RealRuntime) else find_runtime(runtime)
    loaded = load(blob)
    calls = calls_of(loaded, inputs)
    found = _measured(loaded, blob, calls, profile, real)
    if not found.within(lsb, float_tolerance):
        raise AssertionError(f"{found}{_begins(loaded, calls, profile, real)}")
    return found


def measure(
    model: Any,
    inputs: Any = None,
    profile: str | Profile = Profile.XNNPACK,
    *,
    runtime: str | RealRuntime | None = None,
) -> Parity:
    """How far a model's outputs here are from the real runtime's; asserts nothing. Arguments as there."""
    blob = blob_of(model)
    real = runtime if isinstance(runtime, RealRuntime) else find_runtime(runtime)
    loaded = load(blob)
    return _measured(loaded, blob, calls_of(loaded, inputs), Profile(profile), real)


def assert_golden(
    golden: Golden | str | os.PathLike[str],
    lsb: int = 0,
    *,
    float_tolerance: float = FLOATS_WITHIN,
    runtime: str | RealRuntime | None = None,
) -> Parity:
    """Asserts that a golden file's model still gives its answers here; no real runtime is needed.

    runtime: asks that installed runtime instead of qengine: whether its newer version answers as the recorded one.
    """
    held = golden if isinstance(golden, Golden) else read_golden(golden)
    model = load(held.blob)
    if runtime is None:
        ours, who = run_calls(Interpreter(model_content=held.blob, profile=held.profile), held.calls), ""
    else:
        real = runtime if isinstance(runtime, RealRuntime) else find_runtime(runtime)
        ours, who = run_calls(real.interpreter(held.blob, held.profile), held.calls), f"{real}: "
    outputs = tuple(agreements(model, ours, held.answers))
    found = Parity(held.profile.value, str(held), len(held.calls), outputs)
    if not found.within(lsb, float_tolerance):
        raise AssertionError(f"{who}{found}")
    return found


def measure_blob(blob: bytes, calls: Sequence[Call], profile: Profile, real: RealRuntime) -> Parity:
    """`measure` of a file's bytes and calls that are ready."""
    return _measured(load(blob), blob, calls, profile, real)


def _measured(model: Model, blob: bytes, calls: Sequence[Call], profile: Profile, real: RealRuntime) -> Parity:
    theirs = run_calls(real.interpreter(blob, profile), calls)
    ours = run_calls(Interpreter(model_content=blob, profile=profile), calls)
    return Parity(profile.value, f"{real} {kernel_set(profile)}", len(calls), tuple(agreements(model, ours, theirs)))


def _begins(model: Model, calls: Sequence[Call], profile: Profile, real: RealRuntime) -> str:
    """A line that names the first node that differs, where the comparison of nodes can see it; else nothing."""
    if real.name != "ai-edge-litert":
        return ""
    names = {"xnnpack": "auto", "optimized": "optimized", "reference": "reference"}
    graph = model.graphs[0]
    if any(array.dtype.kind in "OSU" for call in calls for array in call):
        return ""
    items = [{graph.tensors[i].name: x for i, x in zip(graph.inputs, call, strict=True)} for call in calls]
    try:
        found = compare((model, f"qengine:{profile.value}"), (model, f"litert:{names[profile.value]}"), items)
    except (ValueError, RuntimeError) as error:
        return f"\n  node by node: {error}"
    first = found.first_difference
    if first is None:
        return ""
    return f"\n  it begins at node {first.node}, {first.operator} {first.name!r}: {first.verdict.value}, {first.reason}"


def golden_path(folder: Path, name: str, profile: Profile) -> tuple[Path, Path]:
    """Where the fixture keeps a test's golden file, and its model."""
    return folder / f"{name}.{profile.value}.golden.npz", folder / f"{name}.tflite"
