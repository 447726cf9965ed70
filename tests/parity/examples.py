"""Many examples of one operator: shapes, types and options drawn at random, the same every time."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from parity_case import STEPS, Array, Case

from qengine.build import Builder, Operand, Output
from qengine.op import Op

Shape = tuple[int, ...]
NUMBERS = ("float32", "int8", "uint8", "int16", "int32", "int64")
Generator = np.random.Generator


@dataclass(frozen=True)
class Given:
    """An operand: fed, or a constant. scale and zero_point: how it is quantized; type: where the array can't say."""

    array: Any
    constant: bool = False
    scale: Any = None
    zero_point: Any = 0
    type: str | None = None

    def to(self, b: Builder, name: str) -> Operand:
        array = np.asarray(self.array)
        if self.constant:
            return b.constant(array, name=name, type=self.type, scale=self.scale, zero_point=self.zero_point)
        return b.input(name, array.shape, self.type or array.dtype, scale=self.scale, zero_point=self.zero_point)


@dataclass(frozen=True)
class Example:
    op: Op
    operands: Sequence[Given | None]
    outputs: Sequence[Output]
    bodies: Sequence[Callable[[Builder], None]] = ()

    def build(self, b: Builder, _: Generator) -> list[Operand]:
        for number, body in enumerate(self.bodies):
            body(b.graph(f"graph_{number + 1}"))
        sources = [None if part is None else part.to(b, f"x{i}") for i, part in enumerate(self.operands)]
        return list(b.add(self.op, sources, outputs=list(self.outputs)))

    def fed(self, _: Generator) -> list[Array]:
        return [np.asarray(part.array) for part in self.operands if part is not None and not part.constant]


def swept(name: str, count: int, draw: Callable[[Generator], Example], **more: Any) -> list[Case]:
    """`count` cases of what `draw` makes of a generator."""

    def case(number: int) -> Case:
        example = draw(np.random.default_rng([zlib.crc32(name.encode()), number]))
        return Case(f"{name}_{number}", example.build, example.fed, calls=1, **more)

    return [case(number) for number in range(count)]


def some(rng: Generator, *choices: Any) -> Any:
    return choices[rng.integers(len(choices))]


def often(rng: Generator, chance: float = 0.5) -> bool:
    return bool(rng.random() < chance)


def shape_of(rng: Generator, low: int = 0, high: int = 5, longest: int = 4) -> Shape:
    """From `low` to `high` dimensions of 1 to `longest`."""
    return tuple(rng.integers(1, longest + 1, rng.integers(low, high + 1)).tolist())


def values(rng: Generator, shape: Sequence[int], type: str) -> Array:
    """Random numbers of a type, over its range where that is small."""
    dtype = np.dtype(type)
    if dtype.kind == "f":
        return rng.normal(0, 3, shape).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return np.asarray(rng.integers(max(limits.min, -1000), min(limits.max, 1000), shape, endpoint=True)).astype(dtype)


def tensor(rng: Generator, shape: Sequence[int], type: str, constant: bool = False) -> Given:
    """A tensor of random numbers; 8 and 16 bit ones quantized."""
    scale, zero_point = STEPS.get(type, (None, 0))
    return Given(values(rng, shape, type), constant, scale, zero_point)


def result(type: str) -> Output:
    """An output of a type; quantized as `tensor` quantizes it."""
    scale, zero_point = STEPS.get(type, (None, 0))
    return Output(type=type, scale=scale, zero_point=zero_point)


def numbers(rng: Generator, listed: Any, *types: str, constant: float = 0.6) -> Given:
    """Shapes, axes and the like: of one of the types (none named: int32), constant or, at times, fed."""
    array = np.asarray(listed, some(rng, *types) if types else "int32")
    return Given(array, often(rng, constant) or array.size == 0)
