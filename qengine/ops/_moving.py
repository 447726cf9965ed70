"""Operators that move numbers and compute none: their native kernel follows from what the reference does to indices.

The reference moves the numbers of its inputs' elements instead of the elements; where they come out, the elements go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..errors import ModelError
from ..kernels.arrays import AnyArray, Int32Array
from ..kernels.emit.move import plan_moves
from ..kernels.emit.plan import Compiled
from ..kernels.emit.target import Target
from ..model import TensorType
from ..op import Spec, Specs, Step

T = TensorType
MOST = 1 << 25
"""Elements of an output up to which it is worth to follow each."""


def moving(step: Step, specs: Specs, moved: Sequence[int] = (0,)) -> Step:
    """The step with a kernel that moves elements of the inputs `moved`. The others must be constants.

    The step's function must take numbers of any type, look at none that it moves, and give only those or constants
    that fit the type.
    """

    def compiled(target: Target) -> Compiled | str:
        itemsize = specs.input(moved[0]).type.dtype.itemsize
        others = [spec for i, spec in enumerate(specs.inputs) if i not in moved and spec is not None]
        if any(spec.value is None for spec in others):
            return "what goes where is known only while running"
        if specs.output().type.dtype.hasobject or itemsize not in (1, 2, 4, 8):
            return "no native kernel for these types"
        if max(spec.size for spec in (*specs.outputs, *(specs.input(i) for i in moved))) > MOST:
            return "too many elements to follow each"
        starts, end = {}, 0
        for i in moved:
            starts[i], end = end, end + specs.input(i).size + 1
        try:
            origins, constants = _origins(step, specs, starts)
        except (ModelError, RuntimeError) as error:
            return f"it can't run ({error})"
        stored = _stored(constants, specs.output())
        if stored is None:
            return "no native kernel fills in such a constant"
        return plan_moves(target, origins, starts, stored)

    return replace(step, compiled=compiled)


def _origins(step: Step, specs: Specs, starts: Mapping[int, int]) -> tuple[list[Int32Array], AnyArray]:
    """Per output and element the number of the element that it is, or -1 - i for constant i; and the constants.

    Elements are counted from starts[i] on in input i. Two runs that count from elsewhere tell them from constants.
    """
    first, second = (_run(step, specs, starts, begin) for begin in (1 << 28, 1 << 29))
    fixed = [np.flatnonzero(a == b) for a, b in zip(first, second, strict=True)]
    constants = np.unique(np.concatenate([out[same] for out, same in zip(first, fixed, strict=True)]))
    origins = []
    for out, same in zip(first, fixed, strict=True):
        numbers = out - np.int32(1 << 28)
        numbers[same] = -1 - np.searchsorted(constants, out[same])
        origins.append(numbers)
    return origins, constants


def _run(step: Step, specs: Specs, starts: Mapping[int, int], begin: int) -> list[AnyArray]:
    """The outputs, flat, where the elements of the inputs are numbers from `begin` on."""
    arguments: list[AnyArray | None] = []
    for i, spec in enumerate(specs.inputs):
        if spec is not None and i in starts:
            first = begin + starts[i]
            arguments.append(np.arange(first, first + spec.size, dtype=np.int32).reshape(spec.shape or ()))
        else:
            arguments.append(None if spec is None else spec.value)
    results = step.run(*arguments)
    return [np.asarray(out).reshape(-1) for out in (results if isinstance(results, tuple) else (results,))]


def _stored(constants: AnyArray, output: Spec) -> AnyArray | None:
    """Constants as their elements are stored; None where they can't be that."""
    if output.type.dtype.kind not in "iu" and constants.any():
        return None
    stored = constants.astype(output.type.dtype)
    return stored.view(np.uint8) ^ np.uint8(0x80) if output.type is T.INT8 else stored
