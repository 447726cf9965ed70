"""Runs a model, and the float one it is held against, and keeps what a report says of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..compare.comparison import NodeComparison
from ..compare.recording import Feed, computed, random_sample, real_values
from ..compare.runners import Engine
from ..compare.session import compare
from ..compare.sides import counterparts
from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Graph, Model, Node, Tensor
from ..op import Array
from ..packing import integer_range
from ..samples import Progress, Sample, fed, samples_of
from ..summary import summarize
from ..tflite import load, to_bytes
from .facts import Grid, Layer, ModelReport, TensorFacts
from .tally import Tally

LIMIT = 16
"""Samples, where nothing else is asked."""


def report_on(
    model: Any,
    against: Any = None,
    samples: Any = None,
    *,
    profile: str | Profile = Profile.XNNPACK,
    limit: int = LIMIT,
    seed: int = 0,
    name: str | None = None,
    progress: Progress | None = None,
) -> ModelReport:
    """Everything that the page shows of a model's first graph.

    model, against: a Model, a path, bytes, or what `quantize` gives; against: the float one that `model` was made of,
    its tensors matched by name. samples: in any form that `samples_of` takes, in the units of `against` (of the model,
    without it); None: random numbers. limit: how many samples at most; seed: which random numbers.
    ValueError where samples don't fit; ModelError or RuntimeError where a model can't be run.
    """
    own, size, label = _opened(model)
    other = None if against is None else _opened(against)
    profile = Profile(profile)
    leading = own if other is None else other[0]
    drawn = samples is None
    if drawn:
        like = [own.graphs[0].tensors[i] for i in own.graphs[0].inputs]
        found: list[Sample] = [random_sample(leading, np.random.default_rng([seed, n]), like) for n in range(4)]
    else:
        found = [sample for sample in islice(samples_of(leading, samples), limit) if sample.graph == 0]
    if not found:
        raise ValueError("expected at least one sample, got none")
    matched = {i: i for i in range(len(own.graphs[0].tensors))} if other is None else counterparts(leading, own, 0)
    tallies = _tallies(own, None if other is None else other[0], matched, found, profile, progress)
    nodes: dict[int, NodeComparison] = {}
    if other is not None:
        items = [{_name(leading.graphs[0], i): x for i, x in sample.arrays.items()} for sample in found]
        result = compare((leading, "qengine:xnnpack"), (own, f"qengine:{profile.value}"), items)
        nodes = {matched[node.tensor]: node for node in result.nodes}
    graph = own.graphs[0]
    layers = _layers(own, profile, tallies, nodes)
    return ModelReport(
        name if name is not None else label,
        size,
        size - sum(layer.size for layer in layers),
        own.description or "",
        profile.value,
        len(found),
        drawn,
        None if other is None else (other[2], other[1]),
        tuple(_facts(graph, i, tallies.get(i)) for i in graph.inputs),
        graph.outputs,
        layers,
        len(own.graphs),
    )


def _opened(source: Any) -> tuple[Model, int, str]:
    """A model, its file's bytes, and what to call it."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return load(path), path.stat().st_size, path.name
    if isinstance(source, bytes):
        return load(source), len(source), "model"
    model = source if isinstance(source, Model) else source.model
    return model, len(to_bytes(model)), model.graphs[0].name or "model"


def _name(graph: Graph, index: int) -> str:
    return graph.tensors[index].name or f"tensor {index}"


def _tallies(
    own: Model,
    other: Model | None,
    matched: Mapping[int, int],
    samples: list[Sample],
    profile: Profile,
    progress: Progress | None,
) -> dict[int, Tally]:
    """By tensor of the model, what both sides held over all samples."""
    graph = own.graphs[0]
    tallies = {i: Tally(grid_of(graph.tensors[i])) for i in (*graph.inputs, *computed(graph))}
    engines = Engine(profile), Engine()
    back = {theirs: ours for ours, theirs in matched.items()}
    for number, sample in enumerate(samples):
        arrays = {matched[i]: x for i, x in sample.arrays.items() if i in matched}
        missing = [i for i in graph.inputs if i not in arrays]
        if missing:
            raise ModelError(f"expected an input {_name(graph, missing[0])!r} in both models, got it in one")
        held = engines[0].record(own, Feed(0, {i: fed(graph.tensors[i], x) for i, x in arrays.items()}))
        wanted: Mapping[int, Array] = {}
        if other is not None:
            tensors = other.graphs[0].tensors
            wanted = engines[1].record(other, Feed(0, {i: fed(tensors[i], x) for i, x in sample.arrays.items()}))
        for i, tally in tallies.items():
            if i in held:
                tally.add(np.asarray(real_values(graph.tensors[i], held[i])), held[i])
            twin = back.get(i)
            if other is not None and twin is not None and twin in wanted:
                tally.add_wanted(np.asarray(real_values(other.graphs[0].tensors[twin], wanted[twin])))
        if progress is not None:
            progress(number + 1, len(samples))
    return tallies


