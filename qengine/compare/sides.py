"""The two things that are compared: a model in a runner, or what one left in a file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Model, Tensor
from ..op import Array
from ..ptq.balance import BALANCED
from ..tflite import load
from .recording import CONVERSIONS, Feed, Recording, computed
from .runners import Engine, Runner, is_runner, runner_of


@dataclass(frozen=True)
class Side:
    """label: for people."""

    model: Model
    runner: Runner
    label: str


@dataclass(frozen=True)
class Saved:
    """Tensors by name, from an .npz: what some runner's tensors held in one call."""

    file: str
    arrays: Mapping[str, Array]
    tolerance: int = 0

    @property
    def name(self) -> str:
        return f"npz:{self.file}"

    @property
    def profiles(self) -> tuple[Profile, ...]:
        return tuple(Profile)

    def record(self, model: Model, feed: Feed) -> Recording:
        """What the file holds of the graph's tensors; inputs that it lacks are those that are fed."""
        graph = model.graphs[feed.graph]
        names = [tensor.name or "" for tensor in graph.tensors]
        found = {i: self.arrays[name] for i, name in enumerate(names) if name in self.arrays}
        for i, array in found.items():
            if array.dtype != graph.tensors[i].type.dtype:
                wanted = graph.tensors[i].type.dtype
                raise ModelError(f"expected {wanted} for {graph.tensors[i].name!r} in {self.file}, got {array.dtype}")
        return {**feed.arrays, **found}


def sides_of(a: Any, b: Any) -> tuple[Side, Side]:
    """Both sides, each given as a model, path, bytes or anything with a `.model`; the same with a runner, as a pair or
    as `path@runner`; a runner, its name, or a path of an .npz: then the model is the other side's.

    Without a runner it is qengine in its default profile. ValueError where no side has a model.
    """
    parts = [_split(part) for part in (a, b)]
    models = [model for model, _, _ in parts]
    for model, other, (_, _, label) in zip(models, reversed(models), parts, strict=True):
        if model is None and other is None:
            raise ValueError(f"expected a model on one side at least, got none beside {label!r}")
    one, two = (
        Side(_given(own, other), runner, label)
        for (own, runner, label), other in zip(parts, reversed(models), strict=True)
    )
    return one, two


def model_of(source: Any) -> Model:
    """The model of whatever `compare` takes for one side."""
    model, _, label = _split(source)
    if model is None:
        raise ValueError(f"expected a model, got {label!r}")
    return model


def _given(own: Model | None, other: Model | None) -> Model:
    found = other if own is None else own
    assert found is not None
    return found


def _split(part: Any) -> tuple[Model | None, Runner, str]:
    """Model, runner and label of one side."""
    if isinstance(part, tuple) and len(part) == 2:
        model, _, label = _split(part[0])
        runner = runner_of(part[1]) if isinstance(part[1], str) else part[1]
        return model, runner, f"{label}@{runner.name}"
    if isinstance(part, Model):
        return part, Engine(), "model"
    if isinstance(part, bytes):
        return load(part), Engine(), "bytes"
    if isinstance(part, str) and is_runner(part):
        return None, runner_of(part), part
    if isinstance(part, str | os.PathLike):
        return _of_path(os.fspath(part))
    if hasattr(part, "record"):
        return None, part, part.name
    return _split(part.model)


def _of_path(path: str) -> tuple[Model | None, Runner, str]:
    file, at, name = path.rpartition("@")
    if at and is_runner(name):
        return load(file), runner_of(name), f"{Path(file).name}@{name}"
    if path.endswith(".npz"):
        with np.load(path, allow_pickle=False) as archive:
            return None, Saved(Path(path).name, {key: archive[key] for key in archive.files}), Path(path).name
    return load(path), Engine(), Path(path).name


def counterparts(a: Model, b: Model, graph: int) -> dict[int, int]:
    """Which tensor of b each tensor of a's graph is.

    By number where both graphs have the same nodes over tensors of the same names; else by name where names are unique,
    though what follows from constants alone only matches its like (converters give it any name). Inputs and outputs of
    other names are matched by position, other tensors by the order of nodes where both graphs have the same operators
    but for conversions (QUANTIZE, DEQUANTIZE).
    """
    one, two = a.graphs[graph], b.graphs[graph]
    if one is two or _alike(one.tensors, two.tensors, one.nodes, two.nodes):
        return {i: i for i in range(len(one.tensors))}
    names = [_unique(graph.tensors) for graph in (one, two)]
    flowing = [{*graph.inputs, *computed(graph)} for graph in (one, two)]
    named = ((i, names[1][name]) for name, i in names[0].items() if name in names[1])
    found = {i: j for i, j in named if (i in flowing[0]) == (j in flowing[1])}
    taken = set(found.values())
    for pairs in (
        zip(one.inputs, two.inputs, strict=False),
        zip(one.outputs, two.outputs, strict=False),
        _ordered(a, b, graph),
    ):
        for i, j in pairs:
            if i not in found and j not in taken:
                found[i] = j
                taken.add(j)
    return found


def _ordered(a: Model, b: Model, number: int) -> Iterator[tuple[int, int]]:
    """Outputs of nodes by their order, where both graphs have the same operators, conversions left out."""
    nodes = [
        [n for n in graph.nodes if n.op.name not in CONVERSIONS and not flowing.isdisjoint(n.outputs)]
        for graph in (a.graphs[number], b.graphs[number])
        for flowing in [set(computed(graph))]
    ]
    if [n.op.name for n in nodes[0]] == [n.op.name for n in nodes[1]]:
        for one, two in zip(*nodes, strict=True):
            yield from zip(one.outputs, two.outputs, strict=False)


def _alike(one: tuple[Tensor, ...], two: tuple[Tensor, ...], nodes: Any, others: Any) -> bool:
    """Whether two graphs are one network: same nodes over same tensors, whatever these hold."""
    return (
        len(one) == len(two)
        and [(n.op.name, n.inputs, n.outputs) for n in nodes] == [(n.op.name, n.inputs, n.outputs) for n in others]
        and [t.name for t in one] == [t.name for t in two]
    )


def _unique(tensors: tuple[Tensor, ...]) -> dict[str, int]:
    """Tensors by name, those without or with a repeated one left out; balanced ones by the name before that, too."""
    found: dict[str, int] = {}
    repeated = set()
    for i, tensor in enumerate(tensors):
        if tensor.name:
            if tensor.name in found:
                repeated.add(tensor.name)
            found[tensor.name] = i
    once = {name: i for name, i in found.items() if name not in repeated}
    plain = {name.rstrip("_").removesuffix(BALANCED): i for name, i in once.items() if BALANCED in name}
    return {**{name: i for name, i in plain.items() if name not in found}, **once}
