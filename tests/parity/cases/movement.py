"""Operators that move values and compute none: in every type that the real networks use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from parity_case import Case, entrance, single

from qengine.build import Builder, Operand
from qengine.model import TensorType
from qengine.op import Op
from qengine.ops.arg_max import ArgMax
from qengine.ops.arg_min import ArgMin
from qengine.ops.concatenation import Concatenation
from qengine.ops.depth_to_space import DepthToSpace
from qengine.ops.expand_dims import ExpandDims
from qengine.ops.gather import Gather
from qengine.ops.gather_nd import GatherNd
from qengine.ops.pack import Pack
from qengine.ops.pad import Pad
from qengine.ops.reshape import Reshape
from qengine.ops.slice import Slice
from qengine.ops.space_to_depth import SpaceToDepth
from qengine.ops.split import Split
from qengine.ops.split_v import SplitV
from qengine.ops.squeeze import Squeeze
from qengine.ops.strided_slice import StridedSlice
from qengine.ops.tile import Tile
from qengine.ops.transpose import Transpose
from qengine.ops.unpack import Unpack

EIGHT = ("int8", "uint8", "float32")
ALL = (*EIGHT, "int16")


def beside(*constants: Any) -> Callable[[Operand], Sequence[Any]]:
    """The fed input first, then these."""
    return lambda x: [x, *constants]


def joined(name: str, op: Op, shapes: Sequence[Sequence[int]], *types: str) -> list[Case]:
    """Several inputs of one type, all quantized alike."""

    def case(type_: str) -> Case:
        def build(b: Builder, rng: np.random.Generator) -> list[Operand]:
            return [b.add(op, [entrance(b, shape, type_, f"x{i}") for i, shape in enumerate(shapes)])]

        return Case(f"{name}_{type_}", build)

    return [case(type_) for type_ in types]


def corners(x: Operand) -> Sequence[Any]:
    return [x, np.int32([[0, 1], [2, 0], [1, 2]])]


CASES = [
    *single("reshape", Reshape(), (2, 3, 4), *ALL, around=beside([4, -1])),
    *single("squeeze", Squeeze(squeeze_dims=(0, 2)), (1, 3, 1, 4), *ALL),
    *single("expand_dims", ExpandDims(), (3, 4), *ALL, around=beside(-2)),
    *joined("concatenation_of_two", Concatenation(axis=3), [(1, 3, 2, 5), (1, 3, 2, 4)], *ALL),
    *joined("concatenation_of_three", Concatenation(axis=-2), [(2, 1, 3), (2, 2, 3), (2, 5, 3)], *ALL),
    *single("pad", Pad(), (1, 3, 4, 2), *ALL, around=beside([[0, 0], [1, 2], [0, 3], [0, 0]])),
    *single("split", Split(num_splits=3), (2, 6, 3), *ALL, around=lambda x: [1, x], outputs=3),
    *single("split_v", SplitV(num_splits=3), (2, 6, 3), *ALL, around=beside([1, 3, -1], 1), outputs=3),
    *joined("pack", Pack(values_count=3, axis=1), [(2, 4)] * 3, *ALL),
    *single("unpack", Unpack(num=4, axis=-1), (2, 3, 4), *EIGHT, outputs=4),
    *single("transpose", Transpose(), (2, 3, 4, 5), *ALL, around=beside([3, 0, 2, 1])),
    *single("transpose_5d", Transpose(), (2, 1, 3, 2, 2), *ALL, around=beside([4, 2, 0, 1, 3])),
    *single("slice", Slice(), (3, 4, 5), *ALL, around=beside([1, 0, 2], [2, -1, 3])),
    *single(
        "strided_slice",
        StridedSlice(begin_mask=1, end_mask=2, shrink_axis_mask=8),
        (4, 5, 6, 3),
        *ALL,
        around=beside([9, 1, 5, -1], [3, 0, 0, 0], [2, 2, -2, 1]),
    ),
    *single("gather", Gather(axis=1), (2, 5, 3), *ALL, around=beside([4, 0, 0, 2])),
    *single("gather_nd", GatherNd(), (3, 4, 2), *ALL, around=corners),
    *single(
        "pad_of_6_dimensions",
        Pad(),
        (1, 2, 1, 2, 3, 1),
        "float32",
        "int8",
        around=beside([[0, 1], [0, 0], [2, 0], [0, 0], [1, 1], [0, 0]]),
        refused=("optimized", "reference"),
    ),
    *single("tile", Tile(), (2, 1, 3), "int8", around=beside([1, 3, 2]), refused=("reference",)),
    *single("tile", Tile(), (2, 1, 3), "uint8", "float32", around=beside([1, 3, 2])),
    *single("space_to_depth", SpaceToDepth(block_size=2), (1, 4, 6, 3), *EIGHT),
    *single("depth_to_space", DepthToSpace(block_size=2), (1, 2, 3, 12), "int8", refused=("reference",)),
    *single("depth_to_space", DepthToSpace(block_size=2), (1, 2, 3, 12), "uint8", "float32"),
    *single("arg_max", ArgMax(output_type=TensorType.INT32), (2, 7, 5), *EIGHT, around=beside(1)),
    *single("arg_min", ArgMin(output_type=TensorType.INT64), (2, 7, 5), *EIGHT, around=beside(-1)),
]
