"""BATCH_MATMUL and CUMSUM: every pair of types, transposition, broadcasting; directions and axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from parity_case import Case

from qengine.build import Builder, Operand
from qengine.ops.batch_matmul import BatchMatmul
from qengine.ops.cumsum import Cumsum

SCALES: dict[str, Any] = {
    "float32": {},
    "int8": {"scale": 0.05, "zero_point": -9},
    "int16": {"scale": 0.0005},
    "int32": {},
}
PRODUCTS: dict[str, Any] = {
    "float32": {},
    "int8": {"scale": 0.9, "zero_point": 7},
    "int16": {"scale": 0.02},
    "int32": {},
}


def multiply(
    kinds: tuple[str, str, str],
    x: Sequence[int],
    y: Sequence[int],
    *,
    turned: tuple[bool, bool] = (False, False),
    by: str = "",
    asymmetric: bool = False,
) -> Case:
    """by: "constant" or "channel" for weights that are constants with zero point 0, of one scale or one a column."""

    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        op = BatchMatmul(*turned, asymmetric)
        left = b.input("x", (*x[:-2], *(x[:-3:-1] if turned[0] else x[-2:])), kinds[0], **SCALES[kinds[0]])
        shape = (*y[:-2], *(y[:-3:-1] if turned[1] else y[-2:]))
        if by:
            values = (
                rng.integers(-127, 128, shape).astype(kinds[1]) if kinds[1] != "float32" else rng.normal(0, 1, shape)
            )
            columns = len(shape) - (2 if turned[1] else 1)
            scale: Any = rng.uniform(0.005, 0.02, y[-1]) if by == "channel" else 0.01
            more = {} if kinds[1] == "float32" else {"scale": scale, "axis": columns if by == "channel" else 0}
            right: Operand = b.constant(values.astype(kinds[1]), **more)
        else:
            right = b.input("y", shape, kinds[1], **SCALES[kinds[1]])
        return [b.add(op, [left, right], type=kinds[2], **PRODUCTS[kinds[2]])]

    shapes = "_by_".join("x".join(map(str, shape)) for shape in (x, y))
    flags = f"{'_turned' if any(turned) else ''}{'_' + by if by else ''}{'_asymmetric' if asymmetric else ''}"
    return Case(f"multiply_{'_'.join(kinds)}_{shapes}{flags}", build, within=1e-4)


def products() -> Iterator[Case]:
    shapes = [((5, 7), (7, 6)), ((2, 3, 5, 7), (3, 7, 6)), ((3, 2, 5, 7), (3, 1, 7, 6)), ((2, 2, 2, 3, 4), (4, 5))]
    same = [("float32",) * 3, ("int8",) * 3, ("int8", "int8", "int32"), ("int16",) * 3]
    for x, y in shapes:
        for kinds in same:
            yield multiply(kinds, x, y)  # type: ignore[arg-type]
        for kinds in (("float32",) * 3, ("int8",) * 3, ("int16", "int8", "int16")):
            yield multiply(kinds, x, y, by="constant", turned=(False, True))  # type: ignore[arg-type]
        for by in ("constant", "channel"):
            for asymmetric in (False, True):
                yield multiply(("float32", "int8", "float32"), x, y, by=by, asymmetric=asymmetric)
    for kinds in (("int8",) * 3, ("int16", "int8", "int16")):
        yield multiply(kinds, (4, 5, 7), (7, 6), by="channel")  # type: ignore[arg-type]
    yield multiply(("int8",) * 3, (4, 5, 7), (4, 7, 6), turned=(True, True))  # type: ignore[arg-type]
    yield multiply(("float32", "int8", "float32"), (4, 5, 7), (7, 6), turned=(True, True), by="channel")


def sums() -> Iterator[Case]:
    for kind in ("float32", "int32", "int64"):
        for exclusive, reverse in ((False, False), (True, False), (False, True), (True, True)):
            op = Cumsum(exclusive, reverse)

            def build(b: Builder, rng: np.random.Generator, *, kind: str = kind, op: Cumsum = op) -> Sequence[Operand]:
                return [b.add(op, [b.input("x", (3, 4, 2), kind), np.array(-2, np.int32)], type=kind)]

            yield Case(f"cumsum_{kind}{'_exclusive' if exclusive else ''}{'_reverse' if reverse else ''}", build)


CASES = [*products(), *sums()]
