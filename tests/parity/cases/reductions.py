"""Reductions and resizing, swept: ranks, axes, ties, centers, and sizes and axes that come while running."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from parity_case import Case

from qengine.build import Builder, Operand
from qengine.ops.mean import Mean
from qengine.ops.reduce_all import ReduceAll
from qengine.ops.reduce_any import ReduceAny
from qengine.ops.reduce_max import ReduceMax
from qengine.ops.reduce_min import ReduceMin
from qengine.ops.reduce_prod import ReduceProd
from qengine.ops.resize_bilinear import ResizeBilinear
from qengine.ops.resize_nearest_neighbor import ResizeNearestNeighbor
from qengine.ops.sum import Sum

QUANTIZED: dict[str, dict[str, Any]] = {
    "float32": {},
    "int8": {"scale": 0.05, "zero_point": -7},
    "uint8": {"scale": 0.05, "zero_point": 121},
    "int16": {"scale": 0.0003},
}
OTHER: dict[str, dict[str, Any]] = {
    "float32": {},
    "int8": {"scale": 0.11, "zero_point": 3},
    "uint8": {"scale": 0.11, "zero_point": 131},
    "int16": {"scale": 0.0007},
}


def one(name: str, op: Any, shape: Sequence[int], kind: str, *rest: Any, output: Any = None, **more: Any) -> Case:
    """`op` on one input of `kind` and constants."""

    def build(b: Builder, rng: np.random.Generator) -> list[Operand]:
        x = b.input("x", shape, kind, **QUANTIZED.get(kind, {}))
        return [b.add(op, [x, *rest], type=kind, **(QUANTIZED.get(kind, {}) if output is None else output))]

    return Case(name, build, **more)


def resizes() -> Iterator[Case]:
    sizes = [((2, 3, 4, 3), (7, 5)), ((1, 3, 3, 8), (24, 24)), ((1, 9, 8, 1), (4, 3)), ((1, 29, 6, 2), (203, 11))]
    for align, centers in ((False, False), (True, False), (False, True)):
        for shape, size in sizes:
            for kind in QUANTIZED:
                for op in (ResizeBilinear, ResizeNearestNeighbor):
                    label = "align" if align else "half" if centers else "plain"
                    name = f"{op.__name__}_{label}_{shape[1]}x{shape[2]}_{size[0]}x{size[1]}_{kind}".lower()
                    yield one(name, op(align, centers), shape, kind, np.array(size, np.int32))


def reductions() -> Iterator[Case]:
    shapes: list[tuple[tuple[int, ...], tuple[int, ...], bool]] = [
        ((2, 5, 7, 35), (1, 2), True),
        ((2, 5, 7, 35), (2, 1), False),
        ((3, 4, 5), (-1,), False),
        ((3, 1, 5), (1,), True),
        ((4, 3, 2, 3, 2), (0, 2, 4), False),
        ((6,), (0,), False),
    ]
    for shape, axes, keep in shapes:
        label = f"{'x'.join(map(str, shape))}_over_{'_'.join(map(str, axes))}{'_kept' if keep else ''}"
        for kind in (*QUANTIZED, "int32"):
            given = np.array(axes, np.int32)
            for op in (Mean, Sum, ReduceMax, ReduceMin, ReduceProd):
                # The runtime has no product of uint8, and its reference sum of int16 leaves half of the output unset.
                if (op, kind) in ((ReduceProd, "uint8"), (Sum, "int16")):
                    continue
                rescaled = op in (Mean, Sum, ReduceProd)
                name = f"{op.__name__}_{label}_{kind}".lower()
                output = OTHER.get(kind, {}) if rescaled else None
                yield one(name, op(keep), shape, kind, given, output=output)
        for op in (ReduceAny, ReduceAll):
            yield one(f"{op.__name__}_{label}".lower(), op(keep), shape, "bool", np.array(axes, np.int32))


def ties() -> Iterator[Case]:
    """The scale halves: every odd sum is a tie."""
    for kind, point in (("int8", 0), ("uint8", 128)):
        for op in (Mean, Sum):

            def build(
                b: Builder, rng: np.random.Generator, *, kind: str = kind, point: int = point, op: Any = op
            ) -> Any:
                x = b.input("x", (1, 2, 2, 37), kind, scale=0.25, zero_point=point)
                return [b.add(op(True), [x, np.array([1, 2], np.int32)], scale=0.5, zero_point=point)]

            yield Case(f"{op.__name__}_ties_{kind}".lower(), build)


def sizes_while_running() -> Iterator[Case]:
    for op in (ResizeBilinear, ResizeNearestNeighbor):

        def build(b: Builder, rng: np.random.Generator, *, op: Any = op) -> Any:
            x = b.input("x", (1, 3, 4, 2), "int8", **QUANTIZED["int8"])
            return [b.add(op(), [x, b.input("size", (2,), "int32")], shape=(), **QUANTIZED["int8"])]

        def feed(rng: np.random.Generator) -> Any:
            return rng.integers(-128, 128, (1, 3, 4, 2)).astype(np.int8), rng.integers(1, 9, 2).astype(np.int32)

        yield Case(f"{op.__name__}_size_comes_late".lower(), build, feed)
    for op in (Mean, ReduceMax):

        def build_reduction(b: Builder, rng: np.random.Generator, *, op: Any = op) -> Any:
            x = b.input("x", (2, 3, 4), "int8", **QUANTIZED["int8"])
            return [b.add(op(), [x, b.input("axes", (1,), "int32")], shape=(), **QUANTIZED["int8"])]

        def feed_reduction(rng: np.random.Generator) -> Any:
            return rng.integers(-128, 128, (2, 3, 4)).astype(np.int8), rng.integers(-3, 3, 1).astype(np.int32)

        yield Case(f"{op.__name__}_axes_come_late".lower(), build_reduction, feed_reduction)


CASES = [*resizes(), *reductions(), *ties(), *sizes_while_running()]
