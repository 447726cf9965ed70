"""Order: reversal, extremes, the largest, the different ones, boxes by score; and what hangs on words and hashes."""

from __future__ import annotations

import numpy as np
from examples import NUMBERS, Example, Generator, Given, numbers, often, result, shape_of, some, swept, tensor, values
from parity_case import Array, Case

from qengine.build import Builder, Operand, Output
from qengine.model import TensorType
from qengine.ops.arg_max import ArgMax
from qengine.ops.arg_min import ArgMin
from qengine.ops.bucketize import Bucketize
from qengine.ops.lsh_projection import LshProjection
from qengine.ops.non_max_suppression_v4 import NonMaxSuppressionV4
from qengine.ops.non_max_suppression_v5 import NonMaxSuppressionV5
from qengine.ops.reverse_sequence import ReverseSequence
from qengine.ops.reverse_v2 import ReverseV2
from qengine.ops.skip_gram import SkipGram
from qengine.ops.stablehlo_add import StablehloAdd
from qengine.ops.stablehlo_composite import StablehloComposite
from qengine.ops.stablehlo_multiply import StablehloMultiply
from qengine.ops.topk_v2 import TopKV2
from qengine.ops.unique import Unique
from qengine.options import LSHProjectionType


def odd(rng: Generator, x: Array, chance: float = 0.3) -> Array:
    """Whole numbers, for ties, with NaN and infinity and a zero of either sign among them."""
    found = np.round(x)
    for value in (np.nan, -0.0, np.inf, -np.inf):
        found = np.where(rng.random(x.shape) < chance / 2, np.float32(value), found)
    return found


def comparable(rng: Generator, shape: tuple[int, ...], type: str) -> Given:
    """Numbers of which several are equal."""
    if type == "float32":
        return Given(odd(rng, values(rng, shape, type)))
    given = tensor(rng, shape, type)
    return Given(given.array % 5, False, given.scale, given.zero_point)


def reverse_v2(rng: Generator) -> Example:
    shape, type = shape_of(rng, 1, 6), some(rng, *NUMBERS, "bool")
    first = int(rng.integers(len(shape)))
    axes = np.arange(first, int(rng.integers(first, len(shape))) + 1)
    axes = rng.permutation(np.where(rng.random(len(axes)) < 0.3, axes - len(shape), axes))
    return Example(ReverseV2(), [tensor(rng, shape, type), numbers(rng, axes)], [result(type)])


def reverse_sequence(rng: Generator) -> Example:
    shape, type = shape_of(rng, 2, 4, 5), some(rng, "float32", "uint8", "int16", "int32", "int64")
    sequence, batch = (int(axis) for axis in rng.permutation(len(shape))[:2])
    lengths = numbers(rng, rng.integers(0, shape[sequence] + 1, shape[batch]), "int32", "int64")
    return Example(ReverseSequence(sequence, batch), [tensor(rng, shape, type), lengths], [result(type)])


def extreme(rng: Generator) -> Example:
    """Lines with NaN: among 4 and more of them the runtime's vector lanes hide numbers from each other."""
    shape = (30, int(rng.integers(1, 14)), *some(rng, (), (), (1,), (3,)))
    op = some(rng, ArgMax, ArgMin)(some(rng, TensorType.INT32, TensorType.INT64))
    x = Given(odd(rng, values(rng, shape, "float32"), 0.9))
    return Example(op, [x, numbers(rng, 1, "int32", "int64")], [Output()])


def topk(rng: Generator) -> Example:
    shape, type = (*shape_of(rng, 0, 2), int(rng.integers(1, 30))), some(rng, *NUMBERS)
    k = numbers(rng, rng.integers(1, shape[-1] + 1), "int32", "int16")
    outputs = [result(type), Output(type=some(rng, "int32", "int16"))]
    return Example(TopKV2(), [comparable(rng, shape, type), k], outputs)


def unique(rng: Generator) -> Example:
    type, kind = some(rng, *NUMBERS), some(rng, TensorType.INT32, TensorType.INT64)
    x = comparable(rng, (int(rng.integers(1, 30)),), type)
    return Example(Unique(kind), [x], [result(type), Output(type=kind)])


