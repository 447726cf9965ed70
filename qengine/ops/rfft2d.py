"""RFFT2D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError, Unsupported
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.fourier import rfft2d
from ..memory import room
from ..model import Shape, TensorType
from ..op import DYNAMIC, Dynamic, Graphs, Op, Rule, Specs, Step, Unquantized
from ..shapes import known
from ._operands import arity, of_type


@dataclass(frozen=True, eq=False)
class Rfft2d(Op):
    """x (..., h, w), lengths (height, width), powers of two -> complex (..., height, width // 2 + 1)."""

    code: ClassVar[int] = 131
    rule: ClassVar[Rule] = Unquantized()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 2)
        x, lengths = specs.input(0), specs.input(1)
        of_type(x, (TensorType.FLOAT32,), "inputs[0]")
        of_type(lengths, (TensorType.INT32,), "inputs[1]")
        of_type(specs.output(), (TensorType.COMPLEX64,), "outputs[0]")
        if len(known(x)) < 2:
            raise ModelError(f"expected 2 dimensions or more, got shape {list(known(x))}", "inputs[0]")
        if known(lengths) != (2,):
            raise ModelError(f"expected shape [2], got {list(known(lengths))}", "inputs[1]")
        return DYNAMIC if lengths.value is None else [_output(known(x), lengths.value)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(x: AnyArray, lengths: AnyArray) -> AnyArray:
            room(_output(x.shape, lengths), "complex64")
            return rfft2d(x, int(lengths[0]), int(lengths[1]))

        return Step(run)


def _output(shape: Shape, lengths: AnyArray) -> Shape:
    height, width = int(lengths[0]), int(lengths[1])
    if any(length & (length - 1) or length < 1 for length in (height, width)):
        raise ModelError(f"expected lengths that are powers of two, got {height} and {width}", "inputs[1]")
    if width == 1:
        raise Unsupported("a width of 1, of which the runtime makes no transform", "inputs[1]")
    return (*shape[:-2], height, width // 2 + 1)
