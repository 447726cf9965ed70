"""CONV_3D and its transpose: padding, strides, dilations, bias, activations; a shape that comes while running."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from parity_case import Array, Case

from qengine.build import Builder, Operand
from qengine.ops.conv_3d import Conv3D
from qengine.ops.conv_3d_transpose import Conv3DTranspose
from qengine.options import ActivationFunctionType, Padding

ACTIVATIONS = [ActivationFunctionType.NONE, ActivationFunctionType.RELU6, ActivationFunctionType.RELU_N1_TO_1]
Three = tuple[int, int, int]


def convolve(at: int, transpose: bool, padding: Padding, size: Three, strides: Three, dilations: Three) -> Case:
    activation, biased, asked = ACTIVATIONS[at % 3], at % 2 == 0, at % 4 == 1
    options = (padding, strides[0], strides[2], strides[1], activation, dilations[0], dilations[2], dilations[1])

    volume = (2, 7, 6, 9, 2)
    lengths = [slide.output for slide in Conv3D(*options).slides(volume[1:4], size)]
    outputs = (2, *lengths, 3)

    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        filters = b.constant(rng.normal(0, 0.5, (*size, 2, 3)).astype(np.float32))
        bias = b.constant(rng.normal(0, 1, 2 if transpose else 3).astype(np.float32)) if biased else None
        if not transpose:
            return [b.add(Conv3D(*options), [b.input("x", volume, "float32"), filters, bias])]
        shape = b.input("shape", (5,), "int32") if asked else b.constant(np.array(volume, np.int32))
        y = b.input("y", outputs, "float32")
        return [b.add(Conv3DTranspose(*options), [shape, filters, y, bias], shape=volume, type="float32")]

    def inputs(rng: np.random.Generator) -> Sequence[Array]:
        return [np.array(volume, np.int32), rng.normal(0, 3, outputs).astype(np.float32)]

    words = "_".join("x".join(map(str, numbers)) for numbers in (size, strides, dilations))
    name = f"{'spread' if transpose else 'convolve'}_{padding.name.lower()}_{words}"
    return Case(name, build, inputs if transpose and asked else None, within=1e-4)


def not_finite(transpose: bool, activation: ActivationFunctionType) -> Case:
    """Infinity and NaN come in; what goes out is finite, or NaN."""
    options = (Padding.SAME, 1, 1, 1, activation)

    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        filters, x = b.constant(rng.normal(0, 1, (1, 1, 2, 2, 2)).astype(np.float32)), b.input("x", (1, 3, 4, 5, 2))
        if not transpose:
            return [b.add(Conv3D(*options), [x, filters, None])]
        return [b.add(Conv3DTranspose(*options), [[1, 3, 4, 5, 2], filters, x, None], type="float32")]

    def inputs(rng: np.random.Generator) -> Sequence[Array]:
        x = rng.normal(0, 3, (1, 3, 4, 5, 2)).astype(np.float32)
        x.reshape(-1)[[3, 20, 70, 90]] = np.inf, -np.inf, np.nan, 3e38
        return [x]

    return Case(f"{'spread' if transpose else 'convolve'}_not_finite_{activation.name.lower()}", build, inputs)


def cases() -> Iterator[Case]:
    shapes: list[tuple[Three, Three, Three]] = [
        ((1, 1, 1), (1, 1, 1), (1, 1, 1)),
        ((3, 2, 3), (1, 1, 1), (1, 1, 1)),
        ((2, 3, 3), (2, 3, 1), (1, 1, 1)),
        ((3, 1, 2), (1, 2, 3), (2, 1, 3)),
        ((1, 2, 2), (3, 3, 3), (1, 1, 1)),
    ]
    for at, (size, strides, dilations) in enumerate(shapes):
        for padding in Padding:
            for transpose in (False, True):
                yield convolve(at, transpose, padding, size, strides, dilations)
    for transpose in (False, True):
        for activation in ACTIVATIONS:
            yield not_finite(transpose, activation)


CASES = list(cases())
