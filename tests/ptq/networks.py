"""Small float networks for the tests of post-training quantization."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qengine.build import Builder, Operand
from qengine.model import Model
from qengine.ops import find
from qengine.options import ActivationFunctionType, Padding

Array = NDArray[Any]
NONE, RELU, RELU6 = ActivationFunctionType.NONE, ActivationFunctionType.RELU, ActivationFunctionType.RELU6


def op(name: str, **options: Any) -> Any:
    """An operator by its builtin name."""
    found = find(name)
    assert found is not None
    return found(**options)


def conv(
    b: Builder, x: Operand, filters: int, rng: np.random.Generator, *, size: int = 3, stride: int = 1, fused: Any = RELU
) -> Operand:
    weights = (rng.normal(size=(filters, size, size, x.shape[3])) / np.sqrt(size * size * x.shape[3])).astype(
        np.float32
    )
    bias = (rng.normal(size=filters) * 0.1).astype(np.float32)
    options = {"padding": Padding.SAME, "stride_w": stride, "stride_h": stride, "fused_activation_function": fused}
    return b.add(op("CONV_2D", **options), [x, weights, bias])


def dense(b: Builder, x: Operand, units: int, rng: np.random.Generator, *, fused: Any = NONE) -> Operand:
    weights = (rng.normal(size=(units, x.shape[-1])) / np.sqrt(x.shape[-1])).astype(np.float32)
    bias = (rng.normal(size=units) * 0.1).astype(np.float32)
    return b.add(op("FULLY_CONNECTED", fused_activation_function=fused), [x, weights, bias])


def classifier(seed: int = 0) -> Model:
    """(1, 8, 8, 3) `image` through convolutions, a residual ADD, pooling and SOFTMAX to (1, 10) `scores`."""
    rng = np.random.default_rng(seed)
    b = Builder("main")
    x = b.input("image", (1, 8, 8, 3))
    y = conv(b, x, 32, rng, stride=2)
    depth = (rng.normal(size=(1, 3, 3, 32)) / 3).astype(np.float32)
    options = {"padding": Padding.SAME, "stride_w": 1, "stride_h": 1, "depth_multiplier": 1}
    z = b.add(op("DEPTHWISE_CONV_2D", **options, fused_activation_function=RELU6), [y, depth, np.zeros(32, np.float32)])
    z = conv(b, z, 32, rng, size=1, fused=NONE)
    y = b.add(op("ADD"), [y, z])
    y = b.add(op("MEAN", keep_dims=False), [y, np.array([1, 2], np.int32)])
    y = dense(b, y, 10, rng)
    return b.model([b.add(op("SOFTMAX", beta=1.0), [y], name="scores")])


def images(count: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).normal(size=(count, 8, 8, 3)).astype(np.float32)
