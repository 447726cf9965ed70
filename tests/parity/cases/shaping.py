"""Shapes computed and applied: constant, fed, and computed by the operators before."""

from __future__ import annotations

from typing import Any

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
from parity_case import Case

from qengine.build import Builder, Operand, Output
from qengine.model import TensorType
from qengine.ops.broadcast_args import BroadcastArgs
from qengine.ops.broadcast_to import BroadcastTo
from qengine.ops.concatenation import Concatenation
from qengine.ops.expand_dims import ExpandDims
from qengine.ops.fill import Fill
from qengine.ops.gather import Gather
from qengine.ops.pack import Pack
from qengine.ops.range import Range
from qengine.ops.rank import Rank
from qengine.ops.reshape import Reshape
from qengine.ops.shape import Shape
from qengine.ops.strided_slice import StridedSlice
from qengine.ops.tile import Tile
from qengine.ops.transpose import Transpose


def reshape(rng: Generator) -> Example:
    shape = shape_of(rng, 1, 4)
    wanted = list(rng.permutation(shape))
    wanted[rng.integers(len(wanted))] = -1
    type = some(rng, *NUMBERS, "bool")
    return Example(Reshape(), [tensor(rng, shape, type), numbers(rng, wanted, constant=0.5)], [result(type)])


def expand_dims(rng: Generator) -> Example:
    shape, type = shape_of(rng, 0, 4), some(rng, *NUMBERS, "bool")
    axis = int(rng.integers(-len(shape) - 1, len(shape) + 1))
    return Example(ExpandDims(), [tensor(rng, shape, type), numbers(rng, axis, "int32", "int64")], [result(type)])


def transpose(rng: Generator) -> Example:
    shape, type = shape_of(rng, 1, 8, 3), some(rng, *NUMBERS, "bool")
    order = rng.permutation(len(shape)) - len(shape) * (rng.random(len(shape)) < 0.2)
    return Example(Transpose(), [tensor(rng, shape, type), numbers(rng, order)], [result(type)])


def tile(rng: Generator) -> Example:
    shape, type = shape_of(rng, 1, 4), some(rng, "float32", "uint8", "int16", "int32", "int64", "bool")
    times = rng.integers(1, 4, len(shape))
    return Example(
        Tile(), [tensor(rng, shape, type, often(rng)), numbers(rng, times, "int32", "int64")], [result(type)]
    )


def rescaled(rng: Generator) -> Example:
    """uint8 tensors of differing scales."""

    def scaled(shape: Any) -> dict[str, Any]:
        return {"scale": float(rng.uniform(0.01, 0.1)), "zero_point": int(rng.integers(0, 256))}

    parts = [Given(rng.integers(0, 256, (2, n)).astype(np.uint8), often(rng, 0.2), **scaled(n)) for n in (3, 1, 8)]
    return Example(Concatenation(axis=-1), parts, [Output(type="uint8", **scaled(None))])


def fill(rng: Generator) -> Example:
    type = some(rng, *NUMBERS, "bool")
    shape = numbers(rng, shape_of(rng, 1, 4), "int32", "int64")
    return Example(Fill(), [shape, tensor(rng, (), type, often(rng))], [result(type)])


def count(rng: Generator) -> Example:
    type, constant = some(rng, "float32", "int32"), often(rng)
    start, step = rng.integers(-9, 9), rng.integers(1, 4) * (1 if often(rng) else -1)
    limit = start + step * rng.integers(1, 9) - (0.5 * step if type == "float32" else 0)
    parts = [
        Given(np.array(number * (0.3 if type == "float32" else 1), type), constant) for number in (start, limit, step)
    ]
    return Example(Range(), parts, [Output(type=type)])


def broadcast_to(rng: Generator) -> Example:
    wanted, type = shape_of(rng, 1, 8, 3), some(rng, *NUMBERS, "bool")
    shape = [1 if often(rng, 0.3) else length for length in wanted][rng.integers(0, len(wanted)) :]
    return Example(BroadcastTo(), [tensor(rng, shape, type), numbers(rng, wanted, "int32", "int64")], [result(type)])


def broadcast_args(rng: Generator) -> Example:
    wanted, type = np.array(shape_of(rng, 1, 6), np.int64), some(rng, "int32", "int64")
    shapes = [np.where(rng.random(len(wanted)) < 0.4, 1, wanted)[rng.integers(0, len(wanted)) :] for _ in "ab"]
    return Example(BroadcastArgs(), [numbers(rng, s, type, constant=0.4) for s in shapes], [Output(type=type)])


def as_keras_does(b: Builder, _: Generator) -> list[Operand]:
    """A reshape to [batch, 6], the batch taken from the shape of x: static, since shapes are known beforehand."""
    x = b.input("x", (4, 2, 3), shape_signature=(-1, 2, 3))
    batch = b.add(StridedSlice(shrink_axis_mask=1), [b.add(Shape(TensorType.INT32), [x]), [0], [1], [1]])
    rank = b.add(Rank(), [x], type="int32")
    return [b.add(Reshape(), [x, b.add(Pack(2, 0), [batch, np.int32(6)])]), rank]


def shape_of_a_shape_in_64_bits(b: Builder, _: Generator) -> list[Operand]:
    lengths = b.add(Shape(TensorType.INT64), [b.input("x", (3, 1, 4), "bool")])
    return [lengths, b.add(Gather(), [lengths, np.int32([2, 0])])]


def twice_as_many(rng: Generator) -> list[Any]:
    return [values(rng, (8, 2, 3), "float32")]


CASES = [
    *swept("reshape_swept", 6, reshape),
    *swept("expand_dims_swept", 4, expand_dims),
    *swept("transpose_swept", 8, transpose),
    *swept("tile_swept", 5, tile),
    *swept("concatenation_rescaled", 4, rescaled),
    *swept("fill", 6, fill),
    *swept("range", 6, count),
    *swept("broadcast_to", 6, broadcast_to),
    *swept("broadcast_args", 4, broadcast_args),
    Case("reshape_to_the_batch_of_another", as_keras_does),
    Case("reshape_to_another_batch", as_keras_does, twice_as_many),
    Case("shape_of_a_shape_in_64_bits", shape_of_a_shape_in_64_bits),
]
