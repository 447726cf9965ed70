"""What a model is fed in a parity test: a list of calls, each with one array an input, of the input's own type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..compare.recording import random_sample
from ..model import Model
from ..op import Array
from ..samples import fed, samples_of

Call = tuple[Array, ...]
"""In the order of the first graph's inputs."""

RANDOM_CALLS = 3


def calls_of(model: Model, inputs: Any = None) -> tuple[Call, ...]:
    """The calls that `inputs` stand for.

    None: three calls of random numbers (the same every time), over the whole range of quantized inputs, both ends of it
    among them. An array, list or dictionary of arrays of exactly the inputs' types and shapes is one call, taken as it
    is. Everything else is samples, as `quantize` takes them (`qengine.samples.samples_of`): real numbers are quantized
    by the input's scale, arrays of an input's own type hold quantized numbers already.
    ValueError where something doesn't fit.
    """
    if inputs is None:
        return tuple(_random(model, np.random.default_rng(seed)) for seed in range(RANDOM_CALLS))
    whole = _whole(model, inputs)
    if whole is not None:
        return (whole,)
    if isinstance(inputs, Path):
        inputs = str(inputs)
    graph = model.graphs[0]
    found = []
    for sample in samples_of(model, inputs):
        if sample.graph != 0:
            raise ValueError(f"expected samples of the first graph, got some of graph {sample.graph}")
        found.append(tuple(fed(graph.tensors[i], sample.arrays[i]) for i in graph.inputs))
    if not found:
        raise ValueError("expected at least one call, got none")
    return tuple(found)


def _random(model: Model, rng: np.random.Generator) -> Call:
    graph = model.graphs[0]
    sample = random_sample(model, rng)
    arrays = []
    for i in graph.inputs:
        tensor = graph.tensors[i]
        array = np.array(fed(tensor, sample.arrays[i]))
        quantized = tensor.quantization is not None and tensor.quantization.is_affine
        if quantized and array.dtype.kind in "iu" and array.size > 1:
            limits = np.iinfo(array.dtype)
            array.reshape(-1)[rng.choice(array.size, 2, replace=False)] = limits.min, limits.max
        arrays.append(array)
    return tuple(arrays)


def _whole(model: Model, inputs: Any) -> Call | None:
    """`inputs` as one call, where they are arrays of the inputs' own types and shapes."""
    graph = model.graphs[0]
    tensors = [graph.tensors[i] for i in graph.inputs]
    if isinstance(inputs, np.ndarray):
        inputs = [inputs]
    if isinstance(inputs, Mapping):
        names: dict[int, str] = {i: graph.tensors[i].name or "" for i in graph.inputs}
        for signature in model.signatures or ():
            if signature.graph == 0 and not set(names.values()) <= set(inputs):
                names |= {i: name for name, i in signature.inputs}
        if set(inputs) != {names[i] for i in graph.inputs}:
            return None
        inputs = [inputs[names[i]] for i in graph.inputs]
    if not isinstance(inputs, Sequence) or isinstance(inputs, str | bytes) or len(inputs) != len(tensors):
        return None
    if not all(isinstance(array, np.ndarray) for array in inputs):
        return None
    same = (x.shape == (t.shape or ()) and x.dtype == t.type.dtype for x, t in zip(inputs, tensors, strict=True))
    return tuple(inputs) if all(same) else None
