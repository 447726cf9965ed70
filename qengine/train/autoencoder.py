"""Autoencoders: networks that make their input again from a code of few bits, and tell by their error what is unusual.

The code is clamped by RELU6, so that a grid of 2**bits numbers from 0 to 6 holds all of it. A sample's code then takes
units * bits bits, and the file computes it so: in integers that never leave those numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from ..build import Builder, Operand
from ..interpreter import Interpreter
from ..kernels.profile import Profile
from ..model import Model, Shape
from ..op import Array
from ..ops.relu6 import Relu6
from ..options import ActivationFunctionType
from ..ptq.recipe import Recipe, Rule
from ..ptq.report import real_values
from ..samples import fed, samples_of
from .batch_normalization import BatchNormalization
from .layers import Layers

CODE = "code"
"""The name of the layer that holds the code."""

NONE = ActivationFunctionType.NONE


def dense_autoencoder(shape: Sequence[int], units: int, *, hidden: Sequence[int] = (64,), seed: int = 0) -> Model:
    """(n *shape) -> (n *shape) over a code of `units` numbers: dense layers of `hidden` units before it, and after it
    the same in reverse. Untrained; `fit` trains it with the samples as their own targets."""
    b, layers, x = _begun(shape, seed)
    y = layers.flatten(x)
    for count in hidden:
        y = layers.dense(y, count, normalize=True)
    y = _code(layers, y, units)
    for count in reversed(hidden):
        y = layers.dense(y, count, normalize=True)
    y = layers.dense(y, prod(shape), activation=NONE)
    return b.model([layers.reshape(y, tuple(shape), name="reconstruction")])


def convolutional_autoencoder(
    shape: Sequence[int], units: int, *, filters: Sequence[int] = (8, 16), seed: int = 0
) -> Model:
    """(n h w c) -> (n h w c) over a code of `units` numbers: convolutions of stride 2 with so many `filters` and a
    dense layer before it; after it a dense layer, and each time the image enlarged twice and convolved.

    ValueError where height and width can't be halved so often.
    """
    height, width, channels = shape
    factor = 1 << len(filters)
    if height % factor or width % factor:
        raise ValueError(f"expected height and width that {factor} divides, got {height} and {width}")
    b, layers, y = _begun(shape, seed)
    for count in filters:
        y = layers.conv(y, count, stride=2, normalize=True)
    smallest = y.shape[1:]
    y = _code(layers, layers.flatten(y), units)
    y = layers.reshape(layers.dense(y, prod(smallest), normalize=True), smallest)
    for count in (*reversed(filters[:-1]), filters[0]):
        y = layers.conv(layers.enlarged(y), count, normalize=True)
    y = layers.conv(y, channels, activation=NONE, name="reconstruction")
    return b.model([y])


def _begun(shape: Sequence[int], seed: int) -> tuple[Builder, Layers, Operand]:
    b = Builder("autoencoder")
    return b, Layers(b, seed), b.input("sample", (1, *shape), shape_signature=(-1, *shape))


def _code(layers: Layers, y: Operand, units: int) -> Operand:
    """The code, which at first has its mean in the middle of what RELU6 lets pass, and 4 deviations within."""
    b, y = layers.builder, layers.dense(y, units, activation=NONE)
    start = [np.full(units, value, np.float32) for value in (1.5, 3, 0, 1)]
    return b.add(Relu6(), [b.add(BatchNormalization(), [y, *start])], name=CODE)


def code_recipe(bits: int, name: str = "static_wi8_ai8", **changes: Any) -> Recipe:
    """The recipe of that name (`Recipe.named`) whose code has `bits` bits a unit, from 1 to 8."""
    recipe = Recipe.named(name, **changes)
    narrow = Rule(replace(recipe.scheme, activation_bits=bits), name=f"^{CODE}$")
    return replace(recipe, rules=(narrow, *recipe.rules))


def reconstruction_errors(model: Model, samples: Any, *, profile: str | Profile = Profile.XNNPACK) -> Array:
    """How far what a model makes of each sample is from it: (n,), the mean of squares over the sample's numbers.

    model: of one input and one output of its shape, float or quantized; it runs as its file would, in a profile.
    samples: real numbers in any of the forms that `samples_of` takes.
    """
    (entrance,), (exit_,) = model.graphs[0].inputs, model.graphs[0].outputs
    tensors = model.graphs[0].tensors
    interpreter = Interpreter(model=model, profile=profile)
    errors: list[float] = []
    shape: Shape | None = None
    for sample in samples_of(model, samples, whole=True):
        real = sample.arrays[entrance]
        if real.shape != shape:
            shape = real.shape
            interpreter.resize_tensor_input(entrance, shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(entrance, fed(tensors[entrance], real))
        interpreter.invoke()
        made = real_values(tensors[exit_], interpreter.get_tensor(exit_))
        if made.shape != real.shape:
            raise ValueError(f"expected an output of the input's shape {list(real.shape)}, got {list(made.shape)}")
        errors += np.square(made.astype(np.float64) - real).mean(axis=tuple(range(1, real.ndim))).tolist()
    return np.array(errors)


def area_under_curve(usual: Array, unusual: Array) -> float:
    """Of the receiver operating characteristic: how often the score of something unusual is above that of something
    usual, ties counting half. 0.5 is guessing, 1 is always."""
    if len(usual) == 0 or len(unusual) == 0:
        raise ValueError(f"expected scores of both kinds, got {len(usual)} and {len(unusual)}")
    ordered = np.sort(usual)
    below, upto = (np.searchsorted(ordered, unusual, side) for side in ("left", "right"))
    return float(np.mean(below + upto) / (2 * len(usual)))
