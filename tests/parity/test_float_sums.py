"""Float sums and functions are the runtime's to the last bit, in each profile, where the order of its steps is known
(docs/numerics/float_sums.md)."""

from __future__ import annotations

import types

import numpy as np
import pytest
from parity_case import Array
from test_parity import KERNEL_SETS

from qengine.build import Builder
from qengine.interpreter import Interpreter
from qengine.kernels.emit import native
from qengine.ops.average_pool_2d import AveragePool2D
from qengine.ops.conv_2d import Conv2D
from qengine.ops.cos import Cos
from qengine.ops.depthwise_conv_2d import DepthwiseConv2D
from qengine.ops.elu import Elu
from qengine.ops.fully_connected import FullyConnected
from qengine.ops.gelu import Gelu
from qengine.ops.hard_swish import HardSwish
from qengine.ops.logistic import Logistic
from qengine.ops.mean import Mean
from qengine.ops.sin import Sin
from qengine.ops.softmax import Softmax
from qengine.ops.sum import Sum
from qengine.ops.tanh import Tanh
from qengine.options import ActivationFunctionType, Padding
from qengine.tflite import to_bytes

EVERY = tuple(KERNEL_SETS)
RELU6 = ActivationFunctionType.RELU6
CONV, WIDE = Conv2D(Padding.SAME, 1, 1), Conv2D(Padding.VALID, 2, 2, RELU6)
DEPTHWISE = DepthwiseConv2D(Padding.SAME, 1, 1, 1)
STRIDED = DepthwiseConv2D(Padding.VALID, 2, 2, 1, RELU6)

LAYERS = {
    "conv_27": (CONV, (1, 9, 8, 3), (24, 3, 3, 3), EVERY),
    "conv_360": (CONV, (1, 7, 7, 40), (33, 3, 3, 40), ("xnnpack", "reference")),
    "conv_strided": (WIDE, (2, 9, 9, 5), (16, 3, 2, 5), EVERY),
    "conv_pointwise": (CONV, (1, 6, 5, 70), (88, 1, 1, 70), EVERY),
    "conv_grouped": (CONV, (1, 6, 5, 12), (18, 3, 3, 4), ("xnnpack", "reference")),
    "depthwise_3x3": (DEPTHWISE, (1, 9, 8, 37), (1, 3, 3, 37), EVERY),
    "depthwise_5x5": (DEPTHWISE, (2, 9, 9, 16), (1, 5, 5, 16), EVERY),
    "depthwise_7x7": (DEPTHWISE, (1, 9, 9, 20), (1, 7, 7, 20), EVERY),
    "depthwise_strided": (STRIDED, (1, 11, 13, 64), (1, 3, 4, 64), EVERY),
    "depthwise_of_one": (DepthwiseConv2D(Padding.SAME, 1, 1, 8), (1, 12, 11, 1), (1, 3, 3, 8), EVERY),
    "depthwise_multiplied": (DepthwiseConv2D(Padding.SAME, 1, 1, 2), (1, 9, 8, 10), (1, 3, 3, 20), EVERY),
    "conv_of_single_channels": (CONV, (1, 6, 5, 12), (12, 3, 3, 1), ("xnnpack", "reference")),
    "conv_multiplied": (CONV, (1, 6, 5, 12), (24, 3, 3, 1), ("xnnpack", "reference")),
    "conv_of_one": (CONV, (1, 6, 5, 1), (1, 3, 3, 1), ("xnnpack", "reference")),
    "depthwise_of_one_to_one": (DEPTHWISE, (1, 9, 8, 1), (1, 3, 3, 1), EVERY),
    "dense_one_row": (FullyConnected(), (1, 200), (77, 200), EVERY),
    "dense_long_row": (FullyConnected(RELU6), (1, 3000), (300, 3000), EVERY),
    "dense_odd_row": (FullyConnected(), (1, 71), (13, 71), EVERY),
    "dense_short_row": (FullyConnected(), (1, 3), (5, 3), EVERY),
    "dense_rows": (FullyConnected(), (9, 130), (40, 130), EVERY),
}


def outputs(interpreter: Interpreter, x: Array) -> Array:
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


FUNCTIONS = {
    "tanh": (Tanh(), (), EVERY),
    "logistic": (Logistic(), (), ("xnnpack", "optimized")),
    "gelu": (Gelu(), (), ("xnnpack",)),
    "gelu_approximate": (Gelu(approximate=True), (), ("xnnpack",)),
    "elu": (Elu(), (), ("xnnpack",)),
    "hard_swish": (HardSwish(), (), EVERY),
    "softmax": (Softmax(beta=1.0), (), ("xnnpack",)),
    "sin": (Sin(), (), ("xnnpack",)),
    "cos": (Cos(), (), ("xnnpack",)),
    "mean_of_image": (Mean(keep_dims=True), ([1, 2],), EVERY),
    "mean_of_last": (Mean(keep_dims=True), ([3],), ("xnnpack",)),
    "sum_of_last": (Sum(keep_dims=True), ([3],), ("xnnpack",)),
    "average_of_4": (AveragePool2D(Padding.VALID, 2, 2, 2, 2), (), EVERY),
    "average_of_9": (AveragePool2D(Padding.SAME, 2, 2, 3, 3), (), EVERY),
    "average_of_20": (AveragePool2D(Padding.SAME, 1, 2, 4, 5), (), EVERY),
}


@pytest.mark.parametrize(
    ("name", "profile"), [(name, profile) for name, function in FUNCTIONS.items() for profile in function[2]]
)
def test_float_functions_are_the_runtime_s_bits(name: str, profile: str, litert: types.ModuleType) -> None:
    need_fused_multiply_add()
    op, others, _ = FUNCTIONS[name]
    b = Builder(name)
    x = b.input("x", (1, 12, 13, 77), "float32")
    blob = to_bytes(b.model([b.add(op, [x, *(b.constant(np.array(other, np.int32)) for other in others)])]))
    compare(blob, np.random.default_rng(len(name)).normal(0, 3, (1, 12, 13, 77)).astype(np.float32), profile, litert)


@pytest.mark.parametrize(
    ("name", "profile"), [(name, profile) for name, layer in LAYERS.items() for profile in layer[3]]
)
def test_float_sums_are_the_runtime_s_bits(name: str, profile: str, litert: types.ModuleType) -> None:
    need_fused_multiply_add()
    op, shape, filters, _ = LAYERS[name]
    rng = np.random.default_rng(len(name))
    b = Builder(name)
    x = b.input("x", shape, "float32")
    channels = filters[3] if isinstance(op, DepthwiseConv2D) else filters[0]
    w, bias = (rng.normal(0, 1, size).astype(np.float32) for size in (filters, channels))
    blob = to_bytes(b.model([b.add(op, [x, b.constant(w), b.constant(bias)])]))
    fed = rng.normal(0, 1, shape).astype(np.float32)
    compare(blob, fed, profile, litert)


def need_fused_multiply_add() -> None:
    if native.obstacle():
        pytest.skip(f"no native code: {native.obstacle()}")
    if not native.variant().needs:
        pytest.skip("this processor has no fused multiply-add")


def compare(blob: bytes, fed: Array, profile: str, litert: types.ModuleType) -> None:
    kernel_set = getattr(litert.OpResolverType, KERNEL_SETS[profile])
    theirs = outputs(
        litert.Interpreter(model_content=blob, experimental_op_resolver_type=kernel_set, num_threads=1), fed
    )
    np.testing.assert_array_equal(outputs(Interpreter(model_content=blob, profile=profile), fed), theirs)
