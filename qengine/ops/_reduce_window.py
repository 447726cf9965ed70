"""What REDUCE_WINDOW and STABLEHLO_REDUCE_WINDOW share: types, and the step that reduces bytes of flags as integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.reference import reduce_window as kernels
from ..model import Shape, TensorType
from ..op import Specs, Step
from ..options import ReduceWindowFunction
from ..shapes import known
from ._operands import same_type

T = TensorType
F = ReduceWindowFunction
TYPES = (T.BOOL, T.INT8, T.INT16, T.INT32, T.INT64, T.UINT8, T.FLOAT32, T.FLOAT64)
FUNCTIONS: Mapping[ReduceWindowFunction, kernels.Reduction] = {
    F.ADD: kernels.ADD,
    F.MUL: kernels.MULTIPLY,
    F.MINIMUM: kernels.SMALLEST,
    F.MAXIMUM: kernels.LARGEST,
    F.ALL: kernels.ALL,
    F.ANY: kernels.ANY,
}


def windowed(specs: Specs) -> Shape:
    """The shape of x, its operands checked."""
    x, start = specs.input(0), specs.input(1)
    same_type(specs.output(), x, "outputs[0]")
    same_type(start, x, "inputs[1]")
    if not 1 <= len(known(x)) <= 6:
        raise ModelError(f"expected 1 to 6 dimensions, got shape {list(known(x))}", "inputs[0]")
    if start.shape is not None and 0 in start.shape:
        raise ModelError(f"expected one number, got shape {list(start.shape)}", "inputs[1]")
    return known(x)


def reducing(
    specs: Specs, function: ReduceWindowFunction, reduce: Callable[[AnyArray, AnyArray, kernels.Reduction], AnyArray]
) -> Step:
    """The step of `reduce` (x, start, function). The runtime finds out while running that a function or type is none of
    its own. It takes flags for integers of 8 bits."""
    type_, reduction = specs.input(0).type, FUNCTIONS.get(function)

    def run(x: AnyArray, start: AnyArray, *_: AnyArray) -> AnyArray:
        if reduction is None:
            raise ModelError("expected a function that reduces a window, got an unsupported one")
        if type_ not in TYPES:
            raise ModelError(f"expected {', '.join(kind.name for kind in TYPES)}, got {type_.name}", "inputs[0]")
        first = start.reshape(-1)[0]
        if type_ is T.BOOL:
            return np.not_equal(reduce(x.view(np.int8), first.view(np.int8), reduction), 0)
        return reduce(x, first, reduction)

    return Step(run)
