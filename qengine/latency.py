"""How long calls take: laps that alternate, spreads, and the time of each node.

Times drift from minute to minute on any machine, by more than most differences that matter. So what is compared
alternates within one run, lap by lap, and a claim is the median of the laps' ratios.
"""

from __future__ import annotations

import datetime
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import __version__
from .kernels.emit import native
from .kernels.emit.flip import plan_flip
from .kernels.emit.program import Program as Rows
from .kernels.emit.target import Target
from .kernels.profile import Profile
from .model import Model
from .program import Program, Runtime

ROUNDS = 9
Array = NDArray[Any]


class Interpreting(Protocol):
    """What qengine's and the runtime's interpreters have in common."""

    def get_input_details(self) -> Sequence[Mapping[str, Any]]: ...
    def get_output_details(self) -> Sequence[Mapping[str, Any]]: ...
    def set_tensor(self, tensor_index: int, value: Any) -> None: ...
    def get_tensor(self, tensor_index: int) -> Any: ...
    def invoke(self) -> None: ...


def some_input(shape: Sequence[int], dtype: Any) -> Array:
    """Numbers to feed: floats from -1 to 1, bytes and int16 over their range, other integers 0 (they may be indices).

    The same each time.
    """
    kind, rng = np.dtype(dtype), np.random.default_rng(0)
    if kind.kind in "iu" and kind.itemsize <= 2:
        limits = np.iinfo(kind)
        return rng.integers(limits.min, limits.max + 1, tuple(shape)).astype(kind)
    if kind.kind in "fc":
        return rng.uniform(-1, 1, tuple(shape)).astype(kind)
    return np.full(tuple(shape), b"", object) if kind.kind in "OSU" else np.zeros(tuple(shape), kind)


def whole_call(interpreter: Interpreting) -> Callable[[], list[Array]]:
    """What a caller does for an answer: inputs in, invoke, outputs out. Tensors must be allocated."""
    feeds = [(d["index"], some_input(d["shape"], d["dtype"])) for d in interpreter.get_input_details()]
    outputs = [d["index"] for d in interpreter.get_output_details()]

    def call() -> list[Array]:
        for index, array in feeds:
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in outputs]

    return call


def lap(call: Callable[[], object], count: int) -> float:
    """Seconds of one call, over `count` of them."""
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def alternate(
    calls: Mapping[str, Callable[[], object]], seconds: float, rounds: int = ROUNDS
) -> dict[str, list[float]]:
    """Seconds of one call, per round, by name: A B C A B C ..., `seconds` for each name after calls to warm up."""
    counts = {}
    for name, call in calls.items():
        call()
        counts[name] = max(1, int(seconds / rounds / max(lap(call, 3), 1e-7)))
    laps: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            laps[name].append(lap(call, counts[name]))
    return laps


def ratio(laps: Sequence[float], others: Sequence[float]) -> float:
    """The median of laps of one, over those of another in the same rounds."""
    return statistics.median(a / b for a, b in zip(laps, others, strict=True))


@dataclass(frozen=True)
class Spread:
    """Microseconds of single calls: the least, and what so many percent of the calls stay below."""

    calls: int
    least: float
    p10: float
    median: float
    p90: float
    p99: float


def spread(call: Callable[[], object], seconds: float) -> Spread:
    """Single calls, one after another, for so long."""
    for _ in range(3):
        call()
    took: list[int] = []
    end = time.perf_counter_ns() + int(seconds * 1e9)
    now = 0
    while now < end or len(took) < 5:
        start = time.perf_counter_ns()
        call()
        now = time.perf_counter_ns()
        took.append(now - start)
    p10, median, p90, p99 = (float(x) / 1e3 for x in np.percentile(took, (10, 50, 90, 99)))
    return Spread(len(took), min(took) / 1e3, p10, median, p90, p99)


