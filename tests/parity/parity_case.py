"""One parity case: a model, what is fed to it, and how near its float outputs have to be."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qengine.build import Builder, Operand
from qengine.model import Model, Tensor, TensorType
from qengine.op import Op

Array = NDArray[Any]
EVERYWHERE = ("xnnpack", "optimized", "reference")


@dataclass(frozen=True)
class Case:
    """build: the outputs of the network that it makes with the builder it is given; numbers it draws from `rng`.

    inputs: the arrays of one call; None: random ones over the whole range of each input's type, normal numbers for
    floats. within: how far a float output may be, as part of its largest magnitude (sums are added in another order);
    integers, flags and strings are always equal. refused: the profiles in which the runtime refuses the model, and so
    must qengine, at the same call and with the same kind of error.
    """

    name: str
    build: Callable[[Builder, np.random.Generator], Sequence[Operand]]
    inputs: Callable[[np.random.Generator], Sequence[Array]] | None = None
    within: float = 1e-5
    calls: int = 2
    refused: tuple[str, ...] = ()

    def model(self) -> Model:
        b = Builder(self.name)
        return b.model(self.build(b, self._generator(0)))

    def call(self, model: Model, number: int) -> Sequence[Array]:
        """The inputs of call `number`, from 0: the same every time."""
        rng = self._generator(1 + number)
        if self.inputs is not None:
            return self.inputs(rng)
        graph = model.graphs[0]
        return [random_array(graph.tensors[i], rng) for i in graph.inputs]

    def _generator(self, salt: int) -> np.random.Generator:
        return np.random.default_rng([zlib.crc32(self.name.encode()), salt])


def random_array(tensor: Tensor, rng: np.random.Generator) -> Array:
    """Values for an input, extremes among them."""
    dtype, shape = tensor.type.dtype, tensor.shape or ()
    if dtype.kind == "f":
        return rng.normal(0, 3, shape).astype(dtype)
    if dtype.kind == "c":
        return (rng.normal(0, 3, shape) + 1j * rng.normal(0, 3, shape)).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind == "O":
        return np.array([f"s{i}".encode() for i in rng.integers(0, 5, shape).reshape(-1)], object).reshape(shape)
    limits = np.iinfo(dtype)
    quantized = tensor.type in (TensorType.INT8, TensorType.UINT8, TensorType.INT16)
    low, high = (limits.min, limits.max) if quantized else (max(limits.min, -100), 100)
    values = np.asarray(rng.integers(low, high, shape, np.int64, endpoint=True)).astype(dtype)
    if quantized and values.size > 16:
        values.reshape(-1)[:2] = limits.min, limits.max
    return values


STEPS = {"int8": (0.02, -3), "uint8": (0.02, 125), "int16": (0.001, 0)}


def entrance(b: Builder, shape: Sequence[int], type: str, name: str = "x") -> Operand:
    """An input; a quantized one with an ordinary scale and zero point."""
    scale, zero_point = STEPS.get(type, (None, 0))
    return b.input(name, shape, type, scale=scale, zero_point=zero_point)


def single(
    name: str,
    op: Op,
    shape: Sequence[int],
    *types: str,
    around: Callable[[Operand], Sequence[Any]] = lambda x: [x],
    outputs: int | None = None,
    scale: dict[str, tuple[float, int]] | None = None,
    **more: Any,
) -> list[Case]:
    """One operator, one case for each type. around: its inputs, given the one that is fed.

    scale: scale and zero point of the output by type, where the operator leaves them free.
    """

    def case(type_: str) -> Case:
        def build(b: Builder, rng: np.random.Generator) -> list[Operand]:
            x = entrance(b, shape, type_)
            if outputs is not None:
                return list(b.add(op, around(x), outputs=outputs))
            step, point = (scale or {}).get(type_, (None, 0))
            return [b.add(op, around(x), scale=step, zero_point=point)]

        return Case(f"{name}_{type_}", build, **more)

    return [case(type_) for type_ in types]
