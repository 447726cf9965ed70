"""Layers with random weights, for a Builder: what a network that is trained from nothing is made of."""

from __future__ import annotations

import numpy as np

from ..build import Builder, Operand
from ..op import Op
from ..ops.conv_2d import Conv2D
from ..ops.depthwise_conv_2d import DepthwiseConv2D
from ..ops.fully_connected import FullyConnected
from ..ops.relu import Relu
from ..ops.relu6 import Relu6
from ..ops.relu_n1_to_1 import ReluN1To1
from ..ops.reshape import Reshape
from ..ops.resize_nearest_neighbor import ResizeNearestNeighbor
from ..ops.transpose_conv import TransposeConv
from ..options import ActivationFunctionType, Padding
from .batch_normalization import BatchNormalization
from .dropout import Dropout
from .initializers import glorot_uniform, he_normal

NONE, RELU = ActivationFunctionType.NONE, ActivationFunctionType.RELU
_CLAMPS: dict[ActivationFunctionType, Op] = {
    RELU: Relu(),
    ActivationFunctionType.RELU6: Relu6(),
    ActivationFunctionType.RELU_N1_TO_1: ReluN1To1(),
}


class Layers:
    """Adds layers to a graph of `builder`, the same weights for the same seed.

        b = Builder()
        layers = Layers(b, seed=0)
        y = layers.conv(b.input("image", (1, 8, 8, 1), shape_signature=(-1, 8, 8, 1)), 16, normalize=True)
        model = b.model([layers.dense(layers.dropout(layers.flatten(y), 0.25), 10, activation=NONE, name="scores")])

    Weights begin as `he_normal` before a clamp and `glorot_uniform` before none, biases as 0. Images are (n h w c), and
    padded as SAME. normalize: whether a batch normalization comes between the sums and the activation. activation:
    NONE, RELU, RELU6 or RELU_N1_TO_1. name: of what comes out.
    """

    def __init__(self, builder: Builder, seed: int = 0) -> None:
        self.builder = builder
        self._rng = np.random.default_rng(seed)

    def conv(
        self,
        x: Operand,
        filters: int,
        *,
        size: int = 3,
        stride: int = 1,
        activation: ActivationFunctionType = RELU,
        normalize: bool = False,
        name: str | None = None,
    ) -> Operand:
        """(n h w c) -> (n h/stride w/stride filters)."""
        weights = self._weights((filters, size, size, x.shape[3]), size * size * x.shape[3], activation)
        return self._finished(Conv2D(Padding.SAME, stride, stride), [x, weights], filters, activation, normalize, name)

    def depthwise(
        self,
        x: Operand,
        *,
        size: int = 3,
        stride: int = 1,
        activation: ActivationFunctionType = RELU,
        normalize: bool = False,
        name: str | None = None,
    ) -> Operand:
        """(n h w c) -> (n h/stride w/stride c), each channel by itself."""
        channels = x.shape[3]
        weights = self._weights((1, size, size, channels), size * size, activation)
        op = DepthwiseConv2D(Padding.SAME, stride, stride, depth_multiplier=1)
        return self._finished(op, [x, weights], channels, activation, normalize, name)

    def transposed(
        self,
        x: Operand,
        filters: int,
        *,
        size: int = 3,
        stride: int = 2,
        activation: ActivationFunctionType = RELU,
        normalize: bool = False,
        name: str | None = None,
    ) -> Operand:
        """(n h w c) -> (n h*stride w*stride filters)."""
        batch, height, width, channels = x.shape
        weights = self._weights((filters, size, size, channels), size * size * channels // stride**2, activation)
        shape = np.array([batch, height * stride, width * stride, filters], np.int32)
        op = TransposeConv(Padding.SAME, stride, stride)
        return self._finished(op, [shape, weights, x], filters, activation, normalize, name)

    def enlarged(self, x: Operand, factor: int = 2, *, name: str | None = None) -> Operand:
        """(n h w c) -> (n h*factor w*factor c): each pixel several times."""
        size = np.array([x.shape[1] * factor, x.shape[2] * factor], np.int32)
        return self.builder.add(ResizeNearestNeighbor(), [x, size], name=name)

    def dense(
        self,
        x: Operand,
        units: int,
        *,
        activation: ActivationFunctionType = RELU,
        normalize: bool = False,
        name: str | None = None,
    ) -> Operand:
        """(n c) -> (n units)."""
        depth = x.shape[-1]
        weights = self._weights((units, depth), depth, activation)
        return self._finished(FullyConnected(), [x, weights], units, activation, normalize, name)

    def dropout(self, x: Operand, rate: float, *, name: str | None = None) -> Operand:
        """x, of which training sets a share of `rate` to 0."""
        return self.builder.add(Dropout(rate), [x], name=name)

    def flatten(self, x: Operand, *, name: str | None = None) -> Operand:
        """(n ...) -> (n c)."""
        return self.reshape(x, (int(np.prod(x.shape[1:])),), name=name)

    def reshape(self, x: Operand, shape: tuple[int, ...], *, name: str | None = None) -> Operand:
        """(n ...) -> (n *shape)."""
        return self.builder.add(Reshape(), [x, np.array([-1, *shape], np.int32)], name=name)

    def _weights(self, shape: tuple[int, ...], fan_in: int, activation: ActivationFunctionType) -> Operand:
        initializer = glorot_uniform if activation is NONE else he_normal
        return self.builder.constant(initializer(self._rng, shape, max(fan_in, 1)))

    def _finished(
        self,
        op: Op,
        inputs: list[object],
        channels: int,
        activation: ActivationFunctionType,
        normalize: bool,
        name: str | None,
    ) -> Operand:
        """Bias, batch normalization and activation after the sums; the last of them has the name."""
        if activation not in (NONE, *_CLAMPS):
            raise ValueError(f"expected an activation of NONE, RELU, RELU6 or RELU_N1_TO_1, got {activation.name}")
        b, last = self.builder, activation is NONE
        y = b.add(op, [*inputs, np.zeros(channels, np.float32)], name=name if last and not normalize else None)
        if normalize:
            start = [np.full(channels, value, np.float32) for value in (1, 0, 0, 1)]
            y = b.add(BatchNormalization(), [y, *start], name=name if last else None)
        return y if last else b.add(_CLAMPS[activation], [y], name=name)
