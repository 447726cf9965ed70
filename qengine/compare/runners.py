"""Who runs a model: qengine in one of its profiles, the real runtime with one of its kernel sets, tflite-micro.

Every runner says what each tensor held. Those that can only show outputs are given the model with every tensor as an
output: delegates and memory planners then keep them all.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Model
from ..program import Program, Runtime
from ..tflite import to_bytes
from .recording import Feed, Recording, computed

KERNEL_SETS = {
    "auto": ("AUTO", Profile.XNNPACK),
    "builtin": ("BUILTIN", Profile.XNNPACK),
    "xnnpack": ("AUTO", Profile.XNNPACK),
    "optimized": ("BUILTIN_WITHOUT_DEFAULT_DELEGATES", Profile.OPTIMIZED),
    "builtin_without_default_delegates": ("BUILTIN_WITHOUT_DEFAULT_DELEGATES", Profile.OPTIMIZED),
    "reference": ("BUILTIN_REF", Profile.REFERENCE),
    "builtin_ref": ("BUILTIN_REF", Profile.REFERENCE),
}
"""The runtime's OpResolverType, and whose rounding that is, by the name in `litert:<name>`."""


class Runner(Protocol):
    """Runs models and says what their tensors held.

    name: as `compare` and the command line know it. profiles: whose rounding rules it may follow, likeliest first.
    tolerance: by how many LSB it may be off those rules without a fault being seen in it.
    """

    @property
    def name(self) -> str: ...
    @property
    def profiles(self) -> tuple[Profile, ...]: ...
    @property
    def tolerance(self) -> int: ...
    def record(self, model: Model, feed: Feed) -> Recording:
        """One call, variables at their start. RuntimeError or ModelError where the model can't be run."""


@dataclass(frozen=True)
class Engine:
    """qengine's own interpreter in one profile."""

    profile: Profile = Profile.XNNPACK
    tolerance: int = 0
    _programs: dict[Any, Program] = field(default_factory=dict, compare=False, repr=False)

    @property
    def name(self) -> str:
        return f"qengine:{self.profile.value}"

    @property
    def profiles(self) -> tuple[Profile, ...]:
        return (self.profile,)

    def record(self, model: Model, feed: Feed) -> Recording:
        program = prepared(self._programs, model, self.profile, feed)
        program.reset_variables()
        for i, array in feed.arrays.items():
            target = program.values[i]
            if target is None or not target.flags.writeable or target.shape != array.shape:
                raise ModelError(f"expected an input that can be fed, got {program.specs[i].name!r}")
            np.copyto(target, array)
        program.run()
        found = {i: program.read(i) for i in computed(program.graph)}
        return {**feed.arrays, **{i: value.copy() for i, value in found.items() if value is not None}}


def prepared(cache: dict[Any, Program], model: Model, profile: Profile, feed: Feed, *, native: bool = True) -> Program:
    """The graph that the feed is for, prepared for its shapes, every tensor kept; the same one for the same shapes."""
    key = (id(model), profile, feed.graph, feed.shapes, native)
    if key not in cache:
        program = Program(Runtime(model, profile, keep_all=True, native=native), feed.graph)
        shapes = dict(feed.shapes)
        program.prepare([shapes.get(i, program.graph.tensors[i].shape or ()) for i in program.graph.inputs])
        cache[key] = program  # it holds the model: its id isn't given to another
    return cache[key]


