"""What every tensor of a graph held in one call, whoever ran it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..affine import dequantize
from ..model import Graph, Model, Tensor, TensorType
from ..op import Array
from ..samples import Sample

Recording = Mapping[int, Array]
"""By tensor: inputs, and what nodes computed; no constants, no variables."""
CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")


@dataclass(frozen=True)
class Feed:
    """One sample as a model takes it: by input tensor of `graph` an array of the tensor's type."""

    graph: int
    arrays: Mapping[int, Array]

    @property
    def shapes(self) -> tuple[tuple[int, tuple[int, ...]], ...]:
        return tuple((i, array.shape) for i, array in self.arrays.items())


def computed(graph: Graph) -> tuple[int, ...]:
    """The tensors that nodes compute from the inputs, in order, each once.

    What follows from constants alone is left out: runtimes fold it, or never write it where a delegate takes it over.
    """
    found: dict[int, None] = {}
    for node in graph.nodes:
        before = [i for i in node.inputs if i >= 0]
        constant = before and all(i not in found and i not in graph.inputs and not _changes(graph, i) for i in before)
        if not constant:
            found |= dict.fromkeys(i for i in node.outputs if not graph.tensors[i].is_variable)
    return tuple(found)


def _changes(graph: Graph, index: int) -> bool:
    """Whether a tensor's values may differ from call to call though no node gives it: a variable, a resource."""
    return graph.tensors[index].is_variable or graph.tensors[index].type in (TensorType.RESOURCE, TensorType.VARIANT)


def real_values(tensor: Tensor, values: Array) -> Array:
    """What a tensor's values stand for, float64; objects and complex numbers as they are."""
    q = tensor.quantization
    if values.dtype.kind not in "fiub":
        return values
    if q is None or q.scale is None or not q.is_affine or values.dtype.kind not in "iu":
        return values.astype(np.float64)
    points = np.zeros(1, np.int64) if q.zero_point is None or not len(q.zero_point) else q.zero_point
    if len(q.scale) == 1:
        return float(q.scale[0]) * (values.astype(np.float64) - int(points[0]))
    return dequantize(values, q.scale, points, q.axis % values.ndim).astype(np.float64)


def is_quantized(tensor: Tensor) -> bool:
    """Whether a tensor's integers stand for real numbers."""
    q = tensor.quantization
    return tensor.type.dtype.kind in "iu" and q is not None and (q.is_affine or q.details is not None)


def step_of(tensor: Tensor) -> float | None:
    """The width of one step of a tensor quantized as a whole."""
    q = tensor.quantization
    quantized = tensor.type.dtype.kind in "iu" and q is not None and q.scale is not None and len(q.scale) == 1
    return float(q.scale[0]) if quantized and q is not None and q.scale is not None else None


def random_sample(model: Model, rng: np.random.Generator, like: Sequence[Tensor] = ()) -> Sample:
    """Numbers over the whole range of quantized inputs, normal ones for floats, 0 and 1 for flags and plain integers:
    as real numbers, by input of the first graph. Lengths that the file leaves open are those in its shapes.

    like: by input another tensor, whose range counts where it is quantized and the model's own isn't.
    """
    graph = model.graphs[0]
    arrays: dict[int, Array] = {}
    for position, i in enumerate(graph.inputs):
        tensor = graph.tensors[i]
        shape, dtype = tensor.shape or (), tensor.type.dtype
        grid = like[position] if position < len(like) and step_of(tensor) is None else tensor
        if step_of(grid) is not None and (grid is tensor or dtype.kind == "f"):
            limits = np.iinfo(grid.type.dtype)
            q = rng.integers(limits.min, limits.max, shape, np.int64, endpoint=True)
            arrays[i] = np.asarray(real_values(grid, q)).astype(np.float32)
        elif tensor.type is TensorType.STRING:
            arrays[i] = np.full(shape, b"", object)
        elif dtype.kind in "fc":
            arrays[i] = rng.normal(0, 1, shape).astype(dtype)
        else:
            arrays[i] = rng.integers(0, 2, shape).astype(dtype)
    return Sample(0, arrays)