def boxes(rng: Generator, count: int) -> list[Given]:
    """Boxes by opposite corners, some without area or alike; scores with ties."""
    corners = rng.uniform(0, 1, (count, 4))
    if often(rng):
        corners[:, 2:] = corners[:, :2] + rng.uniform(0, 0.5, (count, 2))
    if often(rng, 0.3):
        corners = np.round(corners * 4) / 4
    scores = rng.uniform(0, 1, count)
    if often(rng):
        scores = np.round(scores * 5) / 5
    limit = numbers(rng, rng.integers(1, count + 5))
    thresholds = [Given(np.float32(rng.uniform(low, high)), often(rng)) for low, high in ((0, 1.1), (-0.1, 0.5))]
    return [Given(corners.astype(np.float32)), Given(scores.astype(np.float32)), limit, *thresholds]


def suppression(rng: Generator) -> Example:
    return Example(NonMaxSuppressionV4(), boxes(rng, int(rng.integers(1, 40))), [Output(type="int32")] * 2)


def soft_suppression(rng: Generator) -> Example:
    sigma = Given(np.float32(some(rng, 0, rng.uniform(0.05, 1))), True)
    kinds = [Output(type=type) for type in ("int32", "float32", "int32")]
    return Example(NonMaxSuppressionV5(), [*boxes(rng, int(rng.integers(1, 40))), sigma], kinds)


def bucketize(rng: Generator) -> Example:
    type = some(rng, "float32", "float64", "int32", "int64")
    boundaries = np.sort(np.round(rng.normal(0, 4, rng.integers(0, 8))))
    x = np.round(rng.normal(0, 4, shape_of(rng, 1, 3))).astype(type)
    if type == "int32":
        # Beyond float32's whole numbers.
        boundaries, x = boundaries + 16777210, x + np.int32(16777210)
    if type[0] == "f":
        x.reshape(-1)[0] = np.nan
    return Example(Bucketize(tuple(np.float32(boundaries).tolist())), [Given(x)], [Output(type="int32")])


def lsh_projection(rng: Generator) -> Example:
    """Rows of 1 to 100 bytes: each way in which the fingerprint goes about its length."""
    seeds = Given(values(rng, (3, int(rng.integers(1, 9))), "float32"))
    x = tensor(rng, (4, int(some(rng, 1, 3, 5, 13, 20, 40, 70, 100))), some(rng, "int8", "float32"))
    parts = [seeds, Given(x.array)] + ([Given(values(rng, (4,), "float32"))] if often(rng) else [])
    kind = some(rng, LSHProjectionType.SPARSE, LSHProjectionType.DENSE)
    return Example(LshProjection(kind), parts, [Output(type="int32")])


def skip_gram(rng: Generator) -> Example:
    text = b"the quick  brown\tfox jumps\nover " + bytes(rng.choice([97, 32, 98], 8).tolist())
    op = SkipGram(int(rng.integers(1, 4)), int(rng.integers(0, 3)), often(rng))
    return Example(op, [Given(np.array([text], object))], [Output(type="string")])


def composite(b: Builder, _: Generator) -> list[Operand]:
    """(x + y) * y, said by a graph of its own."""
    inner = b.graph("decomposition")
    x, y = inner.input("x", (2, 3)), inner.input("y", (2, 3))
    inner.returns([inner.add(StablehloMultiply(), [inner.add(StablehloAdd(), [x, y]), y])])
    sources = [b.input("a", (2, 3)), b.input("b", (2, 3))]
    return [b.add(StablehloComposite("test.sum_times", inner.index, b""), sources)]


CASES = [
    *swept("reverse_v2", 6, reverse_v2),
    *swept("reverse_sequence", 6, reverse_sequence),
    *swept("arg_extremes_of_nan", 12, extreme),
    *swept("topk_v2", 8, topk),
    *swept("unique", 8, unique),
    *swept("non_max_suppression_v4", 10, suppression),
    *swept("non_max_suppression_v5", 10, soft_suppression),
    *swept("bucketize", 5, bucketize),
    *swept("lsh_projection", 8, lsh_projection),
    *swept("skip_gram", 6, skip_gram),
    Case("stablehlo_composite", composite),
]
