"""What ARG_MAX and ARG_MIN share: where the extreme element of each line lies."""

from __future__ import annotations

import numpy as np

from ..errors import ModelError
from ..kernels.emit.extremes import plan_place
from ..kernels.emit.plan import Compiled
from ..kernels.emit.target import Target
from ..kernels.reference.selection import arg_extreme
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Specs, Step
from ..shapes import axis_of, known, volume
from ._numbers import ELEMENTS
from ._operands import INDICES, arity, of_type, oldest, one_of

T = TensorType


def infer(specs: Specs, output_type: TensorType) -> list[Shape] | Dynamic:
    """x, axis (one number) -> x's shape without that dimension."""
    arity(specs, 2)
    x, axis, output = specs.input(0), specs.input(1), specs.output()
    of_type(x, (T.FLOAT32, T.UINT8, T.INT8, T.INT32, T.BOOL), "inputs[0]")
    of_type(axis, INDICES, "inputs[1]")
    if output_type not in INDICES or output.type is not output_type:
        raise ModelError(f"expected INT32 or INT64 as the option says, got {output.type.name}", "outputs[0]")
    if not known(x) or volume(known(axis)) != 1:
        raise ModelError(f"expected one axis of a tensor with dimensions, got {list(known(axis))}", "inputs[1]")
    return DYNAMIC if axis.value is None else [_without(known(x), _axis(known(x), axis.value))]


def _axis(shape: Shape, axis: Array) -> int:
    at = axis_of(one_of(axis, "inputs[1]"), len(shape), "inputs[1]")
    if shape[at] == 0:
        raise ModelError(f"expected elements along axis {at}, got shape {list(shape)}", "inputs[0]")
    return at


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


def plan(specs: Specs, largest: bool) -> Step:
    dtype = specs.output().type.dtype

    def run(x: Array, axis: Array) -> Array:
        return arg_extreme(x, _axis(x.shape, axis), largest).astype(dtype)

    def compiled(target: Target) -> Compiled | str:
        x, axis = specs.input(0), specs.input(1).value
        if axis is None:
            return "the axis is known only while running"
        shape, at = known(x), _axis(known(x), axis)
        parts = volume(shape[:at]), shape[at], volume(shape[at + 1 :])
        index = "i64" if dtype == np.int64 else "i32"
        return plan_place(target, "max" if largest else "min", ELEMENTS[x.type], index, *parts)

    return Step(run, compiled=compiled)


def version(specs: Specs) -> int:
    return oldest(specs.input(0), {T.BOOL: 3, T.INT8: 2})
