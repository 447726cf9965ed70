"""Samples of a model's inputs: whatever the caller has, as arrays by input tensor."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zipfile import BadZipFile

import numpy as np

from .affine import dequantize, quantize
from .model import Graph, Model, Shape, Signature, Tensor, TensorType
from .op import Array


@dataclass(frozen=True)
class Sample:
    """What one call of a graph is fed: by input tensor an array with the batch axis, real numbers as float32."""

    graph: int
    arrays: Mapping[int, Array]


def samples_of(model: Model, source: Any, *, whole: bool = False) -> Iterator[Sample]:
    """Samples one by one, made as they are asked for.

    source: an array whose first axis is samples (grouped to the model's batch; the last group is filled up with the
    first samples); a path of an .npy or .npz, or a dictionary of such arrays by input name; an iterable of items, or a
    function that returns one; a dictionary of any of these by signature key. An item is an array (of the only input), a
    list in the order of inputs, a dictionary by input name, or (signature key, such a dictionary). Arrays of an item
    may lack the batch axis. Input names are the signature's, or the tensors'. Numbers are in the model's own units;
    where an input is quantized, they are real numbers all the same, but for arrays of the very type of the input: these
    hold its quantized numbers.
    whole: gives groups at the end as they are instead of filling them up.
    ValueError where something doesn't fit, saying which sample.
    """
    if isinstance(source, str | os.PathLike):
        source = _stored(source)
    if callable(source) and not isinstance(source, np.ndarray):
        source = source()
    keys = {signature.key: signature for signature in model.signatures or ()}
    if isinstance(source, Mapping):
        if source and all(key in keys for key in source) and not _is_whole(model, source, keys):
            for key, part in source.items():
                yield from _of_entry(model, part, keys[key], whole)
            return
    elif not isinstance(source, Iterable):
        raise ValueError(f"expected samples as an array, an iterable or a function, got {type(source).__name__}")
    yield from _of_entry(model, source, _default(model), whole)


def _stored(path: str | os.PathLike[str]) -> dict[str, Array]:
    """The arrays of an .npz."""
    try:
        with open(path, "rb") as file:
            stored = np.load(file, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                return {"arr_0": stored}
            return {name: stored[name] for name in stored.files}
    except (BadZipFile, EOFError, ValueError) as error:
        raise ValueError(f"expected samples as .npz or .npy, got {os.fspath(path)!r}: {error}") from error


def count_of(source: Any) -> int | None:
    """How many samples there are, where that can be told without reading them."""
    if isinstance(source, Mapping):
        counts = {len(part) for part in source.values() if isinstance(part, np.ndarray | Sequence)}
        return counts.pop() if len(counts) == 1 else None
    return len(source) if isinstance(source, np.ndarray | Sequence) and not isinstance(source, str) else None


def fed(tensor: Tensor, real: Array) -> Array:
    """A sample's array as the tensor takes it: quantized by its scale where it has one."""
    q = tensor.quantization
    if real.dtype.kind == "f" and tensor.type.dtype.kind in "iu" and q is not None and q.is_affine:
        assert q.scale is not None
        points = np.zeros(1, np.int64) if q.zero_point is None else q.zero_point
        return quantize(real, float(q.scale[0]), int(points[0]), tensor.type.dtype)
    return real.astype(tensor.type.dtype, copy=False)


def _default(model: Model) -> Signature:
    """The entry that unnamed samples mean: the only signature of graph 0, else graph 0 by its tensors' names."""
    own = [signature for signature in model.signatures or () if signature.graph == 0]
    if len(own) == 1 and len(own[0].inputs) == len(model.graphs[0].inputs):
        return own[0]
    graph = model.graphs[0]
    return Signature(None, tuple((graph.tensors[i].name or f"input_{i}", i) for i in graph.inputs), ())


def _is_whole(model: Model, source: Mapping[Any, Any], keys: Mapping[Any, Signature]) -> bool:
    """Whether a dictionary's keys name inputs, not signatures."""
    names = {name for name, _ in _default(model).inputs}
    return all(key in names for key in source)


def _of_entry(model: Model, source: Any, entry: Signature, whole: bool) -> Iterator[Sample]:
    """Samples of one signature."""
    if callable(source) and not isinstance(source, np.ndarray):
        source = source()
    graph = model.graphs[entry.graph]
    if isinstance(source, np.ndarray):
        if len(entry.inputs) != 1:
            names = [name for name, _ in entry.inputs]
            raise ValueError(f"expected arrays for the inputs {names}, got one array")
        source = {entry.inputs[0][0]: source}
    if isinstance(source, Mapping):
        yield from _columns(graph, entry, source, whole)
        return
    keys = {signature.key: signature for signature in model.signatures or ()}
    for number, item in enumerate(source):
        try:
            named = entry
            if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], Mapping):
                if item[0] not in keys:
                    raise ValueError(f"expected a signature among {sorted(map(str, keys))}, got {item[0]!r}")
                named, item = keys[item[0]], item[1]
            yield _item(model.graphs[named.graph], named, item)
        except ValueError as error:
            raise ValueError(f"sample {number}: {error}") from error


