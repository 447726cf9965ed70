"""Elements chosen by numbers or by flags."""

from __future__ import annotations

import numpy as np
from examples import (
    NUMBERS,
    Example,
    Generator,
    Given,
    numbers,
    often,
    result,
    shape_of,
    some,
    swept,
    tensor,
    values,
)

from qengine.build import Output
from qengine.model import Quantization
from qengine.ops.embedding_lookup import EmbeddingLookup
from qengine.ops.gather import Gather
from qengine.ops.gather_nd import GatherNd
from qengine.ops.hashtable_lookup import HashtableLookup
from qengine.ops.one_hot import OneHot
from qengine.ops.select import Select
from qengine.ops.select_v2 import SelectV2
from qengine.ops.stablehlo_gather import StablehloGather
from qengine.ops.where import Where

TYPES = (*NUMBERS, "bool")
BIG = ("float32", "int32", "int64", "int16", "int8", "uint8", "bool", "float16", "float64", "uint32")


def gather(rng: Generator) -> Example:
    shape, type = shape_of(rng, 1, 5), some(rng, *TYPES)
    axis = int(rng.integers(len(shape)))
    batch = int(rng.integers(axis + 1))
    chosen = rng.integers(0, shape[axis], (*shape[:batch], *shape_of(rng, 0, 2)))
    at = axis - (len(shape) if often(rng, 0.3) else 0)
    positions = numbers(rng, chosen, "int32", "int64", "int16")
    return Example(Gather(at, batch), [tensor(rng, shape, type, often(rng, 0.3)), positions], [result(type)])


def gather_nd(rng: Generator) -> Example:
    shape, type = shape_of(rng, 1, 5), some(rng, *TYPES)
    depth = int(rng.integers(1, len(shape) + 1))
    rows = rng.integers(0, np.array(shape[:depth]), (*shape_of(rng, 0, 2), depth))
    return Example(
        GatherNd(), [tensor(rng, shape, type), numbers(rng, rows, "int32", "int64", "int16")], [result(type)]
    )


def stablehlo_gather(rng: Generator) -> Example:
    shape, type, batch = shape_of(rng, 1, 4), some(rng, "float32", "int8", "int16", "int64"), shape_of(rng, 0, 2)
    rank = len(shape)
    collapsed = sorted(rng.permutation(rank)[: rng.integers(rank + 1)].tolist())
    sizes = [1 if axis in collapsed else int(rng.integers(1, length + 1)) for axis, length in enumerate(shape)]
    starts = rng.permutation(rank)[: rng.integers(1, rank + 1)].tolist()
    at, whole = int(rng.integers(len(batch) + 1)), len(batch) + rank - len(collapsed)
    offsets = sorted(rng.permutation(whole)[: rank - len(collapsed)].tolist())
    vectors = rng.integers(-1, 5, (*batch[:at], len(starts), *batch[at:]))
    op = StablehloGather(tuple(offsets), tuple(collapsed), tuple(starts), at, tuple(sizes))
    return Example(op, [tensor(rng, shape, type), numbers(rng, vectors, "int32", "int64")], [result(type)])


def embedded(rng: Generator) -> Example:
    shape = (5, *shape_of(rng, 1, 2, 7))
    ids, type = Given(rng.integers(0, 5, 4).astype(np.int32)), some(rng, *NUMBERS)
    return Example(EmbeddingLookup(), [ids, tensor(rng, shape, type, often(rng))], [result(type)])


def dequantized(rng: Generator) -> Example:
    """Rows of few bits, times a scale of the whole or of each row; odd lengths don't fill bytes."""
    shape, type = (5, *shape_of(rng, 1, 2, 7)), some(rng, "int8", "int4", "int2")
    most = {"int8": 127, "int4": 7, "int2": 1}[type]
    scale = rng.uniform(0.01, 0.1, 5).astype(np.float32) if often(rng) else 0.0123
    table = Given(rng.integers(-most - 1, most + 1, shape), True, scale, type=type)
    return Example(
        EmbeddingLookup(),
        [Given(rng.integers(0, 5, 4).astype(np.int32)), table],
        [Output(type=some(rng, "float32", "float16"))],
    )


def looked_up(rng: Generator) -> Example:
    keys, type = np.sort(rng.permutation(40)[:12]) - 20, some(rng, *TYPES)
    if often(rng, 0.3):
        keys = rng.permutation(keys)
    wanted = np.where(rng.random(9) < 0.5, rng.choice(keys, 9), rng.integers(-20, 20, 9))
    rows = Given(values(rng, (12, *shape_of(rng, 0, 2)), type), often(rng))
    return Example(
        HashtableLookup(),
        [Given(wanted.astype(np.int32)), numbers(rng, keys), rows],
        [Output(type=type), Output(type="uint8", quantization=Quantization())],
    )


def one_hot(rng: Generator) -> Example:
    shape, type = shape_of(rng, 0, 3), some(rng, "float32", "int32", "int64", "int8", "uint8", "bool")
    indices = rng.integers(-1, 5, shape).astype(some(rng, "int32", "int64"))
    if indices.dtype == np.int64 and often(rng, 0.3):
        indices = indices + 2**32
    parts = [Given(indices), numbers(rng, 4), tensor(rng, (), type, often(rng)), tensor(rng, (), type, often(rng))]
    return Example(OneHot(int(rng.integers(-1, len(shape) + 1))), parts, [result(type)])


def select(rng: Generator) -> Example:
    shape, type = shape_of(rng, 1, 4), some(rng, *BIG)
    flags = tensor(rng, some(rng, shape, shape[:1], ()), "bool")
    return Example(
        Select(), [flags, tensor(rng, shape, type), tensor(rng, shape, type, often(rng, 0.3))], [result(type)]
    )


def select_v2(rng: Generator) -> Example:
    whole, type = shape_of(rng, 1, 8, 3), some(rng, *BIG)

    def stretching() -> tuple[int, ...]:
        return tuple(1 if often(rng, 0.3) else length for length in whole)[rng.integers(len(whole)) :]

    parts = [tensor(rng, stretching(), part) for part in ("bool", type, type)]
    return Example(SelectV2(), parts, [result(type)])


def where(rng: Generator) -> Example:
    shape, type = shape_of(rng, 1, 4), some(rng, "bool", "float32", "int32", "int64", "int8", "uint8", "uint32")
    flags = np.where(rng.random(shape) < 0.6, 0, rng.integers(1, 9, shape)).astype(type)
    flags.reshape(-1)[0] = 1
    if type == "float32":
        flags.reshape(-1)[-1] = some(rng, np.nan, -0.0)
    return Example(Where(), [Given(flags, often(rng, 0.3))], [Output(type="int64")])


CASES = [
    *swept("gather_swept", 12, gather),
    *swept("gather_nd_swept", 8, gather_nd),
    *swept("stablehlo_gather", 10, stablehlo_gather),
    *swept("embedding_lookup", 4, embedded),
    *swept("embedding_lookup_dequantized", 8, dequantized),
    *swept("hashtable_lookup", 5, looked_up),
    *swept("one_hot", 8, one_hot),
    *swept("select", 8, select),
    *swept("select_v2", 8, select_v2),
    *swept("where", 8, where),
]
