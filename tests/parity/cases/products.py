"""CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, TRANSPOSE_CONV: types, strides, padding, dilation, channels, clamps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from parity_case import EVERYWHERE, Case

from qengine.build import Builder, Operand
from qengine.model import TensorType
from qengine.ops.conv_2d import Conv2D
from qengine.ops.depthwise_conv_2d import DepthwiseConv2D
from qengine.ops.fully_connected import FullyConnected
from qengine.ops.transpose_conv import TransposeConv
from qengine.options import ActivationFunctionType, Padding

F = ActivationFunctionType
SAME, VALID = Padding.SAME, Padding.VALID


def weights(b: Builder, rng: np.random.Generator, shape: Sequence[int], type_: str, axis: int, by: str) -> Operand:
    """by: "channel" or "tensor"; uint8 weights have a zero point, int8 ones none."""
    if type_ == "float32":
        return b.constant(rng.normal(0, 1, shape).astype(np.float32))
    if type_ == "uint8":
        return b.constant(rng.integers(0, 256, shape).astype(np.uint8), scale=0.017, zero_point=121)
    values = rng.integers(-127, 128, shape).astype(np.int8)
    if by == "tensor":
        return b.constant(values, scale=0.013)
    return b.constant(values, scale=rng.uniform(0.002, 0.02, shape[axis]), axis=axis)


def biases(rng: np.random.Generator, channels: int, type_: str) -> Any:
    if type_ == "float32":
        return rng.normal(0, 1, channels).astype(np.float32)
    return rng.integers(-3000, 3000, channels).astype(np.int64 if type_ == "int16" else np.int32)


def quantized(type_: str, terms: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Scale and zero point of input and output, so that sums of so many terms fill the output's range."""
    if type_ == "float32":
        return {}, {}
    spread = {"int8": 0.017 * 0.01 * 74 * 74, "uint8": 0.017 * 0.017 * 74 * 74, "int16": 3e-5 * 0.01 * 74 * 19000}
    scale = spread[type_] * np.sqrt(terms) * 4 / (65536 if type_ == "int16" else 256)
    points = {"int8": (-7, 5), "uint8": (131, 118), "int16": (0, 0)}[type_]
    step = 3e-5 if type_ == "int16" else 0.017
    return {"scale": step, "zero_point": points[0]}, {"scale": scale, "zero_point": points[1]}


def sums(
    name: str,
    op: Any,
    shape: Sequence[int],
    filters: Sequence[int],
    *,
    type: str = "int8",
    by: str = "channel",
    axis: int = 0,
    bias: bool = True,
    output_shape: Sequence[int] | None = None,
    refused: tuple[str, ...] = (),
) -> Case:
    terms = int(np.prod(filters)) // filters[axis]

    def build(b: Builder, rng: np.random.Generator) -> list[Operand]:
        before, after = quantized(type, terms)
        x = b.input("x", shape, type, **before)
        w = weights(b, rng, filters, type, axis, by)
        parts = [x, w, biases(rng, filters[axis], type)] if bias else [x, w]
        if output_shape is not None:
            parts = [list(output_shape), w, x, *parts[2:]]
        return [b.add(op, parts, **after)]

    return Case(name, build, refused=refused)


def conv(stride: int = 1, padding: Padding = SAME, activation: F = F.NONE, dilation: int = 1) -> Conv2D:
    return Conv2D(padding, stride, stride, activation, dilation, dilation)


def depthwise(
    multiplier: int = 1, stride: int = 1, padding: Padding = SAME, activation: F = F.NONE, dilation: int = 1
) -> DepthwiseConv2D:
    return DepthwiseConv2D(padding, stride, stride, multiplier, activation, dilation, dilation)


CASES = [
    *(
        case
        for type_ in ("int8", "uint8", "float32")
        for case in (
            sums(f"conv_{type_}_3x3_same", conv(), (1, 7, 6, 3), (5, 3, 3, 3), type=type_),
            sums(f"conv_{type_}_5x2_stride_2_valid", conv(2, VALID), (2, 11, 9, 4), (17, 5, 2, 4), type=type_),
            sums(f"conv_{type_}_1x1_many_channels", conv(), (1, 5, 5, 37), (33, 1, 1, 37), type=type_),
            sums(f"conv_{type_}_dilated", conv(dilation=2), (1, 9, 9, 2), (8, 3, 3, 2), type=type_),
            sums(f"conv_{type_}_relu", conv(activation=F.RELU), (1, 6, 6, 8), (9, 3, 3, 8), type=type_),
            sums(f"conv_{type_}_relu6", conv(activation=F.RELU6), (1, 6, 6, 8), (9, 3, 3, 8), type=type_),
            sums(f"depthwise_{type_}_3x3_17_channels", depthwise(), (1, 8, 7, 17), (1, 3, 3, 17), type=type_, axis=3),
            sums(
                f"depthwise_{type_}_multiplier_stride_2",
                depthwise(3, 2, VALID, F.RELU),
                (2, 9, 9, 5),
                (1, 3, 3, 15),
                type=type_,
                axis=3,
            ),
            sums(
                f"depthwise_{type_}_dilated",
                depthwise(dilation=2, activation=F.RELU6),
                (1, 9, 9, 8),
                (1, 3, 3, 8),
                type=type_,
                axis=3,
            ),
            sums(f"fully_connected_{type_}", FullyConnected(), (3, 40), (11, 40), type=type_, by="tensor"),
            sums(f"fully_connected_{type_}_no_bias", FullyConnected(), (1, 64), (10, 64), type=type_, bias=False),
            sums(
                f"transpose_conv_{type_}_stride_2",
                TransposeConv(SAME, 2, 2),
                (1, 5, 4, 6),
                (9, 3, 3, 6),
                type=type_,
                output_shape=(1, 10, 8, 9),
            ),
        )
    ),
    sums(
        "transpose_conv_int8_strides_beyond_the_filter",
        TransposeConv(SAME, 3, 3),
        (2, 9, 8, 5),
        (16, 2, 3, 5),
        output_shape=(2, 27, 24, 16),
    ),
    sums("conv_int8_weights_as_a_whole", conv(), (1, 7, 6, 3), (5, 3, 3, 3), by="tensor"),
    sums("conv_int8_without_bias", conv(), (1, 7, 6, 3), (5, 3, 3, 3), bias=False, refused=EVERYWHERE),
    sums("conv_int8_grouped", conv(), (1, 6, 6, 8), (6, 3, 3, 4)),
    sums("conv_int16", replace(conv(), quantized_bias_type=TensorType.INT64), (1, 7, 6, 3), (5, 3, 3, 3), type="int16"),
    sums("depthwise_int16", depthwise(), (1, 8, 7, 17), (1, 3, 3, 17), type="int16", axis=3),
    sums("fully_connected_int8_by_channel", FullyConnected(), (3, 40), (11, 40)),
    sums(
        "fully_connected_int16",
        FullyConnected(quantized_bias_type=TensorType.INT64),
        (3, 40),
        (11, 40),
        type="int16",
        by="tensor",
    ),
]
