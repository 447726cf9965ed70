"""Networks of one int8 layer, so that a kernel can be held against what other engines have for the same shape."""

from __future__ import annotations

from typing import Any

import numpy as np

import qengine as qe
from qengine.op import Op
from qengine.ops.add import Add
from qengine.ops.average_pool_2d import AveragePool2D
from qengine.ops.conv_2d import Conv2D
from qengine.ops.depthwise_conv_2d import DepthwiseConv2D
from qengine.ops.fully_connected import FullyConnected
from qengine.options import Padding

INPUT, WEIGHT = 0.02, 0.005


def convolution(size: int, channels: int, outputs: int, taps: int, stride: int) -> qe.Model:
    """SAME padding, as all here."""
    op = Conv2D(stride_w=stride, stride_h=stride, dilation_w_factor=1, dilation_h_factor=1)
    return _product(op, (1, size, size, channels), (outputs, taps, taps, channels), 0)


def depthwise(size: int, channels: int, taps: int, stride: int) -> qe.Model:
    op = DepthwiseConv2D(stride_w=stride, stride_h=stride, depth_multiplier=1, dilation_w_factor=1, dilation_h_factor=1)
    return _product(op, (1, size, size, channels), (1, taps, taps, channels), 3)


def dense(k: int, columns: int) -> qe.Model:
    return _product(FullyConnected(), (1, k), (columns, k), 0)


def add(size: int) -> qe.Model:
    b = qe.Builder("add")
    first = b.input("first", (1, size), "int8", scale=INPUT, zero_point=3)
    second = b.input("second", (1, size), "int8", scale=2 * INPUT, zero_point=3)
    return b.model([b.add(Add(), [first, second], scale=2.5 * INPUT, zero_point=-2)])


def average_pool(size: int, channels: int) -> qe.Model:
    b = qe.Builder("pool")
    x = b.input("x", (1, size, size, channels), "int8", scale=INPUT, zero_point=-128)
    op = AveragePool2D(Padding.VALID, size, size, size, size)
    return b.model([b.add(op, [x], scale=INPUT, zero_point=-128)])


def _product(op: Op, shape: tuple[int, ...], weights: tuple[int, ...], axis: int) -> qe.Model:
    """Random weights with a scale per channel; the output's scale is such that sums of random inputs fill it."""
    b, rng, channels = qe.Builder(op.name.lower()), np.random.default_rng(0), weights[axis]
    x = b.input("x", shape, "int8", scale=INPUT, zero_point=-128)
    values = rng.integers(-127, 128, weights).astype(np.int8)
    scale: Any = np.full(channels, WEIGHT, np.float32)
    w = b.constant(values, name="w", scale=scale, axis=axis)
    bias = b.constant(np.zeros(channels, np.int32), name="bias", scale=INPUT * scale, axis=0)
    terms = values.size // channels
    return b.model([b.add(op, [x, w, bias], scale=INPUT * WEIGHT * 60 * terms**0.5, zero_point=-128)])
