"""Operators on two inputs, in every type that has a kernel, broadcast in every way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from parity_case import Array, Case

from qengine.build import Builder, Operand
from qengine.op import Op
from qengine.ops.add import Add
from qengine.ops.add_n import AddN
from qengine.ops.atan2 import Atan2
from qengine.ops.bitwise_xor import BitwiseXor
from qengine.ops.div import Div
from qengine.ops.equal import Equal
from qengine.ops.floor_div import FloorDiv
from qengine.ops.floor_mod import FloorMod
from qengine.ops.greater import Greater
from qengine.ops.greater_equal import GreaterEqual
from qengine.ops.less import Less
from qengine.ops.less_equal import LessEqual
from qengine.ops.logical_and import LogicalAnd
from qengine.ops.logical_or import LogicalOr
from qengine.ops.maximum import Maximum
from qengine.ops.minimum import Minimum
from qengine.ops.mul import Mul
from qengine.ops.not_equal import NotEqual
from qengine.ops.pow import Pow
from qengine.ops.prelu import Prelu
from qengine.ops.right_shift import RightShift
from qengine.ops.squared_difference import SquaredDifference
from qengine.ops.stablehlo_add import StablehloAdd
from qengine.ops.stablehlo_and import StablehloAnd
from qengine.ops.stablehlo_maximum import StablehloMaximum
from qengine.ops.stablehlo_minimum import StablehloMinimum
from qengine.ops.stablehlo_multiply import StablehloMultiply
from qengine.ops.stablehlo_shift_left import StablehloShiftLeft
from qengine.ops.sub import Sub
from qengine.options import ActivationFunctionType

F = ActivationFunctionType
Shapes = tuple[tuple[int, ...], tuple[int, ...]]
Step = tuple[float, int]
SHAPES: dict[str, Shapes] = {
    "alike": ((3, 7, 11), (3, 7, 11)),
    "row": ((2, 3, 4, 21), (21,)),
    "number": ((), (5, 19)),
    "stretched": ((2, 1, 4, 5), (3, 1, 5)),
    "far": ((2, 1, 3, 1, 2), (1, 4, 1, 2, 1)),
    "nothing": ((0, 3), (1, 3)),
}
FIRST: dict[str, Step] = {"int8": (0.02, -3), "uint8": (0.02, 125), "int16": (0.001, 0)}
SECOND: dict[str, Step] = {"int8": (0.013, 21), "uint8": (0.013, 99), "int16": (0.0009, 0)}
FEW = ("alike", "stretched")

Values = Callable[[np.random.Generator, tuple[int, ...], np.dtype[Any]], Array]


def whole(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """The whole range of the type; real numbers with ties, zeros and equal pairs among them."""
    if dtype.kind == "f":
        return (rng.integers(-20, 20, shape) / 4).astype(dtype)
    if dtype.kind == "b":
        return np.asarray(rng.integers(0, 2, shape)).astype(bool)
    limits = np.iinfo(dtype)
    return np.asarray(rng.integers(limits.min, limits.max, shape, dtype, endpoint=True), dtype)


def small(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """From 1 to 5."""
    return np.asarray(rng.integers(1, 6, shape), dtype)


def smallest(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    return np.full(shape, np.iinfo(dtype).min, dtype)


def minus_one(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    return np.full(shape, -1, dtype)


def pair(
    name: str,
    op: Op,
    type_: str,
    shapes: str,
    *,
    steps: tuple[Step | None, Step | None, Step | None] = (None, None, None),
    given: str | None = None,
    values: tuple[Values, Values] = (whole, whole),
    **more: Any,
) -> Case:
    """steps: scale and zero point of both inputs and the output."""
    dtype = np.dtype(type_)

    def build(b: Builder, rng: np.random.Generator) -> list[Operand]:
        (s1, z1), (s2, z2), (s3, z3) = (step or (None, 0) for step in steps)
        x = b.input("x", SHAPES[shapes][0], type_, scale=s1, zero_point=z1)
        y = b.input("y", SHAPES[shapes][1], type_, scale=s2, zero_point=z2)
        return [b.add(op, [x, y], type=given or type_, scale=s3, zero_point=z3)]

    def feed(rng: np.random.Generator) -> list[Array]:
        return [make(rng, shape, dtype) for make, shape in zip(values, SHAPES[shapes], strict=True)]

    scaled = "_scaled" if steps[0] else ""
    return Case(f"{name}_of_{type_}{scaled}_{shapes}", build, feed, calls=1, **more)


def arithmetic() -> Iterator[Case]:
    scaled: dict[str, tuple[type[Op], float]] = {"add": (Add, 0.031), "sub": (Sub, 0.031), "mul": (Mul, 0.003)}
    for name, (op, scale) in scaled.items():
        for type_, point in (("int8", 11), ("uint8", 100), ("int16", 0)):
            step = scale / 20 if type_ == "int16" else scale
            more: dict[str, Any] = {"pot_scale_int16": False} if type_ == "int16" and op is not Mul else {}
            for shapes in SHAPES:
                for fused in (F.NONE, F.RELU_N1_TO_1):
                    label = name if fused is F.NONE else f"{name}_clamped"
                    steps = (FIRST[type_], SECOND[type_], (step, point))
                    yield pair(label, op(fused_activation_function=fused, **more), type_, shapes, steps=steps)
        for type_ in ("float32", "int32", "int64"):
            for shapes in SHAPES:
                yield pair(name, op(), type_, shapes)
            yield pair(f"{name}_clamped", op(fused_activation_function=F.RELU6), type_, "row")
    for type_ in ("int8", "uint8", "int16"):
        x, y = FIRST[type_], SECOND[type_]
        points = (F.NONE, F.RELU)
        for shapes in FEW:
            for fused in points:
                steps = (x, (y[0], 0), (0.04, 0 if type_ == "int16" else 9))
                label = "div" if fused is F.NONE else "div_clamped"
                yield pair(
                    label, Div(fused_activation_function=fused), type_, shapes, steps=steps, values=(whole, small)
                )
    for type_ in ("float32", "int32"):
        for shapes in SHAPES:
            yield pair("div", Div(), type_, shapes, values=(whole, small))
    step = (2.0**-9, 0)
    yield pair("add_powers_of_two", Add(), "int16", "alike", steps=(step, (2.0**-11, 0), step))
    yield pair("sub_powers_of_two", Sub(), "int16", "row", steps=((2.0**-12, 0), step, step))


def plain() -> Iterator[Case]:
    integers = ("int8", "int16", "int32")
    for shapes in SHAPES:
        for type_ in ("float32", *integers):
            yield pair("floor_div", FloorDiv(), type_, shapes, values=(whole, small))
            yield pair("floor_mod", FloorMod(), type_, shapes, values=(whole, small))
            if type_ in ("int8", "int16"):
                yield pair("floor_div_past_the_end", FloorDiv(), type_, shapes, values=(smallest, minus_one))
        yield pair("floor_mod", FloorMod(), "int64", shapes, values=(whole, small))
        for type_ in ("float32", "int32"):
            yield pair("pow", Pow(), type_, shapes, values=(small, small))
            yield pair("squared_difference", SquaredDifference(), type_, shapes)
        steps = (FIRST["int8"], SECOND["int8"], (0.05, -100))
        yield pair("squared_difference", SquaredDifference(), "int8", shapes, steps=steps)
        for type_ in ("int8", "uint8", "int16", "uint16", "int32", "uint32"):
            yield pair("right_shift", RightShift(), type_, shapes, values=(whole, small))
            yield pair("bitwise_xor", BitwiseXor(), type_, shapes)
        for op in (LogicalAnd(), LogicalOr()):
            yield pair(op.name.lower(), op, "bool", shapes)
        for op in (Maximum(), Minimum()):
            for type_ in ("float32", "int8", "uint8", "int16", "int32", "int64"):
                yield pair(op.name.lower(), op, type_, shapes)
    for type_ in ("float32", "float64"):
        yield pair("atan2", Atan2(), type_, "alike")


def comparisons() -> Iterator[Case]:
    ops = (Equal(), NotEqual(), Less(), LessEqual(), Greater(), GreaterEqual())
    for op in ops:
        name = op.name.lower()
        for shapes in SHAPES:
            for type_ in ("float32", "int32", "int64"):
                yield pair(name, op, type_, shapes, given="bool", values=(small, small))
            for type_ in ("int8", "uint8"):
                yield pair(name, op, type_, shapes, steps=(FIRST[type_], SECOND[type_], None), given="bool")
        if not isinstance(op, NotEqual):
            yield pair(name, op, "int16", "alike", given="bool", values=(small, small))
    for op in (Equal(), NotEqual()):
        name = op.name.lower()
        steps = (FIRST["int16"], FIRST["int16"], None)
        yield pair(name, op, "int16", "row", steps=steps, given="bool", values=(small, small))
        yield pair(name, op, "bool", "stretched", given="bool")


def stablehlo() -> Iterator[Case]:
    for op in (StablehloAdd(), StablehloMultiply(), StablehloMaximum(), StablehloMinimum()):
        for type_ in ("float32", "int32"):
            yield pair(op.name.lower(), op, type_, "alike")
    lacking: dict[str, Any] = {"refused": ("reference",)}
    yield pair("stablehlo_and", StablehloAnd(), "bool", "alike", **lacking)
    for type_ in ("int8", "int16", "int32"):
        values = (whole, small)
        yield pair("stablehlo_shift_left", StablehloShiftLeft(), type_, "alike", values=values, **lacking)


def slopes() -> Iterator[Case]:
    for type_ in ("float32", "int8", "uint8", "int16"):
        for shape in ((9,), (4, 1), (3, 4, 9), (1,)):

            def build(
                b: Builder, rng: np.random.Generator, *, type_: str = type_, shape: tuple[int, ...] = shape
            ) -> list[Operand]:
                if type_ == "float32":
                    return [b.add(Prelu(), [b.input("x", (3, 4, 9)), rng.normal(0, 1, shape).astype(np.float32)])]
                scale, point = FIRST[type_]
                x = b.input("x", (3, 4, 9), type_, scale=scale, zero_point=point)
                kind = "int8" if type_ == "int16" else type_
                dtype = np.dtype(kind)
                alpha = b.constant(whole(rng, shape, dtype), scale=0.01, zero_point=5)
                return [b.add(Prelu(), [x, alpha], scale=scale * 0.9, zero_point=point)]

            yield Case(f"prelu_of_{type_}_{'x'.join(map(str, shape))}", build, calls=1)


def many() -> Iterator[Case]:
    for type_ in ("float32", "int32"):

        def build(b: Builder, rng: np.random.Generator, *, type_: str = type_) -> list[Operand]:
            return [b.add(AddN(), [b.input(f"x{i}", (3, 5), type_) for i in range(4)])]

        yield Case(f"add_n_of_{type_}", build, calls=1)


def odd_pairs() -> Iterator[Case]:
    """NaN, infinities, zeros of both signs: against each other in every order."""
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.5, 1e-40], np.float32)
    ops = (
        Add(),
        Sub(),
        Mul(),
        Div(),
        Add(F.RELU),
        Maximum(),
        Minimum(),
        SquaredDifference(),
        FloorMod(),
        Pow(),
        Atan2(),
    )
    for op in ops:

        def build(b: Builder, rng: np.random.Generator, *, op: Op = op) -> list[Operand]:
            return [b.add(op, [b.input("x", (64,)), b.input("y", (64,))])]

        fused = "" if getattr(op, "fused_activation_function", F.NONE) is F.NONE else "_clamped"
        name = f"{op.name.lower()}{fused}_of_odd_numbers"
        yield Case(name, build, lambda rng: [np.repeat(odd, 8), np.tile(odd, 8)], calls=1)


CASES = [*arithmetic(), *plain(), *comparisons(), *stablehlo(), *slopes(), *many(), *odd_pairs()]
