"""REDUCE_WINDOW."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.reduce_window import Reduction, lengths, reduce_windows
from ..model import Shape, TensorType
from ..op import Graphs, Op, Specs, Step
from ..options import ReduceWindowFunction
from ._operands import arity, integers, of_type
from ._reduce_window import reducing, windowed


@dataclass(frozen=True, eq=False)
class ReduceWindow(Op):
    """x, start (one number), window's shape, strides and dilations (int64 constants) -> one number a window."""

    code: ClassVar[int] = 205

    reduce_function: ReduceWindowFunction = ReduceWindowFunction.UNSUPPORTED

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 5)
        return [lengths(windowed(specs), *_windows(specs))]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        windows = _windows(specs)

        def reduce(x: AnyArray, start: AnyArray, function: Reduction) -> AnyArray:
            return reduce_windows(x, start, *windows, function)

        return reducing(specs, self.reduce_function, reduce)


def _windows(specs: Specs) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Sizes, strides, dilations."""
    rank, found = len(windowed(specs)), []
    for index, lowest in ((2, 0), (3, 1), (4, 1)):
        spec, where = specs.input(index), f"inputs[{index}]"
        of_type(spec, (TensorType.INT64,), where)
        if spec.value is None:
            raise ModelError("expected a constant", where)
        numbers = integers(spec.value)[:rank]
        if len(numbers) < rank or not all(lowest <= number < 2**31 for number in numbers):
            raise ModelError(f"expected {rank} numbers from {lowest}, got {list(numbers)}", where)
        found.append(numbers)
    return found[0], found[1], found[2]
