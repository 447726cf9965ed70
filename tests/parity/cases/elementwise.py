"""Activations and arithmetic, element by element, with broadcasting, clamps and scales of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from parity_case import Case, entrance, single

from qengine.build import Builder, Operand
from qengine.op import Op
from qengine.ops.add import Add
from qengine.ops.cast import Cast
from qengine.ops.dequantize import Dequantize
from qengine.ops.div import Div
from qengine.ops.floor_div import FloorDiv
from qengine.ops.hard_swish import HardSwish
from qengine.ops.leaky_relu import LeakyRelu
from qengine.ops.logistic import Logistic
from qengine.ops.mul import Mul
from qengine.ops.quantize import Quantize
from qengine.ops.relu import Relu
from qengine.ops.relu6 import Relu6
from qengine.ops.softmax import Softmax
from qengine.ops.sqrt import Sqrt
from qengine.ops.sub import Sub
from qengine.ops.tanh import Tanh
from qengine.options import ActivationFunctionType

EIGHT = ("int8", "uint8", "float32")
ALL = (*EIGHT, "int16")
F = ActivationFunctionType
OTHER = {"int8": (0.031, 11), "uint8": (0.031, 100), "int16": (0.0013, 0)}
SECOND = {"int8": (0.013, 21), "uint8": (0.013, 99), "int16": (0.0009, 0)}
PRODUCT = {"int8": (0.05, 9), "uint8": (0.05, 100), "int16": (0.002, 0)}
Shape = Sequence[int]
SAME, ROW, STRETCHED = ((2, 3, 4, 21),) * 2, ((2, 3, 4, 21), (21,)), ((2, 1, 4, 5), (1, 3, 1, 5))


def two(
    name: str, op: Op, shapes: tuple[Shape, Shape], after: dict[str, tuple[float, int]], *types: str, **more: Any
) -> list[Case]:
    """Two inputs with different scales."""

    def case(type_: str) -> Case:
        def build(b: Builder, rng: np.random.Generator) -> list[Operand]:
            scale, zero_point = SECOND.get(type_, (None, 0))
            first = entrance(b, shapes[0], type_)
            second = b.input("y", shapes[1], type_, scale=scale, zero_point=zero_point)
            step, point = after.get(type_, (None, 0))
            return [b.add(op, [first, second], scale=step, zero_point=point)]

        return Case(f"{name}_{type_}", build, **more)

    return [case(type_) for type_ in types]


def divisible(rng: np.random.Generator) -> list[Any]:
    """The second is never its zero point, which would be a division by zero."""
    x, y = (rng.integers(-128, 128, shape).astype(np.int8) for shape in SAME)
    return [x, np.where(y == SECOND["int8"][1], np.int8(-128), y)]


def changed(name: str, op: Op, before: str, after: str, steps: Sequence[tuple[float, int] | None]) -> Case:
    """From one type and quantization to another; 21 columns are two tails of the runtime's vectors."""

    def build(b: Builder, rng: np.random.Generator) -> list[Operand]:
        (one, zero), (two_, point) = (step or (None, 0) for step in steps)
        x = b.input("x", (3, 7, 21), before, scale=one, zero_point=zero)
        return [b.add(op, [x], type=after, scale=two_, zero_point=point)]

    return Case(f"{name}_{before}_to_{after}", build)


CASES = [
    *single("relu", Relu(), (2, 5, 33), *ALL, scale=OTHER),
    *single("relu6", Relu6(), (2, 5, 33), *EIGHT, scale=OTHER),
    *single("leaky_relu", LeakyRelu(alpha=0.2), (2, 5, 33), *ALL, scale=OTHER),
    *single("hard_swish", HardSwish(), (2, 5, 33), *EIGHT, scale=OTHER),
    *single("logistic", Logistic(), (2, 5, 33), *ALL),
    *single("tanh", Tanh(), (2, 5, 33), *ALL),
    *single("softmax", Softmax(beta=1.0), (5, 33), *ALL),
    *single("softmax_beta", Softmax(beta=0.3), (2, 3, 10), *ALL),
    *single("sqrt", Sqrt(), (4, 9), "float32", inputs=lambda rng: [rng.uniform(0, 9, (4, 9)).astype(np.float32)]),
    *two("add", Add(), SAME, OTHER, *ALL),
    *two("add_row", Add(F.RELU), ROW, OTHER, *ALL),
    *two("add_stretched", Add(F.RELU6), STRETCHED, OTHER, *EIGHT),
    *two("sub", Sub(), SAME, OTHER, *ALL),
    *two("sub_stretched", Sub(F.RELU), STRETCHED, OTHER, *EIGHT),
    *two("mul", Mul(), SAME, PRODUCT, *ALL),
    *two("mul_row", Mul(F.RELU6), ROW, PRODUCT, *EIGHT),
    *two("div", Div(), SAME, OTHER, "float32"),
    *two("div", Div(), SAME, OTHER, "int8", inputs=divisible),
    *two("floor_div", FloorDiv(), SAME, {}, "float32"),
    changed("quantize", Quantize(), "float32", "int8", [None, (0.04, -3)]),
    changed("quantize", Quantize(), "float32", "uint8", [None, (0.04, 125)]),
    changed("quantize", Quantize(), "float32", "int16", [None, (0.0004, 0)]),
    changed("requantize", Quantize(), "int8", "int8", [(0.05, 7), (0.11, -20)]),
    changed("requantize", Quantize(), "int8", "uint8", [(0.05, 7), (0.05, 135)]),
    changed("requantize", Quantize(), "uint8", "int8", [(0.05, 90), (0.031, 4)]),
    changed("requantize", Quantize(), "int16", "int8", [(0.0004, 0), (0.11, -20)]),
    changed("dequantize", Dequantize(), "int8", "float32", [(0.037, -9), None]),
    changed("dequantize", Dequantize(), "uint8", "float32", [(0.037, 131), None]),
    changed("dequantize", Dequantize(), "int16", "float32", [(0.0037, 0), None]),
    changed("cast", Cast(), "int32", "float32", [None, None]),
    changed("cast", Cast(), "float32", "int32", [None, None]),
]
