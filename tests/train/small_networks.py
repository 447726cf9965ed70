"""Small float networks for the tests of training."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qengine.build import Builder, Operand
from qengine.model import Model
from qengine.op import Op
from qengine.ops import find
from qengine.options import ActivationFunctionType, Padding

Array = NDArray[Any]
NONE, RELU, RELU6 = ActivationFunctionType.NONE, ActivationFunctionType.RELU, ActivationFunctionType.RELU6


def op(name: str, **options: Any) -> Op:
    """An operator by its builtin name."""
    found = find(name)
    assert found is not None
    return found(**options)


def normal(rng: np.random.Generator, *shape: int) -> Array:
    return (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32)


def conv(b: Builder, x: Operand, rng: np.random.Generator, filters: int, size: int = 3, fused: Any = RELU) -> Operand:
    made = op("CONV_2D", padding=Padding.SAME, stride_w=1, stride_h=1, fused_activation_function=fused)
    return b.add(made, [x, normal(rng, filters, size, size, x.shape[3]), normal(rng, filters)])


def everything(seed: int = 0) -> Model:
    """(1, 6, 6, 2) `image` -> (1, 5) `scores`: two branches that share a depthwise filter, added and joined, spread by
    a transposed convolution, pooled, reshaped and read out. Constants name the batch size 1."""
    rng = np.random.default_rng(seed)
    b = Builder("main")
    x = b.input("image", (1, 6, 6, 2), shape_signature=(-1, 6, 6, 2))
    y = conv(b, x, rng, 4)
    filters, bias = b.constant(normal(rng, 1, 3, 3, 4)), b.constant(normal(rng, 4))
    depthwise = op("DEPTHWISE_CONV_2D", padding=Padding.SAME, stride_w=1, stride_h=1, depth_multiplier=1)
    z = b.add(depthwise, [y, filters, bias])
    y = b.add(op("ADD", fused_activation_function=RELU6), [b.add(depthwise, [z, filters, bias]), y])
    y = b.add(op("CONCATENATION", axis=3), [y, z])
    y = b.add(
        op("AVERAGE_POOL_2D", padding=Padding.VALID, stride_w=2, stride_h=2, filter_width=2, filter_height=2), [y]
    )
    up = op("TRANSPOSE_CONV", padding=Padding.SAME, stride_w=2, stride_h=2)
    y = b.add(up, [np.array([1, 6, 6, 3], np.int32), normal(rng, 3, 2, 2, 8), y, normal(rng, 3)])
    y = b.add(op("MEAN", keep_dims=True), [y, np.array([1], np.int32)])
    y = b.add(op("LOGISTIC"), [b.add(op("MUL"), [y, normal(rng, 3)])])
    y = b.add(op("RESHAPE"), [y, np.array([1, 18], np.int32)])
    y = b.add(op("FULLY_CONNECTED"), [y, normal(rng, 5, 18), normal(rng, 5)], name="logits")
    return b.model([b.add(op("SOFTMAX", beta=1.0), [y], name="scores")])
