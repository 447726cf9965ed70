"""REDUCE_WINDOW and STABLEHLO_REDUCE_WINDOW: functions, types, strides, dilations, padding that crops and grows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from parity_case import Case

from qengine.build import Builder, Operand
from qengine.op import Op
from qengine.ops.add import Add
from qengine.ops.logical_and import LogicalAnd
from qengine.ops.maximum import Maximum
from qengine.ops.minimum import Minimum
from qengine.ops.mul import Mul
from qengine.ops.reduce_window import ReduceWindow
from qengine.ops.stablehlo_reduce_window import StablehloReduceWindow
from qengine.options import ReduceWindowFunction

TYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "float32", "float64")
SHAPE = (4, 1, 5, 6)
LAYOUTS = [((2, 1, 3, 2), (1, 1, 1, 1), (1, 1, 1, 1)), ((2, 1, 2, 3), (2, 1, 1, 3), (3, 1, 2, 1)), ((5, 1, 1, 1),) * 3]


def plain() -> Iterator[Case]:
    for at, type_ in enumerate(TYPES):
        for function in list(ReduceWindowFunction)[1:]:
            layout = LAYOUTS[(at + function) % len(LAYOUTS)]

            def build(
                b: Builder,
                rng: np.random.Generator,
                *,
                type_: str = type_,
                function: ReduceWindowFunction = function,
                layout: Sequence[Sequence[int]] = layout,
            ) -> Sequence[Operand]:
                windows = [np.array(part, np.int64) for part in layout]
                x, start = b.input("x", SHAPE, type_), np.array(1, type_)
                return [b.add(ReduceWindow(function), [x, start, *windows], type=type_)]

            yield Case(f"windows_{type_}_{function.name.lower()}", build)


def stablehlo() -> Iterator[Case]:
    options = [
        StablehloReduceWindow((1, 1, 2, 3), body_subgraph_index=1),
        StablehloReduceWindow((2, 2, 2, 2), (1, 2, 1, 3), (1, 3, 2, 1), (2, 1, 1, 2), (1, 2, 2, 0, 0, 0, 3, 1), 1),
        StablehloReduceWindow((1, 1, 1, 2), padding=(-1, -1, 2, 2, -2, 4, 4, -3), body_subgraph_index=1),
    ]
    bodies: list[Op] = [Add(), Mul(), Minimum(), Maximum(), LogicalAnd()]
    for at, op in enumerate(options):
        for number, body in enumerate(bodies):
            type_ = TYPES[(3 * at + number) % len(TYPES)]

            def build(
                b: Builder,
                rng: np.random.Generator,
                *,
                op: StablehloReduceWindow = op,
                body: Op = body,
                type_: str = type_,
            ) -> Sequence[Operand]:
                inner = b.graph("body")
                kind = "bool" if isinstance(body, LogicalAnd) else "float32"
                inner.returns([inner.add(body, [inner.input("a", (), kind), inner.input("b", (), kind)])])
                return [b.add(op, [b.input("x", SHAPE, type_), np.array([1], type_)], type=type_)]

            yield Case(f"windows_of_graph_{at}_{body.name.lower()}_{type_}", build)


CASES = [*plain(), *stablehlo()]