def grid_of(tensor: Tensor) -> Grid | None:
    """The grid of a tensor quantized as a whole."""
    q = tensor.quantization
    if tensor.type.dtype.kind not in "iu" or q is None or q.scale is None or len(q.scale) != 1:
        return None
    first, last = integer_range(tensor.type)
    point = int(q.zero_point[0]) if q.zero_point is not None and len(q.zero_point) else 0
    return Grid(float(q.scale[0]), point, first, last)


def _layers(
    model: Model, profile: Profile, tallies: Mapping[int, Tally], nodes: Mapping[int, NodeComparison]
) -> tuple[Layer, ...]:
    graph = model.graphs[0]
    summary = summarize(model, profile).graphs[0]
    makers = {i: number for number, node in enumerate(graph.nodes) for i in node.outputs}
    counted: set[int] = set()
    layers = []
    for number, node in enumerate(graph.nodes):
        inputs = [i for i in dict.fromkeys(node.inputs) if i >= 0]
        constants = [i for i in inputs if graph.tensors[i].is_constant]
        size = sum(summary.tensors[i].size for i in constants if i not in counted)
        counted.update(constants)
        before = dict.fromkeys(makers.get(i, -1) for i in inputs if i in makers or i in graph.inputs)
        facts = summary.nodes[number]
        found = next((nodes[i] for i in node.outputs if i in nodes), None)
        quality: dict[str, float | None] = {}
        if found is not None:
            local = None if found.local is None else found.local.sqnr_db
            quality = {
                "sqnr_db": found.sqnr_db,
                "local_db": local,
                "cosine": found.cosine,
                "max_lsb": found.max_lsb,
            }
        layers.append(
            Layer(
                number,
                node.op.name,
                tuple(_facts(graph, i, tallies.get(i)) for i in node.outputs if i >= 0),
                tuple(_constant(graph, node, i) for i in constants if _is_weight(graph.tensors[i])),
                tuple(before),
                size,
                facts.macs,
                facts.kernel or facts.problem or "known while running",
                **quality,
            )
        )
    return tuple(layers)


def _is_weight(tensor: Tensor) -> bool:
    """Whether a constant holds numbers of the network, not shapes or axes."""
    quantized = tensor.quantization is not None and tensor.quantization.is_affine
    return tensor.sparsity is None and (tensor.type.dtype.kind == "f" or quantized)


def _facts(graph: Graph, index: int, tally: Tally | None) -> TensorFacts:
    tensor = graph.tensors[index]
    q = tensor.quantization
    scales: tuple[float, ...] = ()
    points: tuple[int, ...] = ()
    axis = None
    if q is not None and q.scale is not None and q.is_affine:
        scales = tuple(float(scale) for scale in q.scale)
        points = () if q.zero_point is None else tuple(int(point) for point in q.zero_point)
        axis = q.axis if q.per_channel else None
    found = {} if tally is None else tally.facts()
    return TensorFacts(
        index, _name(graph, index), tensor.type.name, tensor.shape or (), scales, points, axis, grid_of(tensor), **found
    )


def _constant(graph: Graph, node: Node, index: int) -> TensorFacts:
    """A constant's values: integers of at most 16 bits with a grid a channel as they are, others as real numbers."""
    tensor = graph.tensors[index]
    role = _role(node, index)
    try:
        array = tensor.array
    except ValueError:
        return replace(_facts(graph, index, None), role=role)
    q = tensor.quantization
    narrow = tensor.type.dtype.kind in "iu" and tensor.type.bits <= 16
    steps = narrow and q is not None and q.per_channel
    first, last = integer_range(tensor.type) if narrow else (0, 0)
    grid = Grid(1.0, 0, first, last) if steps else grid_of(tensor) if narrow else None
    tally = Tally(grid)
    tally.add(array.astype(np.float64) if steps else np.asarray(real_values(tensor, array)), array)
    return replace(_facts(graph, index, tally), grid=grid, role=role, steps=steps)


def _role(node: Node, index: int) -> str:
    """What a constant is to its operator."""
    for weights in node.op.weights:
        if -len(node.inputs) <= weights.input < len(node.inputs) and node.inputs[weights.input] == index:
            return "Weights"
        if weights.bias is not None and weights.bias < len(node.inputs) and node.inputs[weights.bias] == index:
            return "Bias"
    return "Constant"
