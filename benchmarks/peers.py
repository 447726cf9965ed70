"""A model beside who else runs it: the real runtime's three kernel sets, and onnxruntime where that is installed.

Each of qengine's profiles is held against the kernel set whose rules it has; onnxruntime, on a twin of the model
(`onnx_twin`), against the profile `xnnpack`. What is compared alternates lap by lap, and a ratio is the median of the
laps' ratios.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import numpy as np

import qengine as qe
from qengine.kernels.profile import Profile
from qengine.latency import about as about_the_runtime
from qengine.latency import alternate, ratio, runtimes, some_input, whole_call

ONNX = "onnxruntime"
PROFILES = {"XNNPACK": Profile.XNNPACK, "no delegates": Profile.OPTIMIZED, "reference": Profile.REFERENCE}
Call = Callable[[], list[Any]]


@dataclass(frozen=True)
class Pair:
    """One profile and one peer: microseconds of a call (medians), ours over theirs, and how far our laps spread.

    equal: whether the outputs are (floats to 1e-4 of the largest); None of onnxruntime, which rounds in its own way.
    """

    profile: str
    peer: str
    ours: float
    theirs: float
    ratio: float
    spread: float
    equal: bool | None

    def __str__(self) -> str:
        differ = "  OUTPUTS DIFFER" if self.equal is False else ""
        return (
            f"{self.peer:12s} {self.ours:10.1f} us, theirs {self.theirs:10.1f} us, ratio {self.ratio:5.2f}, "
            f"spread {self.spread:4.0%}{differ}"
        )


def pairs(content: bytes, threads: int, seconds: float) -> tuple[Pair, ...]:
    """Whole calls (inputs in, invoke, outputs out) of a model, `seconds` for each engine of a pair."""
    model, found = qe.load(content), []
    for name, peer in runtimes(content, threads).items():
        found.append(_pair(model, PROFILES[name], name, whole_call(peer), threads, seconds))
    twin = onnx_call(model, threads)
    if twin is not None:
        found.append(_pair(model, Profile.XNNPACK, ONNX, twin, threads, seconds))
    return tuple(found)


def _pair(model: qe.Model, profile: Profile, peer: str, theirs: Call, threads: int, seconds: float) -> Pair:
    interpreter = qe.Interpreter(model=model, profile=profile, num_threads=threads)
    interpreter.allocate_tensors()
    ours = whole_call(interpreter)
    equal = None if peer == ONNX else same(ours(), theirs())
    laps = alternate({"ours": ours, "theirs": theirs}, seconds)
    medians = {key: statistics.median(values) for key, values in laps.items()}
    spread = (max(laps["ours"]) - min(laps["ours"])) / medians["ours"]
    found = ratio(laps["ours"], laps["theirs"])
    return Pair(profile.value, peer, medians["ours"] * 1e6, medians["theirs"] * 1e6, found, spread, equal)


def same(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> bool:
    """Integers equal; floats to 1e-4 of the largest."""
    return all(
        np.array_equal(a, b)
        if a.dtype.kind != "f"
        else np.allclose(a, b, rtol=0, atol=1e-4 * max(1e-6, float(np.abs(b).max(initial=0))), equal_nan=True)
        for a, b in zip(ours, theirs, strict=True)
    )


def onnx_call(model: qe.Model, threads: int) -> Call | None:
    """A call of the model's twin in onnxruntime; None where that isn't installed, or where there is no twin."""
    if find_spec("onnx") is None or find_spec("onnxruntime") is None:
        return None
    import onnxruntime
    from onnx_twin import NoTwin, twin

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    try:
        content = twin(model).SerializeToString()
    except NoTwin:
        return None
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    graph, feeds = model.graphs[0], {}
    for given, index in zip(session.get_inputs(), graph.inputs, strict=True):
        tensor = graph.tensors[index]
        values = some_input(tensor.shape or (), tensor.type.dtype)
        feeds[given.name] = (values.view(np.uint8) ^ np.uint8(0x80)) if values.dtype == np.int8 else values
    return lambda: session.run(None, feeds)


def about(threads: int = 1) -> dict[str, str | int]:
    """What a measurement must name: processor, versions of all engines, threads, date."""
    facts = about_the_runtime(threads)
    return facts if find_spec(ONNX) is None else {**facts, ONNX: metadata.version(ONNX)}
