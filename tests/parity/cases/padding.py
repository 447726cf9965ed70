"""What goes around and between elements: padding, mirrors, dilation, blocks."""

from __future__ import annotations

import numpy as np
from examples import NUMBERS, Example, Generator, Given, numbers, often, result, shape_of, some, swept, tensor
from parity_case import STEPS

from qengine.ops.batch_to_space_nd import BatchToSpaceNd
from qengine.ops.depth_to_space import DepthToSpace
from qengine.ops.dilate import Dilate
from qengine.ops.mirror_pad import MirrorPad
from qengine.ops.pad import Pad
from qengine.ops.padv2 import PadV2
from qengine.ops.space_to_batch_nd import SpaceToBatchNd
from qengine.ops.space_to_depth import SpaceToDepth
from qengine.ops.stablehlo_pad import StablehloPad
from qengine.options import MirrorPadMode

PLAIN = ("float32", "int8", "uint8", "int32", "int64")


def value(rng: Generator, type: str, constant: bool) -> Given:
    """One number that goes between those of a tensor of that type, quantized alike."""
    scale, zero_point = STEPS.get(type, (None, 0))
    return Given(np.array(rng.integers(1, 100), type), constant, scale, zero_point)


def pad(rng: Generator) -> Example:
    shape, type = shape_of(rng, 1, 5), some(rng, *NUMBERS, "bool")
    paddings = numbers(rng, rng.integers(0, 3, (len(shape), 2)), "int32", "int64", "int8")
    return Example(Pad(), [tensor(rng, shape, type), paddings], [result(type)])


def padv2(rng: Generator) -> Example:
    shape, type = shape_of(rng, 1, 5), some(rng, *NUMBERS)
    paddings = numbers(rng, rng.integers(0, 3, (len(shape), 2)), "int32", "int64")
    return Example(PadV2(), [tensor(rng, shape, type), paddings, value(rng, type, often(rng))], [result(type)])


def mirror_pad(rng: Generator) -> Example:
    shape, type, mode = shape_of(rng, 1, 4), some(rng, *NUMBERS, "bool"), some(rng, *MirrorPadMode)
    most = np.array(shape)[:, None] + (0 if mode is MirrorPadMode.REFLECT else 1)
    paddings = numbers(rng, rng.integers(0, np.broadcast_to(most, (len(shape), 2))), "int32", "int64")
    return Example(MirrorPad(mode), [tensor(rng, shape, type), paddings], [result(type)])


def stablehlo_pad(rng: Generator) -> Example:
    shape, type = shape_of(rng, 1, 4), some(rng, *NUMBERS, "bool")
    low, high, between = (tuple(rng.integers(lowest, 3, len(shape)).tolist()) for lowest in (-2, -1, 0))
    return Example(
        StablehloPad(low, high, between), [tensor(rng, shape, type), value(rng, type, often(rng))], [result(type)]
    )


def dilate(rng: Generator) -> Example:
    shape, type = shape_of(rng, 1, 5), some(rng, *NUMBERS, "bool")
    factors = numbers(rng, rng.integers(1, 4, len(shape)))
    return Example(Dilate(), [tensor(rng, shape, type), factors, value(rng, type, often(rng))], [result(type)])


def space_to_batch(rng: Generator) -> Example:
    type, spatial = some(rng, *NUMBERS), rng.integers(1, 3)
    blocks, paddings = rng.integers(1, 4, spatial), rng.integers(0, 3, (spatial, 2))
    lengths = blocks * (1 + -(-paddings.sum(axis=1) // blocks)) - paddings.sum(axis=1)
    x = tensor(rng, (2, *lengths.tolist(), 3), type)
    return Example(SpaceToBatchNd(), [x, numbers(rng, blocks), numbers(rng, paddings)], [result(type)])


def batch_to_space(rng: Generator) -> Example:
    type, spatial = some(rng, *NUMBERS), rng.integers(1, 3)
    blocks, crops = rng.integers(1, 4, spatial), rng.integers(0, 2, (spatial, 2))
    x = tensor(rng, (2 * int(blocks.prod()), *[3] * spatial, 2), type)
    return Example(BatchToSpaceNd(), [x, numbers(rng, blocks), numbers(rng, crops)], [result(type)])


def space_to_depth(rng: Generator) -> Example:
    type, block = some(rng, *PLAIN), int(rng.integers(1, 4))
    return Example(SpaceToDepth(block), [tensor(rng, (2, 2 * block, 3 * block, 2), type)], [result(type)])


def depth_to_space(rng: Generator) -> Example:
    type, block = some(rng, "float32", "uint8", "int32", "int64"), int(rng.integers(1, 4))
    return Example(DepthToSpace(block), [tensor(rng, (2, 2, 3, 2 * block * block), type)], [result(type)])


CASES = [
    *swept("pad_swept", 8, pad),
    *swept("padv2", 8, padv2),
    *swept("mirror_pad", 8, mirror_pad),
    *swept("stablehlo_pad", 8, stablehlo_pad),
    *swept("dilate", 6, dilate),
    *swept("space_to_batch_nd", 6, space_to_batch),
    *swept("batch_to_space_nd", 6, batch_to_space),
    *swept("space_to_depth_swept", 4, space_to_depth),
    *swept("depth_to_space_swept", 4, depth_to_space),
]