def _item(graph: Graph, entry: Signature, item: Any) -> Sample:
    """One item as a sample."""
    if isinstance(item, Mapping):
        parts = _by_name(entry, graph, item)
    elif isinstance(item, list | tuple) and len(item) == len(entry.inputs) and not any(map(np.isscalar, item)):
        order = {tensor: at for at, tensor in enumerate(graph.inputs)}
        tensors = sorted((tensor for _, tensor in entry.inputs), key=lambda i: order.get(i, len(order)))
        parts = dict(zip(tensors, map(np.asarray, item), strict=True))
    elif len(entry.inputs) == 1:
        parts = {entry.inputs[0][1]: np.asarray(item)}
    else:
        raise ValueError(f"expected {len(entry.inputs)} arrays, got {type(item).__name__}")
    return Sample(entry.graph, {i: _typed(graph.tensors[i], _batched(graph.tensors[i], a)) for i, a in parts.items()})


def _by_name(entry: Signature, graph: Graph, item: Mapping[Any, Any]) -> dict[int, Array]:
    """Arrays by tensor: names are the signature's, or the tensors', or arr_0, arr_1, ..."""
    found: dict[int, Array] = {}
    for number, (name, tensor) in enumerate(entry.inputs):
        key = next((key for key in (name, graph.tensors[tensor].name, f"arr_{number}") if key in item), None)
        if key is None and len(entry.inputs) == 1 and len(item) == 1:
            key = next(iter(item))
        if key is None:
            raise ValueError(f"expected an array named {name!r}, got {sorted(map(str, item))}")
        found[tensor] = np.asarray(item[key])
    if len(item) > len(found):
        known = [name for name, _ in entry.inputs]
        raise ValueError(f"expected arrays named {known}, got {sorted(map(str, item))}")
    return found


def _columns(graph: Graph, entry: Signature, source: Mapping[Any, Any], whole: bool) -> Iterator[Sample]:
    """Samples from arrays whose first axis is samples."""
    columns = _by_name(entry, graph, source)
    counts = {len(column) for column in columns.values()}
    if len(counts) != 1:
        raise ValueError(f"expected as many samples of each input, got {sorted(counts)}")
    total = counts.pop()
    grouped = {i: _group(graph.tensors[i], column) for i, column in columns.items()}
    sizes = {size for size in grouped.values() if size is not None}
    if len(sizes) > 1:
        raise ValueError(f"expected inputs of one batch size, got {sorted(sizes)}")
    size = sizes.pop() if sizes else None
    for start in range(0, total, size or 1):
        rows = np.arange(start, start + (size or 1))
        rows = rows[rows < total] if whole else rows % total
        arrays = {}
        for i, column in columns.items():
            part = column[rows] if grouped[i] is not None else _batched(graph.tensors[i], column[start])
            arrays[i] = _typed(graph.tensors[i], part)
        yield Sample(entry.graph, arrays)


def _group(tensor: Tensor, column: Array) -> int | None:
    """How many samples of a column make one input; None where each is a whole input."""
    shape = tensor.shape or ()
    rows = column.shape[1:]
    if len(rows) == len(shape) and len(shape) > 0 and _fits(tensor, shape, rows):
        return None
    if len(rows) == len(shape) - 1 and _fits(tensor, shape[1:], rows, 1):
        return max(shape[0], 1)
    if len(rows) == len(shape) == 0:
        return None
    raise ValueError(f"expected samples of shape {list(shape[1:])} for {tensor.name!r}, got {list(rows)}")


def _batched(tensor: Tensor, array: Array) -> Array:
    """One item's array with the batch axis."""
    shape = tensor.shape or ()
    if array.ndim == len(shape) and _fits(tensor, shape, array.shape):
        return array
    if array.ndim == len(shape) - 1 and _fits(tensor, shape[1:], array.shape, 1) and shape[0] in (1, -1):
        return array[None]
    raise ValueError(f"expected shape {list(shape)} for {tensor.name!r}, got {list(array.shape)}")


def _fits(tensor: Tensor, shape: Sequence[int], given: Sequence[int], start: int = 0) -> bool:
    """Whether lengths agree, wherever the file says they are fixed."""
    signature: Shape = tensor.shape_signature or tensor.shape or ()
    free = [length == -1 for length in signature[start:]]
    return all(loose or have == want for loose, have, want in zip(free, given, shape, strict=True))


def _typed(tensor: Tensor, array: Array) -> Array:
    """The array in the kind of number that the input takes; real ones as float32, also for quantized inputs."""
    quantized = tensor.quantization is not None and tensor.quantization.is_affine
    if tensor.type is TensorType.FLOAT32 or (quantized and tensor.type.dtype.kind in "iu"):
        if array.dtype.kind not in "fiub":
            raise ValueError(f"expected numbers for {tensor.name!r}, got {array.dtype}")
        integers = quantized and tensor.type is not TensorType.FLOAT32 and array.dtype == tensor.type.dtype
        q = tensor.quantization if integers else None
        if q is not None and q.scale is not None:
            return dequantize(array, float(q.scale[0]), 0 if q.zero_point is None else int(q.zero_point[0]))
        return array.astype(np.float32)
    if tensor.type.dtype.kind in "iu" and array.dtype.kind not in "iub":
        raise ValueError(f"expected integers for {tensor.name!r}, got {array.dtype}")
    return array.astype(tensor.type.dtype)


Progress = Callable[[int, int | None], None]
"""Told how many samples are done, and how many there are in all where that is known."""
