"""What operators tell the emitted kernels for numbers that stand for themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..kernels import emit
from ..kernels.emit.plan import Compiled
from ..kernels.emit.target import Target
from ..model import TensorType
from ..op import Spec, Specs
from ..shapes import known
from ._lookup import every_number

T = TensorType
Native = Callable[[Target], Compiled | str]

ELEMENTS: Mapping[TensorType, str] = {
    T.INT8: "byte",
    T.UINT8: "byte",
    T.BOOL: "byte",
    T.INT16: "i16",
    T.INT32: "i32",
    T.INT64: "i64",
    T.FLOAT32: "f32",
}
"""What the kernels call numbers of a type, where the order of the type is theirs too."""

_INTEGERS = (T.INT32, T.INT64)
_BITS = {8: "byte", 16: "i16", 32: "i32", 64: "i64"}


def native_extreme_of_integers(name: str, specs: Specs) -> Native | None:
    """`max` or `min` of integers of one type as they are."""
    x = specs.input(0)
    return _native_pair(name, specs) if x.type in ELEMENTS and x.type is not T.FLOAT32 else None


def native_arithmetic(name: str, specs: Specs, bounds: tuple[float, float]) -> Native | None:
    """`add`, `sub` or `mul` of integers that wrap; none where bounds clamp them."""
    x = specs.input(0)
    if x.type not in _INTEGERS:
        return None
    limits = np.iinfo(x.type.dtype)
    return _native_pair(name, specs) if bounds[0] <= limits.min and limits.max <= bounds[1] else None


def native_flags(name: str, specs: Specs) -> Native:
    """`and` or `or` of flags."""
    return _native_pair(name, specs)


def native_comparison(name: str, specs: Specs, *, swapped: bool) -> Native | None:
    """One of COMPARISONS of numbers as they are; of (b, a) where `swapped`."""
    return _native_pair(name, specs, swapped=swapped) if specs.input(0).type in ELEMENTS else None


def native_scaled_comparison(
    name: str, specs: Specs, meanings: tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]], *, swapped: bool
) -> Native | None:
    """One of COMPARISONS of what bytes stand for: `meanings` give int32 numbers for those of either operand."""
    a, b = specs.input(0), specs.input(1)
    if T.INT16 in (a.type, b.type):
        return None
    tables = tuple(meaning(every_number(x)) for meaning, x in zip(meanings, (a, b), strict=True))
    first, second = (np.asarray(table, np.int32) for table in tables)
    return lambda target: emit.numbers.plan_tabulated_pair(
        target, name, known(a), known(b), (first, second), swapped=swapped
    )


def _native_pair(name: str, specs: Specs, *, swapped: bool = False) -> Native:
    a, b = specs.input(0), specs.input(1)
    return lambda target: emit.numbers.plan_pair(target, name, ELEMENTS[a.type], known(a), known(b), swapped=swapped)


def native_negation(specs: Specs) -> Native:
    """LOGICAL_NOT."""
    return lambda target: emit.numbers.plan_negate(target, specs.output().size)


def native_choice(specs: Specs) -> Native:
    """SELECT and SELECT_V2 where each operand has one number, or as many as the output."""
    operands: tuple[Spec, Spec, Spec] = (specs.input(0), specs.input(1), specs.input(2))

    def compiled(target: Target) -> Compiled | str:
        size = specs.output().size
        sizes = (operands[0].size, operands[1].size, operands[2].size)
        if any(own not in (1, size) for own in sizes):
            return "no native kernel chooses from operands that stretch along some dimensions"
        return emit.numbers.plan_choose(target, _BITS[operands[1].type.bits], sizes, size)

    return compiled
