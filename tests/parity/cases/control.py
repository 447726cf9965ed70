"""Choices, loops, graphs called once, variables and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from parity_case import Array, Case

from qengine.build import Builder, Operand, Output
from qengine.model import TensorType
from qengine.op import Op
from qengine.ops import If, While
from qengine.ops.add import Add
from qengine.ops.assign_variable import AssignVariable
from qengine.ops.call_once import CallOnce
from qengine.ops.concatenation import Concatenation
from qengine.ops.hashtable import Hashtable
from qengine.ops.hashtable_find import HashtableFind
from qengine.ops.hashtable_import import HashtableImport
from qengine.ops.hashtable_size import HashtableSize
from qengine.ops.less import Less
from qengine.ops.mul import Mul
from qengine.ops.read_variable import ReadVariable
from qengine.ops.reshape import Reshape
from qengine.ops.stablehlo_case import StablehloCase
from qengine.ops.sub import Sub
from qengine.ops.var_handle import VarHandle

T = TensorType
Part = Callable[[Builder, list[Operand]], Sequence[Operand]]


def graph(b: Builder, name: str, inputs: Sequence[tuple[tuple[int, ...], str]], part: Part) -> int:
    """Another graph of the model: its number."""
    inner = b.graph(name)
    inner.returns(part(inner, [inner.input(f"in{i}", shape, kind) for i, (shape, kind) in enumerate(inputs)]))
    return inner.index


def like(operands: Sequence[Operand]) -> list[Output]:
    return [Output(shape=operand.shape, type=operand.type) for operand in operands]


def applying(op: Op) -> Part:
    return lambda g, inputs: [g.add(op, inputs)]


# --- choices


def chosen(name: str, then: Part, otherwise: Part, shape: tuple[int, ...] | None) -> Case:
    """shape: of the output; None where it comes while running."""

    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        sides = [((2, 3), "float32"), ((2, 3), "float32")]
        branches = [graph(b, which, sides, part) for which, part in (("then", then), ("else", otherwise))]
        flag = b.input("flag", (1,), "bool")
        inputs = [flag, b.input("x", (2, 3)), b.input("y", (2, 3))]
        return [b.add(If(*branches), inputs, shape=shape or (), type="float32")]

    return Case(f"if_{name}", build, calls=4)


def cased(index: int) -> Case:
    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        sides = [((4,), "float32"), ((4,), "float32")]
        branches = [graph(b, op.name, sides, applying(op)) for op in (Add(), Sub(), Mul())]
        inputs = [b.input("index", (), "int32"), b.input("x", (4,)), b.input("y", (4,))]
        return [b.add(StablehloCase(tuple(branches)), inputs, shape=(4,), type="float32")]

    def inputs(rng: np.random.Generator) -> Sequence[Array]:
        return [np.array(index, np.int32), *rng.normal(0, 1, (2, 4)).astype(np.float32)]

    return Case(f"case_{index}", build, inputs, refused=("reference",))


def choices() -> Iterator[Case]:
    yield chosen("same_shape", applying(Add()), applying(Mul()), (2, 3))
    yield chosen("other_shape", applying(Concatenation(0)), applying(Sub()), None)
    yield chosen("passes", lambda g, inputs: [inputs[1]], lambda g, inputs: [inputs[0]], (2, 3))
    yield chosen("constant", lambda g, inputs: [g.constant(np.ones((2, 3), np.float32))], applying(Add()), (2, 3))
    for index in (-1, 0, 1, 2, 9):
        yield cased(index)


# --- loops


def below(limit: int) -> Part:
    return lambda g, inputs: [
        g.add(Less(), [inputs[0], g.constant(np.full(inputs[0].shape, limit, np.int32))], type="bool")
    ]


def counted(g: Builder, inputs: Sequence[Operand]) -> Operand:
    return g.add(Add(), [inputs[0], g.constant(np.ones(inputs[0].shape, np.int32))])


def loop(
    name: str, shapes: Sequence[tuple[int, ...]], body: Part, limit: int = 4, after: Any = None, **more: Any
) -> Case:
    """A counter from 0 and float inputs; after: shapes that come while running are ()."""

    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        counter = more.get("counter", ())
        sides = [(counter, "int32"), *((shape, "float32") for shape in shapes)]
        condition, around = graph(b, "condition", sides, below(limit)), graph(b, "body", sides, body)
        inputs = [b.input("i", counter, "int32"), *(b.input(f"x{i}", shape) for i, shape in enumerate(shapes))]
        outputs = like(inputs)
        if after is not None:
            outputs = [Output(shape=shape, type=each.type) for shape, each in zip(after, outputs, strict=True)]
        return b.add(While(condition, around), inputs, outputs=outputs)

    def inputs(rng: np.random.Generator) -> Sequence[Array]:
        counter = np.full(more.get("counter", ()), rng.integers(0, 3), np.int32)
        return [counter, *(rng.normal(0, 1, shape).astype(np.float32) for shape in shapes)]

    return Case(f"while_{name}", build, inputs, calls=3)


def loops() -> Iterator[Case]:
    pair = [(3,), (3,)]
    yield loop("fibonacci", pair, lambda g, x: [counted(g, x), x[2], g.add(Add(), x[1:])])
    yield loop("swap", pair, lambda g, x: [counted(g, x), x[2], x[1]])
    yield loop("rotate", [(3,)] * 3, lambda g, x: [counted(g, x), x[2], x[3], x[1]])
    yield loop("shift", [(3,)] * 3, lambda g, x: [counted(g, x), x[3], x[1], x[2]])
    yield loop("keeps", pair, lambda g, x: [counted(g, x), g.add(Mul(), x[1:]), x[2]])
    yield loop("never", pair, lambda g, x: [counted(g, x), x[2], x[1]], limit=-1)
    yield loop("constant", [(3,)], lambda g, x: [counted(g, x), g.constant(np.arange(3, dtype=np.float32))])
    yield loop("grows", [(1, 2)], lambda g, x: [counted(g, x), g.add(Concatenation(0), [x[1], x[1]])], after=[(), ()])
    yield loop("vector_counter", [(3,)], lambda g, x: [counted(g, x), g.add(Add(), [x[1], x[1]])], counter=(1,))

    def scalar_to_vector(g: Builder, x: Sequence[Operand]) -> Sequence[Operand]:
        return [counted(g, x), g.add(Reshape((1,)), [g.add(Add(), [x[1], x[1]])], shape=(1,))]

    yield loop("vector_of_one", [()], scalar_to_vector, after=[(), (1,)])

    def nested(g: Builder, x: Sequence[Operand]) -> Sequence[Operand]:
        sides = [((), "int32"), ((3,), "float32")]
        inner_condition = graph(g, "inner_condition", sides, below(3))
        inner = graph(g, "inner", sides, lambda h, y: [counted(h, y), h.add(Add(), [y[1], y[1]])])
        start = g.constant(np.array(0, np.int32))
        made = g.add(
            While(inner_condition, inner), [start, x[1]], outputs=[Output(shape=(), type="int32"), Output(shape=(3,))]
        )
        return [counted(g, x), made[1]]

    yield loop("nested", [(3,)], nested, limit=3)


# --- state


def counting(once: bool) -> Case:
    """A variable that starts at what a graph called once assigns, and counts up by x."""

    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        def first(g: Builder, inputs: Sequence[Operand]) -> Sequence[Operand]:
            handle = g.add(VarHandle(None, "count"), [], shape=(), type=T.RESOURCE)
            g.add(AssignVariable(), [handle, g.constant(np.array([5, 7], np.float32))], outputs=0)
            return []

        x = b.input("x", (2,))
        if once:
            b.add(CallOnce(graph(b, "first", [], first)), [], outputs=0)
        handle = b.add(VarHandle(None, "count"), [], shape=(), type=T.RESOURCE)
        if not once:
            b.add(AssignVariable(), [handle, x], outputs=0)
        total = b.add(Add(), [b.add(ReadVariable(), [handle], shape=(2,), type="float32"), x])
        b.add(AssignVariable(), [handle, total], outputs=0)
        other = b.add(VarHandle("elsewhere", "count"), [], shape=(), type=T.RESOURCE)
        b.add(AssignVariable(), [other, b.add(Mul(), [total, total])], outputs=0)
        return [total, b.add(ReadVariable(), [other], shape=(2,), type="float32")]

    return Case(f"variable_{'called_once' if once else 'assigned'}", build, calls=3)


def looked_up(to_strings: bool) -> Case:
    """A table of words and numbers, filled in a graph called once; of a key given twice the first counts."""
    words, numbers = np.array([b"one", b"two", b"", b"two"], object), np.array([1, 2, -(2**40), 3])

    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        keys, values = (numbers, words) if to_strings else (words, numbers)
        kinds = (T.INT64, T.STRING) if to_strings else (T.STRING, T.INT64)

        def table(g: Builder) -> Operand:
            return g.add(Hashtable(3, *kinds), [], shape=(1,), type=T.RESOURCE)

        def first(g: Builder, inputs: Sequence[Operand]) -> Sequence[Operand]:
            parts = [g.constant(keys, type=kinds[0]), g.constant(values, type=kinds[1])]
            g.add(HashtableImport(), [table(g), *parts], outputs=0)
            return []

        x = b.input("x", (2, 3), kinds[0])
        b.add(CallOnce(graph(b, "first", [], first)), [], outputs=0)
        default = b.constant(np.array([b"?"], object) if to_strings else np.array([-1]), type=kinds[1])
        handle = table(b)
        found = b.add(HashtableFind(), [handle, x, default], shape=(2, 3), type=kinds[1])
        return [found, b.add(HashtableSize(), [handle], shape=(1,), type="int64")]

    def inputs(rng: np.random.Generator) -> Sequence[Array]:
        wanted = rng.integers(0, 4, (2, 3))
        return [np.where(wanted == 3, 77, numbers[wanted]) if to_strings else words[wanted]]

    return Case(f"table_to_{'strings' if to_strings else 'numbers'}", build, inputs, refused=("reference",))


def states() -> Iterator[Case]:
    for once in (False, True):
        yield counting(once)
    for to_strings in (False, True):
        yield looked_up(to_strings)


CASES = [*choices(), *loops(), *states()]
