"""Small networks whose steps are joined into native calls: sums, products, softmax, tensors seen as another type."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from parity_case import STEPS, Case, entrance, single

from qengine.build import Builder, Operand
from qengine.ops.add import Add
from qengine.ops.cast import Cast
from qengine.ops.div import Div
from qengine.ops.expand_dims import ExpandDims
from qengine.ops.greater import Greater
from qengine.ops.mul import Mul
from qengine.ops.quantize import Quantize
from qengine.ops.reshape import Reshape
from qengine.ops.reverse_v2 import ReverseV2
from qengine.ops.softmax import Softmax
from qengine.ops.squeeze import Squeeze
from qengine.ops.sub import Sub
from qengine.options import ActivationFunctionType

RELU6 = ActivationFunctionType.RELU6
EIGHT = ("int8", "uint8")
OTHER = {"int8": (0.031, 11), "uint8": (0.031, 100), "int16": (0.0017, 0)}
SQUARE = {"int8": (0.07, -20), "uint8": (0.07, 100), "int16": (0.002, 0)}
CHANCES = {"int8": (1 / 256, -128), "uint8": (1 / 256, 0)}


def beside(*shape: int) -> Callable[[Operand], Sequence[Operand]]:
    """A constant of another scale as second input."""

    def inputs(x: Operand) -> Sequence[Operand]:
        low, high = (-128, 127) if x.type.name == "INT8" else (0, 255)
        values = np.linspace(low, high, int(np.prod(shape))).round().astype(x.type.dtype).reshape(shape)
        return [x, x.graph.constant(values, scale=0.015, zero_point=(low + high + 1) // 2 + 3)]

    return inputs


def one_before(x: Operand) -> Sequence[Operand]:
    """A constant number as first input."""
    scale = 0.0013 if x.type.name == "INT16" else 0.015
    return [x.graph.constant(np.array([40], x.type.dtype), scale=scale, zero_point=0), x]


def one_behind(x: Operand) -> Sequence[Operand]:
    return one_before(x)[::-1]


def twice(x: Operand) -> Sequence[Operand]:
    return [x, x]


def renamed(to: str) -> Callable[[Builder, np.random.Generator], Sequence[Operand]]:
    """A graph input seen as the other type of 8 bits, by compiled operators and by others, and as an output."""
    other = {"int8": "uint8", "uint8": "int8"}[to]

    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        scale, point = STEPS[other]
        x = entrance(b, (2, 3, 10), other)
        y = b.add(Quantize(), [x], type=to, scale=scale, zero_point=point + (128 if to == "uint8" else -128))
        rows = b.add(Reshape(), [y, [6, 10]])
        total = b.add(Add(), [rows, rows], scale=0.05, zero_point=3)
        back = b.add(Reshape(), [total, [2, 3, 10]])
        shifted = b.add(Quantize(), [back], type=other, scale=0.05, zero_point=3 + (128 if other == "uint8" else -128))
        return [b.add(ReverseV2(), [y, [2]]), shifted, b.add(Softmax(1.0), [rows]), y]

    return build


def flagged(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
    """Flags and whole numbers of int8."""
    x = entrance(b, (3, 21), "int8")
    return [b.add(Greater(), one_behind(x), type="bool"), b.add(Cast(), [x], type="int32")]


def plain_between(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
    """An operator without a kernel in between: its inputs and outputs cross over."""
    x = entrance(b, (4, 5), "int8")
    y = b.add(Add(), [x, x], scale=0.05, zero_point=3)
    flat = b.add(Squeeze(), [b.add(ExpandDims(), [y, 0])])
    turned = b.add(ReverseV2(), [flat, [1]])
    z = b.add(Sub(), [b.add(Reshape(), [turned, [4, 5]]), y], scale=0.04, zero_point=-9)
    return [z, b.add(Reshape(), [z, [20]])]


CASES = [
    *single("add_itself", Add(), (2, 5, 7), *EIGHT, around=twice, scale=OTHER),
    *single("add_relu6", Add(RELU6), (1, 9, 9, 16), *EIGHT, around=twice, scale=OTHER),
    *single("add_channels", Add(), (2, 5, 70), *EIGHT, around=beside(70), scale=OTHER),
    *single("add_one", Add(), (3, 67), *EIGHT, around=beside(1), scale=OTHER),
    *single("add_columns", Add(), (3, 1, 33), *EIGHT, around=beside(2, 1), scale=OTHER),
    *single("sub_channels", Sub(), (2, 5, 70), *EIGHT, around=beside(70), scale=OTHER),
    *single("sub_wide", Sub(), (1, 6), *EIGHT, around=beside(5, 6), scale=OTHER),
    *single("mul_itself", Mul(RELU6), (2, 5, 70), *EIGHT, around=twice, scale=SQUARE),
    *single("mul_channels", Mul(), (2, 5, 70), *EIGHT, around=beside(5, 1), scale=OTHER),
    *single("sub_from_one", Sub(), (3, 21), *EIGHT, "int16", around=one_before, scale=OTHER),
    *single("add_one_behind", Add(), (3, 21), *EIGHT, "int16", around=one_behind, scale=OTHER),
    *single("mul_one_behind", Mul(), (3, 21), *EIGHT, "int16", around=one_behind, scale=SQUARE),
    Case("greater_than_one", flagged),
    *single("divided_by_one", Div(), (3, 21), "uint8", around=one_behind, scale=OTHER),
    *single("softmax", Softmax(1.0), (3, 100), *EIGHT, scale=CHANCES),
    *single("softmax_steep", Softmax(5.0), (2, 2, 3), *EIGHT, scale=CHANCES),
    Case("renamed_int8", renamed("int8")),
    Case("renamed_uint8", renamed("uint8")),
    Case("plain_between", plain_between),
]
