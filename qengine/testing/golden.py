"""Golden files: a model, what it was fed, and what a runtime answered, with that runtime's name and version.

`NAME.golden.npz` beside the `.tflite` that it names. Arrays: `call0/input0`, `call0/output0` and so on, in the order of
the first graph; `about`: JSON text with the format's number, the runtime, its version, the profile, the machine, the
names of inputs and outputs, the model's file and its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ..kernels.profile import Profile
from ..op import Array
from ..tflite import load
from .calls import Call, calls_of
from .run import blob_of, run_calls
from .runtimes import RealRuntime, find_runtime

FORMAT = 1
SUFFIX = ".golden.npz"


@dataclass(frozen=True, eq=False)
class Golden:
    """What a golden file holds. path: its own; blob: the model's bytes; calls and answers: by call, arrays in order."""

    path: Path
    blob: bytes
    runtime: str
    version: str
    profile: Profile
    machine: str
    calls: tuple[Call, ...]
    answers: tuple[tuple[Array, ...], ...]

    def __str__(self) -> str:
        return f"{self.path.name} ({self.runtime} {self.version} on {self.machine})"


def write_golden(
    model: Any,
    path: str | os.PathLike[str],
    inputs: Any = None,
    profile: str | Profile = Profile.XNNPACK,
    *,
    runtime: str | RealRuntime | None = None,
    model_path: str | os.PathLike[str] | None = None,
) -> Path:
    """Runs a model in a real runtime and keeps what came of it at `path`, which ends in `.golden.npz`.

    The model's file goes to model_path, in the same folder (default: `path` with .tflite for .golden.npz). inputs: see
    `calls_of`. ValueError where the path ends otherwise, or where arrays hold strings, which these files can't.
    """
    path = Path(path)
    if not path.name.endswith(SUFFIX):
        raise ValueError(f"expected a path that ends in {SUFFIX}, got {path.name!r}")
    beside = path.with_name(path.name.removesuffix(SUFFIX) + ".tflite") if model_path is None else Path(model_path)
    if beside.parent != path.parent:
        raise ValueError(f"expected the model beside {path}, got {beside}")
    blob, profile = blob_of(model), Profile(profile)
    real = runtime if isinstance(runtime, RealRuntime) else find_runtime(runtime)
    loaded = load(blob)
    graph = loaded.graphs[0]
    calls = calls_of(loaded, inputs)
    answers = run_calls(real.interpreter(blob, profile), calls)
    arrays = {f"call{n}/input{i}": array for n, call in enumerate(calls) for i, array in enumerate(call)}
    arrays |= {f"call{n}/output{i}": array for n, call in enumerate(answers) for i, array in enumerate(call)}
    if any(array.dtype.kind in "OSU" for array in arrays.values()):
        raise ValueError("expected numbers, got strings: golden files hold none")
    about = {
        "format": FORMAT,
        "runtime": real.name,
        "version": real.version,
        "profile": profile.value,
        "machine": platform.machine(),
        "inputs": [graph.tensors[i].name for i in graph.inputs],
        "outputs": [graph.tensors[i].name for i in graph.outputs],
        "model": beside.name,
        "sha256": hashlib.sha256(blob).hexdigest(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    beside.write_bytes(blob)
    with path.open("wb") as file:
        np.savez_compressed(file, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]
    return path


def read_golden(path: str | os.PathLike[str]) -> Golden:
    """A golden file with its model. ValueError where it isn't one, or where the model is another by now."""
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        about = json.loads(str(arrays.pop("about")))
        if about["format"] != FORMAT:
            raise ValueError(f"format {about['format']} instead of {FORMAT}")
        beside = path.with_name(Path(about["model"]).name)
        counts = len(about["inputs"]), len(about["outputs"])
        wanted, runtime, version = about["sha256"], about["runtime"], about["version"]
        profile, machine = Profile(about["profile"]), about["machine"]
        number = len({name.partition("/")[0] for name in arrays})
        calls = _ordered(arrays, "input", number, counts[0])
        answers = _ordered(arrays, "output", number, counts[1])
    except (BadZipFile, EOFError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"expected a golden file, got {path}: {error}") from error
    blob = beside.read_bytes()
    if hashlib.sha256(blob).hexdigest() != wanted:
        raise ValueError(f"expected the {beside.name} that {path.name} was made with, got another: make it anew")
    return Golden(path, blob, runtime, version, profile, machine, calls, answers)


def _ordered(arrays: dict[str, Array], kind: str, calls: int, count: int) -> tuple[tuple[Array, ...], ...]:
    each: Sequence[int] = range(count)
    return tuple(tuple(arrays[f"call{n}/{kind}{i}"] for i in each) for n in range(calls))
