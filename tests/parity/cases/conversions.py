"""From one type to another: CAST, BITCAST, QUANTIZE, DEQUANTIZE, DENSIFY, and outputs whose type the file has wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from parity_case import Array, Case

from qengine.build import Builder, Operand
from qengine.model import Buffer, Dimension, DimensionType, Model, Sparsity, TensorType
from qengine.op import Op
from qengine.ops.add import Add
from qengine.ops.bitcast import Bitcast
from qengine.ops.cast import Cast
from qengine.ops.densify import Densify
from qengine.ops.dequantize import Dequantize
from qengine.ops.less import Less
from qengine.ops.maximum import Maximum
from qengine.ops.neg import Neg
from qengine.ops.quantize import Quantize

Step = tuple[float, int]
ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 0.5, 1.5, -2.5, 254.9, 300.0, -129.0, 3e9, -3e9, 1e19, -1e19, 0.49999997]
WHOLE = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64")
CASTABLE = (*WHOLE, "float32", "float64", "bool")


def edges(type_: str) -> Array:
    """Numbers of a type at which conversions break."""
    if type_.startswith("float"):
        with np.errstate(over="ignore"):
            return np.array(ODD, np.float64).astype(type_)
    if type_ == "bool":
        return np.array([False, True])
    limits = np.iinfo(type_)
    some = [0, 1, 127, 128, 255, 256, 32767, 65535, 16777217, 2**31, limits.min, limits.min + 1, limits.max]
    return np.array([number for number in some if limits.min <= number <= limits.max], type_)


def converted(name: str, op: Op, values: Array, before: Step | None, after: tuple[str, Step | None]) -> Case:
    def build(b: Builder, rng: np.random.Generator) -> list[Operand]:
        scale, point = before or (None, 0)
        step, zero = after[1] or (None, 0)
        x = b.input("x", values.shape, values.dtype.name, scale=scale, zero_point=point)
        return [b.add(op, [x], type=after[0], scale=step, zero_point=zero)]

    return Case(f"{name}_{values.dtype.name}_to_{after[0]}", build, lambda rng: [values], calls=1)


def casts() -> Iterator[Case]:
    for one in CASTABLE:
        for other in CASTABLE:
            if one != other:
                op = Cast(TensorType[one.upper()], TensorType[other.upper()])
                yield converted("cast_edges", op, edges(one), None, (other, None))
    yield converted(
        "cast_edges", Cast(TensorType.FLOAT32, TensorType.FLOAT16), edges("float32"), None, ("float16", None)
    )
    yield converted(
        "cast_edges", Cast(TensorType.FLOAT16, TensorType.FLOAT32), edges("float16"), None, ("float32", None)
    )


def bits() -> Iterator[Case]:
    for one, other in (("float32", "int32"), ("int32", "float32"), ("int16", "int8"), ("float32", "uint8")):
        values = np.arange(1, 13).reshape(3, 4).astype(one)
        yield converted("bitcast", Bitcast(), values, None, (other, None))
    for one, other in (("int8", "int32"), ("uint8", "float32"), ("int16", "int64")):
        values = np.arange(1, 13).reshape(3, 4).astype(one)
        yield converted("bitcast", Bitcast(), values, None, (other, None))


def quantizations() -> Iterator[Case]:
    real = np.concatenate([np.array([*ODD[3:], 1e-40], np.float32), np.linspace(-9, 9, 70, dtype=np.float32)])
    steps: dict[str, Step] = {"int8": (0.05, -7), "uint8": (0.05, 121), "int16": (0.0003, 0)}
    for type_, step in steps.items():
        yield converted("quantize_edges", Quantize(), real, None, (type_, step))
        for other, after in steps.items():
            for label, factor in (("up", 0.37), ("down", 2.7), ("kept", 1.0)):
                if {type_, other} == {"uint8", "int16"}:
                    continue
                values = np.linspace(*_limits(type_), 277).astype(type_)
                scale = step[0] * factor if type_ == other or factor != 1 else after[0]
                yield converted(f"requantize_{label}", Quantize(), values, step, (other, (scale, after[1])))
        all_of_them = np.linspace(*_limits(type_), 277).astype(type_)
        yield converted("dequantize_edges", Dequantize(), all_of_them, step, ("float32", None))
    for type_, step in (("int8", (0.5, 3)), ("int16", (0.01, 0))):
        values = np.array([0, 1, -1, 1000, -1000, 2**31 - 1, -(2**31)], np.int32)
        yield converted("requantize_edges", Quantize(), values, (0.02, 0), (type_, step))
    yield from channels()


def _limits(type_: str) -> tuple[int, int]:
    limits = np.iinfo(type_)
    return int(limits.min), int(limits.max)


def channels() -> Iterator[Case]:
    """One scale for each of three rows, and packed weights as constants."""

    def quantize(b: Builder, rng: np.random.Generator) -> list[Operand]:
        scales = np.array([0.1, 0.02, 0.003], np.float32)
        return [b.add(Quantize(), [b.input("x", (3, 13))], type="int8", scale=scales, zero_point=[0, 3, -5])]

    yield Case("quantize_by_rows", quantize, calls=1)
    for type_ in ("int8", "uint8", "int4"):

        def dequantize(b: Builder, rng: np.random.Generator, *, type_: str = type_) -> list[Operand]:
            low, high = (-8, 8) if type_ == "int4" else (0, 100)
            values = rng.integers(low, high, (3, 13)).astype(np.uint8 if type_ == "uint8" else np.int8)
            weights = b.constant(values, type=type_, scale=[0.1, 0.02, 0.003], zero_point=[0, 0, 0], axis=0)
            return [b.add(Add(), [b.add(Dequantize(), [weights], type="float32"), b.input("x", (3, 13))])]

        yield Case(f"dequantize_rows_of_{type_}", dequantize, calls=1)

    def half(b: Builder, rng: np.random.Generator) -> list[Operand]:
        weights = b.constant(rng.normal(0, 2, (5, 3)).astype(np.float16))
        return [b.add(Add(), [b.add(Dequantize(), [weights], type="float32"), b.input("x", (5, 3))])]

    yield Case("dequantize_float16", half, calls=1)


@dataclass(frozen=True)
class Mistyped(Case):
    """A case whose file gives computed tensors, by number, these types."""

    types: tuple[tuple[int, TensorType], ...] = ()

    def model(self) -> Model:
        model = super().model()
        (graph,) = model.graphs
        tensors = list(graph.tensors)
        for i, type_ in self.types:
            tensors[i] = replace(tensors[i], type=type_)
        return replace(model, graphs=(replace(graph, tensors=tuple(tensors)),))


def mistyped() -> Iterator[Case]:
    """The runtime gives the outputs of some operators their inputs' type, whatever the file says of them."""

    def chain(b: Builder, rng: np.random.Generator) -> list[Operand]:
        x = b.input("x", (2, 5), "uint8", scale=0.1, zero_point=90)
        y = b.add(Add(), [x, x], scale=0.2, zero_point=90)
        return [b.add(Add(), [x, y], scale=0.3, zero_point=90)]

    def flags(b: Builder, rng: np.random.Generator) -> list[Operand]:
        return [b.add(Less(), [b.input("x", (2, 5)), b.input("y", (5,))], type="bool")]

    def largest(b: Builder, rng: np.random.Generator) -> list[Operand]:
        x = b.input("x", (2, 5), "int32")
        return [b.add(Neg(), [b.add(Maximum(), [x, b.input("y", (5,), "int32")])])]

    def real(b: Builder, rng: np.random.Generator) -> list[Operand]:
        return [b.add(Dequantize(), [b.input("x", (2, 5), "int16", scale=0.1)], type="float32")]

    yield Mistyped("sum_said_to_be_float32", chain, types=((1, TensorType.FLOAT32),))
    yield Mistyped("flags_said_to_be_int8", flags, types=((2, TensorType.INT8),))
    yield Mistyped("integers_said_to_be_others", largest, types=((2, TensorType.FLOAT32), (3, TensorType.INT64)))
    yield Mistyped("real_numbers_said_to_be_int8", real, types=((1, TensorType.INT8),))


