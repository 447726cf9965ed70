"""Small whole networks: residuals, branches, several inputs and outputs, batches of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
from parity_case import Case, entrance

from qengine.build import Builder, Operand
from qengine.ops.add import Add
from qengine.ops.average_pool_2d import AveragePool2D
from qengine.ops.concatenation import Concatenation
from qengine.ops.conv_2d import Conv2D
from qengine.ops.depthwise_conv_2d import DepthwiseConv2D
from qengine.ops.fully_connected import FullyConnected
from qengine.ops.logistic import Logistic
from qengine.ops.max_pool_2d import MaxPool2D
from qengine.ops.mul import Mul
from qengine.ops.pad import Pad
from qengine.ops.reshape import Reshape
from qengine.ops.resize_bilinear import ResizeBilinear
from qengine.ops.softmax import Softmax
from qengine.options import ActivationFunctionType, Padding

F = ActivationFunctionType


class Layers:
    """Layers of one type; quantized ones get scales that keep values in range."""

    def __init__(self, b: Builder, rng: np.random.Generator, type_: str) -> None:
        self.b, self.rng, self.type = b, rng, type_

    def after(self) -> dict[str, Any]:
        """A scale and zero point for the next output."""
        if self.type == "float32":
            return {}
        middle = 128 if self.type == "uint8" else 0
        return {"scale": self.rng.uniform(0.03, 0.06), "zero_point": middle + int(self.rng.integers(-30, 30))}

    def _weights(self, shape: tuple[int, ...], axis: int, terms: int) -> Any:
        real = (self.rng.normal(0, 1, shape) / np.sqrt(terms)).astype(np.float32)
        if self.type == "float32":
            return real
        return self.b.weights(real, axis=None if self.type == "uint8" else axis, type=self.type)

    def _bias(self, channels: int) -> Any:
        return self.rng.normal(0, 0.3, channels).astype(np.float32)

    def conv(self, x: Operand, channels: int, size: int = 1, stride: int = 1, fused: F = F.RELU6) -> Operand:
        weights = self._weights((channels, size, size, x.shape[3]), 0, size * size * x.shape[3])
        op = Conv2D(Padding.SAME, stride, stride, fused)
        return self.b.add(op, [x, weights, self._bias(channels)], **self.after())

    def depthwise(self, x: Operand, stride: int = 1, padding: Padding = Padding.SAME) -> Operand:
        weights = self._weights((1, 3, 3, x.shape[3]), 3, 9)
        op = DepthwiseConv2D(padding, stride, stride, 1, F.RELU6)
        return self.b.add(op, [x, weights, self._bias(x.shape[3])], **self.after())

    def dense(self, x: Operand, units: int) -> Operand:
        weights = self._weights((units, x.shape[1]), 0, x.shape[1])
        return self.b.add(FullyConnected(), [x, weights, self._bias(units)], **self.after())


def residual(type_: str) -> Case:
    """Inverted residual blocks, as in mobile networks."""

    def build(b: Builder, rng: np.random.Generator) -> list[Operand]:
        layers = Layers(b, rng, type_)
        x = layers.conv(entrance(b, (1, 18, 14, 3), type_), 8, 3, 2)
        for _ in range(2):
            inner = layers.conv(layers.depthwise(layers.conv(x, 24)), 8, fused=F.NONE)
            x = b.add(Add(), [x, inner], **layers.after())
        x = b.add(Pad(), [x, [[0, 0], [0, 1], [0, 1], [0, 0]]])
        x = layers.conv(layers.depthwise(x, 2, Padding.VALID), 21)
        x = b.add(AveragePool2D(Padding.VALID, 1, 1, x.shape[2], x.shape[1]), [x])
        x = layers.dense(b.add(Reshape(), [x, [1, 21]]), 11)
        return [b.add(Softmax(beta=1.0), [x])]

    return Case(f"residual_network_{type_}", build)


def branches(type_: str) -> Case:
    """Two inputs, a gate, branches joined on one scale, and three outputs, one of them in the middle."""

    def build(b: Builder, rng: np.random.Generator) -> list[Operand]:
        layers = Layers(b, rng, type_)
        x, y = entrance(b, (1, 8, 8, 4), type_), entrance(b, (1, 4, 4, 6), type_, "y")
        deep = layers.conv(x, 6, 3, fused=F.NONE)
        small = b.add(MaxPool2D(Padding.VALID, 2, 2, 2, 2), [deep])
        gate = b.add(Logistic(), [layers.conv(y, 6, fused=F.NONE)])
        gated = b.add(Mul(), [small, gate], **layers.after())
        large = b.add(ResizeBilinear(half_pixel_centers=True), [small, [8, 8]])
        joined = b.add(Concatenation(axis=3), [deep, large])
        return [layers.conv(joined, 5), small, gated]

    return Case(f"branches_{type_}", build)


def batches(type_: str) -> Case:
    """Calls with different numbers of samples, in one interpreter."""

    def build(b: Builder, rng: np.random.Generator) -> list[Operand]:
        layers = Layers(b, rng, type_)
        step = {} if type_ == "float32" else {"scale": 0.02, "zero_point": 125 if type_ == "uint8" else -3}
        x = b.input("x", (1, 6, 6, 2), type_, shape_signature=(-1, 6, 6, 2), **step)
        y = b.add(Reshape(), [layers.conv(x, 4, 3), [-1, 144]])
        return [layers.dense(y, 7)]

    def inputs(rng: np.random.Generator) -> list[Any]:
        shape = (int(rng.integers(1, 6)), 6, 6, 2)
        if type_ == "float32":
            return [rng.normal(0, 1, shape).astype(np.float32)]
        return [rng.integers(0, 256, shape).astype(np.uint8).view(type_)]

    return Case(f"batches_{type_}", build, inputs, calls=5)


TYPES = ("int8", "uint8", "float32")
CASES = [make(type_) for make in (residual, branches, batches) for type_ in TYPES]
