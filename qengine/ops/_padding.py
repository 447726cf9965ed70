"""What PAD and PADV2 share: how much goes before and after each dimension, and of which value."""

from __future__ import annotations

import numpy as np

from ..errors import ModelError
from ..kernels.arrays import IntegerArray
from ..kernels.profile import Profile
from ..kernels.reference.movement import pad
from ..memory import room
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Spec, Specs, Step
from ..shapes import known, of_rank
from ._moving import moving
from ._operands import arity, of_type, oldest, same_scale, same_type, whole

T = TensorType
TYPES = (T.FLOAT32, T.FLOAT16, T.BFLOAT16, T.UINT8, T.INT8, T.INT16, T.INT32, T.INT64, T.BOOL)
PADDINGS = (T.INT32, T.INT64, T.INT8, T.INT16, T.BOOL)


def infer(specs: Specs) -> list[Shape] | Dynamic:
    """Shape of x with paddings (rank, 2), known where they are constant."""
    arity(specs, (2, 3))
    x, paddings, value = specs.input(0), specs.input(1), specs.optional(2)
    of_type(x, TYPES, "inputs[0]")
    of_type(paddings, PADDINGS, "inputs[1]")
    same_type(specs.output(), x, "outputs[0]")
    if of_rank(paddings, 2, "inputs[1]") != (len(known(x)), 2):
        raise ModelError(f"expected shape [{len(known(x))}, 2], got {list(known(paddings))}", "inputs[1]")
    if value is not None:
        same_type(value, x, "inputs[2]")
        if value.size != 1:
            raise ModelError(f"expected one number, got shape {list(known(value))}", "inputs[2]")
    return DYNAMIC if paddings.value is None else [padded(known(x), paddings.value)]


def padded(shape: Shape, paddings: Array) -> Shape:
    """Lengths with what goes before and after. ModelError where that is negative or beyond 32 bits."""
    wide = paddings.astype(np.int64)
    if (wide < 0).any() or (wide > 2**31 - 1).any():
        raise ModelError(f"expected paddings from 0 to 2**31 - 1, got {paddings.tolist()}", "inputs[1]")
    lengths = tuple(int(length + both) for length, both in zip(shape, wide.sum(axis=1), strict=True))
    if any(length > 2**31 - 1 for length in lengths):
        raise ModelError(f"expected lengths below 2**31, got {list(lengths)}", "outputs[0]")
    return lengths


def plan(specs: Specs, profile: Profile) -> Step:
    """Pads with the third input; without one with the output's zero point, 0 where it isn't quantized.

    XNNPACK, which takes up to 6 dimensions, has looked at how many there are; the built-in kernels take up to 5.
    """
    x, value, output = specs.input(0), specs.optional(2), specs.output()
    if profile is not Profile.XNNPACK and len(known(x)) > 5:
        raise ModelError(f"expected at most 5 dimensions, got shape {list(known(x))}", "inputs[0]")
    zero = _zero(x, output)
    quantized = x.type is T.UINT8 or (x.type in (T.INT8, T.INT16) and x.quantization is not None)
    if value is not None and quantized:
        same_scale(value, output, "inputs[2]")

    def run(x: Array, paddings: Array, value: Array | None = None) -> Array:
        wide: IntegerArray = paddings.astype(np.int64)
        room(padded(x.shape, wide), x.dtype)
        return pad(x, wide, zero if value is None else value.reshape(-1)[0])

    return moving(Step(run), specs, (0,) if value is None else (0, 2))


def _zero(x: Spec, output: Spec) -> int:
    if x.type not in (T.INT8, T.UINT8, T.INT16):
        return 0
    zero = whole(output)[1]
    limits = np.iinfo(x.type.dtype)
    if not limits.min <= zero <= limits.max:
        raise ModelError(f"expected a zero point within {x.type.name}, got {zero}", "outputs[0]")
    return zero


def version(specs: Specs) -> int:
    x = specs.input(0)
    if x.type is T.BOOL:
        return 5
    if x.shape is not None and len(x.shape) > 4:
        return 4
    return oldest(x, {T.INT16: 3, T.INT8: 2})
