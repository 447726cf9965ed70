"""Products of two types: narrow weights, 32-bit biases of 16-bit activations, weights over float activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from parity_case import Case

from qengine.build import Builder, Operand
from qengine.model import TensorType
from qengine.ops.conv_2d import Conv2D
from qengine.ops.fully_connected import FullyConnected
from qengine.ops.transpose_conv import TransposeConv
from qengine.options import ActivationFunctionType, Padding

F, T = ActivationFunctionType, TensorType
LARGEST = {"int8": 127, "uint8": 255, "int4": 7, "int2": 1}


def weights(
    b: Builder, rng: np.random.Generator, shape: Sequence[int], type_: str = "int8", by_channel: bool = True
) -> Operand:
    largest = LARGEST[type_]
    values = rng.integers(0 if type_ == "uint8" else -largest, largest + 1, shape)
    if type_ == "uint8":
        values = np.where(values == 128, 0, values)  # the runtime multiplies -128 wrongly
    scale = rng.uniform(0.002, 0.02, shape[0]) if by_channel else 0.013
    return b.constant(values.astype(T[type_.upper()].dtype), type=type_, scale=scale)


def wide(
    name: str,
    make: Callable[[TensorType], Any],
    shape: Sequence[int],
    filters: Sequence[int],
    bias_type: TensorType,
    *,
    weight_type: str = "int8",
    bias: bool = True,
    output_shape: Sequence[int] | None = None,
) -> Case:
    """int16 activations; `bias_type` decides how wide the sums are, whether there is a bias or not."""

    def build(b: Builder, rng: np.random.Generator) -> list[Operand]:
        x = b.input("x", shape, "int16", scale=3e-5)
        scale = 8e-5 * (1 if weight_type == "int8" else 0.05) * float(np.sqrt(np.prod(filters[1:])))
        offsets = [rng.integers(-3000, 3000, filters[0]).astype(bias_type.dtype)] if bias else []
        parts = [x, weights(b, rng, filters, weight_type), *offsets]
        if output_shape is not None:
            parts = [list(output_shape), parts[1], x, *offsets]
        return [b.add(make(bias_type), parts, scale=scale)]

    return Case(f"products_int16_{weight_type}_{name}_{bias_type.name.lower()}{'' if bias else '_no_bias'}", build)


def over_floats(
    name: str, type_: str, *, fused: F = F.NONE, asymmetric: bool = False, by_channel: bool = True, units: int = 12
) -> Case:
    def build(b: Builder, rng: np.random.Generator) -> list[Operand]:
        w = weights(b, rng, (units, 40), type_, by_channel)
        op = FullyConnected(fused_activation_function=fused, asymmetric_quantize_inputs=asymmetric)
        return [b.add(op, [b.input("x", (3, 40)), w, rng.normal(0, 1, units).astype(np.float32)])]

    return Case(f"products_over_floats_{name}", build)


def transposed_by_a_shape_that_comes_while_running() -> Case:
    def build(b: Builder, rng: np.random.Generator) -> list[Operand]:
        shape = b.input("shape", (4,), "int32")
        x, w = b.input("x", (2, 3, 4, 5)), weights(b, rng, (6, 3, 3, 5))
        offsets = rng.normal(0, 1, 6).astype(np.float32)
        return [b.add(TransposeConv(Padding.SAME, 2, 2), [shape, w, x, offsets], type="float32")]

    def inputs(rng: np.random.Generator) -> list[Any]:
        return [np.array([2, 6, 8, 6], np.int32), rng.normal(0, 1, (2, 3, 4, 5)).astype(np.float32)]

    return Case("transposed_over_floats_running_shape", build, inputs)


def conv(bias_type: TensorType) -> Conv2D:
    return Conv2D(Padding.SAME, 1, 1, quantized_bias_type=bias_type)


def transposed(bias_type: TensorType) -> TransposeConv:
    return TransposeConv(Padding.SAME, 2, 2, quantized_bias_type=bias_type)


def dense(bias_type: TensorType) -> FullyConnected:
    return FullyConnected(quantized_bias_type=bias_type)


CASES = [
    wide("conv", conv, (2, 6, 5, 4), (11, 3, 3, 4), T.INT32),
    wide("conv_int4", conv, (2, 6, 5, 4), (11, 3, 3, 4), T.INT64, weight_type="int4"),
    wide("conv_int4", conv, (2, 6, 5, 4), (11, 3, 3, 4), T.INT32, weight_type="int4"),
    *(
        wide("transposed", transposed, (2, 3, 4, 5), (12, 3, 3, 5), type_, bias=bias, output_shape=(2, 6, 8, 12))
        for type_ in (T.INT32, T.INT64)
        for bias in (True, False)
    ),
    *(
        wide("dense", dense, (5, 40), (12, 40), type_, weight_type=width, bias=bias)
        for width in ("int8", "int4", "int2")
        for type_ in (T.INT32, T.INT64)
        for bias in (True, False)
    ),
    transposed_by_a_shape_that_comes_while_running(),
    over_floats("unsigned", "uint8", by_channel=False),
    over_floats("tanh", "int8", fused=F.TANH),
    over_floats("tanh_asymmetric", "int8", fused=F.TANH, asymmetric=True),
    over_floats("sign", "int8", fused=F.SIGN_BIT),
    over_floats("four_bits_tanh", "int4", fused=F.TANH),
    over_floats("two_bits", "int2"),
    over_floats("two_bits_as_a_whole", "int2", by_channel=False),
]