@dataclass(frozen=True)
class NodeTime:
    """One node of the first graph, timed as a call of its own, less what calling costs. kernel, why: what ran."""

    index: int
    operator: str
    kernel: str
    why: str
    macs: int
    microseconds: float


def node_times(model: Model, profile: Profile, seconds: float) -> list[NodeTime]:
    """What each node of the first graph takes on one thread; constants that are computed while preparing take nothing.

    Nodes run one by one, so the sum is more than a whole call takes by what they share: a cache that is still warm.
    """
    runtime = Runtime(model, profile, separate=True)
    program = Program(runtime, 0)
    graph = model.graphs[0]
    program.prepare([graph.tensors[i].shape or () for i in graph.inputs])
    for i in graph.inputs:
        value = program.values[i]
        if value is not None and value.flags.writeable:
            value[...] = some_input(value.shape, value.dtype)
    took: dict[int, list[float]] = {}
    end = time.perf_counter() + seconds
    with np.errstate(all="ignore"):
        while time.perf_counter() < end or len(next(iter(took.values()), ())) < 5:
            for call in program.calls:
                start = time.perf_counter()
                call.run()
                took.setdefault(call.steps[0], []).append(time.perf_counter() - start)
            if not program.calls:
                break
    calling = 0.0 if runtime.target is None else _cost_of_calling(runtime.target)
    native_steps = {call.steps[0] for call in program.calls if call.native is not None}
    result = []
    for prepared in program.steps:
        laps = took.get(prepared.index, [0.0])
        micros = max(0.0, statistics.median(laps) - (calling if prepared.index in native_steps else 0)) * 1e6
        macs = 0 if prepared.step is None else prepared.step.macs
        kernel, why = ("constant", "computed while preparing") if prepared.folded else (prepared.kernel, prepared.why)
        result.append(NodeTime(prepared.index, prepared.node.op.name, kernel, why, macs, micros))
    return result


def _cost_of_calling(target: Target) -> float:
    """Seconds that a native call of nothing takes."""
    nothing = Rows(plan_flip(target, 0).bind([0], [0]), target)
    took = []
    for _ in range(200):
        start = time.perf_counter()
        nothing.run()
        took.append(time.perf_counter() - start)
    return statistics.median(took)


KERNEL_SETS = {
    "XNNPACK": "AUTO",
    "no delegates": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "reference": "BUILTIN_REF",
}
"""The runtime's kernel sets, and its names for how to choose them."""


def runtimes(content: bytes, threads: int = 1) -> dict[str, Interpreting]:
    """The runtime's interpreters of a model by kernel set, tensors allocated; none where it isn't installed.

    A kernel set that refuses the model is left out.
    """
    if find_spec("ai_edge_litert") is None:
        return {}
    module = import_module("ai_edge_litert.interpreter")
    found: dict[str, Interpreting] = {}
    for name, resolver in KERNEL_SETS.items():
        kind = getattr(module.OpResolverType, resolver)
        try:
            made = module.Interpreter(model_content=content, experimental_op_resolver_type=kind, num_threads=threads)
            made.allocate_tensors()
        except (RuntimeError, ValueError):
            continue
        found[name] = made
    return found


def about(threads: int = 1) -> dict[str, str | int]:
    """What a measurement must name: processor, versions, threads, date."""
    facts: dict[str, str | int] = {"processor": _processor(), "threads": threads}
    try:
        facts |= {"variant": native.variant().name, "compiler": native.host().versions}
    except native.NoNativeCode as error:
        facts["variant"] = str(error)
    facts |= {"Python": platform.python_version(), "NumPy": np.__version__, "qengine": __version__}
    if find_spec("ai_edge_litert") is not None:
        facts["ai-edge-litert"] = metadata.version("ai-edge-litert")
    return facts | {"date": datetime.datetime.now(datetime.UTC).date().isoformat()}


def _processor() -> str:
    """The processor as the system names it and as LLVM knows it."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass
    try:
        return f"{name} ({native.host().processor})"
    except native.NoNativeCode:
        return name
