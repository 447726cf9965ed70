"""What the UNSORTED_SEGMENT operators share: slices with the same id combined, one after the other."""

from __future__ import annotations

import numpy as np

from ..errors import ModelError
from ..kernels.reference.scatter import segments
from ..memory import room
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Specs, Step
from ..shapes import known
from ._operands import arity, indices, of_type, one_of, same_type

T = TensorType


def infer(specs: Specs) -> list[Shape] | Dynamic:
    """x (ids.. rest), ids, count (one) -> (count, rest); known where ids and count are constant."""
    arity(specs, 3)
    x, ids, count = specs.input(0), specs.input(1), specs.input(2)
    of_type(x, (T.INT32, T.FLOAT32), "inputs[0]")
    of_type(ids, (T.INT32,), "inputs[1]")
    of_type(count, (T.INT32,), "inputs[2]")
    same_type(specs.output(), x, "outputs[0]")
    shape, prefix = known(x), known(ids)
    if shape[: len(prefix)] != prefix:
        raise ModelError(f"expected a shape that {list(shape)} begins with, got {list(prefix)}", "inputs[1]")
    if known(count) not in ((), (1,)):
        raise ModelError(f"expected one number, got shape {list(known(count))}", "inputs[2]")
    if count.value is None:
        return DYNAMIC
    number = _number(count.value)
    if ids.value is not None and ids.value.max(initial=-1) >= number:
        raise ModelError(f"expected ids below {number}, got {int(ids.value.max())}", "inputs[1]")
    return [(number, *shape[len(prefix) :])]


def _number(count: Array) -> int:
    number = one_of(count, "inputs[2]")
    if number < 0:
        raise ModelError(f"expected a count from 0, got {number}", "inputs[2]")
    return number


def plan(specs: Specs, ufunc: np.ufunc) -> Step:
    """ufunc: np.add, np.multiply, np.fmax or np.fmin, which pass over NaN and begin with the farthest finite number."""
    dtype = specs.input(0).type.dtype
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    first = {"add": 0, "multiply": 1, "fmax": limits.min, "fmin": limits.max}[ufunc.__name__]
    start = np.array(first, dtype)

    def run(x: Array, ids: Array, count: Array) -> Array:
        number = _number(count)
        room((number, *x.shape[ids.ndim :]), x.dtype)
        with indices("inputs[1]"):
            return segments(x, ids, number, ufunc, start)

    return Step(run)
