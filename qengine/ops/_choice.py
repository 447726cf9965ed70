"""What SELECT and SELECT_V2 share: elements of one tensor or the other."""

from __future__ import annotations

from ..errors import ModelError
from ..model import Shape, TensorType
from ..op import Specs
from ..shapes import known, volume
from ._operands import arity, of_type, same_type


def operands(specs: Specs) -> tuple[Shape, Shape, Shape]:
    """The shapes of condition, x and y. ModelError where types don't fit."""
    arity(specs, 3)
    condition, x, y = specs.input(0), specs.input(1), specs.input(2)
    of_type(condition, (TensorType.BOOL,), "inputs[0]")
    same_type(y, x, "inputs[2]")
    same_type(specs.output(), x, "outputs[0]")
    if x.type.dtype.hasobject or x.type.bits not in (8, 16, 32, 64):
        raise ModelError(f"expected numbers of 8 to 64 bits, got {x.type.name}", "inputs[1]")
    return known(condition), known(x), known(y)


def single(specs: Specs) -> Shape | None:
    """The shape that the file gives the output, which stands where that and all inputs hold one element."""
    shape = specs.output().shape
    if shape is None or any(volume(known(specs.input(i))) != 1 for i in range(3)) or volume(shape) != 1:
        return None
    return shape