@dataclass(frozen=True)
class LiteRT:
    """The package ai-edge-litert with one of its kernel sets."""

    kernel_set: str = "auto"
    tolerance: int = 0
    _interpreters: dict[Any, tuple[Any, Model]] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.kernel_set not in KERNEL_SETS:
            raise ValueError(f"expected a kernel set among {', '.join(KERNEL_SETS)}, got {self.kernel_set!r}")

    @property
    def name(self) -> str:
        return f"litert:{self.kernel_set}"

    @property
    def profiles(self) -> tuple[Profile, ...]:
        return (KERNEL_SETS[self.kernel_set][1],)

    @cached_property
    def _module(self) -> Any:
        return _imported("ai_edge_litert.interpreter", "ai-edge-litert", self.name)

    def record(self, model: Model, feed: Feed) -> Recording:
        _only_first(feed, self.name)
        key = (id(model), feed.shapes)
        if key not in self._interpreters:
            self._interpreters[key] = self._prepared(model, feed), model
        interpreter = self._interpreters[key][0]
        interpreter.reset_all_variables()
        for i, array in feed.arrays.items():
            interpreter.set_tensor(i, array)
        interpreter.invoke()
        found = {i: np.array(interpreter.get_tensor(i)) for i in computed(model.graphs[0])}
        return {**feed.arrays, **found}

    def _prepared(self, model: Model, feed: Feed) -> Any:
        resolver = getattr(self._module.OpResolverType, KERNEL_SETS[self.kernel_set][0])
        try:
            interpreter = self._module.Interpreter(
                model_content=to_bytes(tapped(model)), experimental_op_resolver_type=resolver, num_threads=1
            )
        except ValueError as error:
            raise ModelError(f"{self.name}: {error}") from error
        for i, array in feed.arrays.items():
            if (model.graphs[0].tensors[i].shape or ()) != array.shape:
                interpreter.resize_tensor_input(i, array.shape)
        interpreter.allocate_tensors()
        return interpreter


@dataclass(frozen=True)
class Micro:
    """The package tflite-micro: the interpreter for microcontrollers, built for this processor.

    Its kernels are the reference ones with changes of their own: within 1 LSB of those nothing is called a fault.
    """

    tolerance: int = 1

    @property
    def name(self) -> str:
        return "tflm"

    @property
    def profiles(self) -> tuple[Profile, ...]:
        return (Profile.REFERENCE, Profile.OPTIMIZED)

    def record(self, model: Model, feed: Feed) -> Recording:
        _only_first(feed, self.name)
        runtime = _imported("tflite_micro", "tflite-micro", self.name).runtime
        blob, graph = to_bytes(tapped(model)), model.graphs[0]
        room = 10 * len(blob) + (1 << 20) + sum(4 * array.nbytes for array in feed.arrays.values())
        interpreter = runtime.Interpreter.from_bytes(blob, arena_size=room + 64 * _volume(model))
        for position, i in enumerate(graph.inputs):
            interpreter.set_input(feed.arrays[i], position)
        interpreter.invoke()
        found = {
            i: np.array(interpreter.get_output(position)) for position, i in enumerate(tapped(model).graphs[0].outputs)
        }
        return {**feed.arrays, **found}


def tapped(model: Model) -> Model:
    """The model with every tensor that its first graph computes as an output."""
    graph = model.graphs[0]
    return replace(model, graphs=(replace(graph, outputs=computed(graph)), *model.graphs[1:]), signatures=None)


def runner_of(name: str) -> Runner:
    """A runner by its name: `qengine:<profile>`, `litert:<kernel set>`, `tflm`. ValueError for others."""
    kind, _, which = name.partition(":")
    known: dict[str, Callable[[], Runner]] = {
        "qengine": lambda: Engine(Profile(which or "xnnpack")),
        "litert": lambda: LiteRT(which or "auto"),
        "tflm": Micro,
    }
    names = [f"qengine:{profile.value}" for profile in Profile] + [f"litert:{name}" for name in KERNEL_SETS] + ["tflm"]
    if kind not in known or (which and name not in names):
        raise ValueError(f"expected a runner among {', '.join(names)}, got {name!r}")
    return known[kind]()


def is_runner(name: str) -> bool:
    """Whether a text names a runner."""
    kind, colon, _ = name.partition(":")
    return name == "tflm" or (kind in ("qengine", "litert") and (bool(colon) or name == kind))


def _imported(module: str, package: str, runner: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise RuntimeError(f"expected the package {package} for the runner {runner}, got none: {error}") from error


def _only_first(feed: Feed, name: str) -> None:
    if feed.graph != 0:
        raise RuntimeError(f"expected samples of the first graph for the runner {name}, got some of graph {feed.graph}")


def _volume(model: Model) -> int:
    """Elements of all tensors together."""
    return sum(int(np.prod(tensor.shape or (), dtype=np.int64)) for tensor in model.graphs[0].tensors)
