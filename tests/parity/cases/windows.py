"""Pooling, reductions, resizing: borders, tails, and outputs with a scale of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from parity_case import single

from qengine.build import Operand
from qengine.ops.average_pool_2d import AveragePool2D
from qengine.ops.l2_pool_2d import L2Pool2D
from qengine.ops.max_pool_2d import MaxPool2D
from qengine.ops.mean import Mean
from qengine.ops.reduce_max import ReduceMax
from qengine.ops.reduce_min import ReduceMin
from qengine.ops.resize_bilinear import ResizeBilinear
from qengine.ops.resize_nearest_neighbor import ResizeNearestNeighbor as Nearest
from qengine.ops.sum import Sum
from qengine.options import ActivationFunctionType, Padding

EIGHT = ("int8", "uint8", "float32")
ALL = (*EIGHT, "int16")
OTHER = {"int8": (0.013, 4), "uint8": (0.013, 130), "int16": (0.0007, 0)}
WIDE = {"int8": (0.3, 4), "uint8": (0.3, 130), "int16": (0.02, 0)}
RELU6 = ActivationFunctionType.RELU6


def over(*axes: int) -> Callable[[Operand], Sequence[Any]]:
    return lambda x: [x, list(axes)]


CASES = [
    *single("average_pool", AveragePool2D(Padding.VALID, 2, 2, 2, 2), (2, 6, 8, 5), *ALL),
    *single("average_pool_same", AveragePool2D(Padding.SAME, 2, 1, 3, 3), (1, 7, 5, 17), *ALL),
    *single("average_pool_relu6", AveragePool2D(Padding.VALID, 1, 1, 3, 2, RELU6), (1, 6, 6, 3), *ALL),
    *single("average_pool_all", AveragePool2D(Padding.VALID, 1, 1, 7, 7), (1, 7, 7, 33), *ALL),
    *single("max_pool", MaxPool2D(Padding.VALID, 2, 2, 2, 2), (2, 6, 8, 5), *ALL),
    *single("max_pool_same", MaxPool2D(Padding.SAME, 2, 1, 3, 3), (1, 7, 5, 17), *ALL),
    *single("max_pool_relu6", MaxPool2D(Padding.VALID, 1, 1, 3, 2, RELU6), (1, 6, 6, 3), *ALL),
    *single("l2_pool", L2Pool2D(Padding.SAME, 2, 2, 3, 3), (1, 7, 6, 4), "float32"),
    *single("mean_image", Mean(keep_dims=True), (2, 5, 6, 19), *ALL, around=over(1, 2), scale=OTHER),
    *single("mean_image_dropped", Mean(), (1, 7, 7, 16), *ALL, around=over(1, 2), scale=OTHER),
    *single("mean_last", Mean(), (3, 4, 9), *ALL, around=over(-1), scale=OTHER),
    *single("sum", Sum(keep_dims=True), (2, 5, 6), *EIGHT, around=over(1), scale=WIDE),
    *single("reduce_max", ReduceMax(), (2, 5, 6), *ALL, around=over(1)),
    *single("reduce_min", ReduceMin(keep_dims=True), (2, 5, 6), *ALL, around=over(0, 2)),
    *single("resize_bilinear", ResizeBilinear(), (1, 4, 5, 3), *EIGHT, around=over(9, 7)),
    *single("resize_bilinear_aligned", ResizeBilinear(align_corners=True), (2, 3, 4, 2), *EIGHT, around=over(6, 8)),
    *single("resize_bilinear_half", ResizeBilinear(half_pixel_centers=True), (1, 8, 6, 5), *EIGHT, around=over(4, 9)),
    *single("resize_nearest", Nearest(), (1, 4, 5, 3), *EIGHT, around=over(9, 7)),
    *single("resize_nearest_aligned", Nearest(align_corners=True), (1, 4, 5, 3), *EIGHT, around=over(8, 3)),
    *single("resize_nearest_half", Nearest(half_pixel_centers=True), (1, 4, 5, 3), *EIGHT, around=over(6, 9)),
]