@dataclass(frozen=True)
class Sparse(Case):
    """A case whose first constant (dense in the builder) is stored as a sparse one."""

    sparsity: Sparsity = field(default_factory=lambda: Sparsity(None, None, None))
    values: tuple[float, ...] = ()

    def model(self) -> Model:
        model = super().model()
        (graph,) = model.graphs
        at = next(i for i, tensor in enumerate(graph.tensors) if tensor.data is not None)
        tensor = graph.tensors[at]
        data = Buffer(np.array(self.values, tensor.type.dtype).tobytes())
        tensors = list(graph.tensors)
        tensors[at] = replace(tensor, data=data, sparsity=self.sparsity)
        return replace(model, graphs=(replace(graph, tensors=tuple(tensors)),))


def sparse_constants() -> Iterator[Case]:
    def dense(size: int) -> Dimension:
        return Dimension(DimensionType.DENSE, size)

    def listed(segments: Sequence[int], indices: Sequence[int]) -> Dimension:
        return Dimension(DimensionType.SPARSE_CSR, 0, np.array(segments, np.uint8), np.array(indices, np.uint8))

    rows = Sparsity((0, 1), None, (dense(3), listed([0, 1, 1, 3], [2, 0, 3])))
    columns = Sparsity((1, 0), None, (listed([0, 2], [0, 3]), dense(3)))
    blocks = Sparsity((0, 1, 2, 3), (0, 1), (dense(2), listed([0, 1, 2], [1, 0]), dense(3), dense(2)))
    stored: dict[str, tuple[tuple[int, int], Sparsity, int]] = {
        "rows": ((3, 4), rows, 3),
        "columns": ((3, 4), columns, 6),
        "blocks": ((6, 4), blocks, 12),
    }
    for name, (shape, sparsity, count) in stored.items():
        for type_ in ("float32", "int8"):
            step: dict[str, Any] = {"scale": 0.5} if type_ == "int8" else {}

            def build(
                b: Builder,
                rng: np.random.Generator,
                *,
                shape: tuple[int, int] = shape,
                type_: str = type_,
                step: dict[str, Any] = step,
            ) -> list[Operand]:
                matrix = b.add(Densify(), [b.constant(np.zeros(shape, type_), **step)])
                return [b.add(Add(), [matrix, b.input("x", shape, type_, **step)], **step)]

            values = tuple(float(i + 1) for i in range(count))
            yield Sparse(f"densify_{name}_of_{type_}", build, calls=1, sparsity=sparsity, values=values)


CASES = [*casts(), *bits(), *quantizations(), *mistyped(), *sparse_constants()]
