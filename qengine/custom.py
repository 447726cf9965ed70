"""Custom operators written in Python: functions of arrays under a custom operator's name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .kernels.profile import Profile
from .model import Shape
from .op import DYNAMIC, Array, CustomKernel, CustomOp, Dynamic, Graphs, Op, Specs, Step
from .shapes import known


@dataclass(frozen=True)
class CustomOperator:
    """A custom operator as a Python function, for `Interpreter(custom_operators={name: ...})`.

    run(options, *inputs): the operator's bytes in the file (b"" where there are none) and the input arrays (None where
    an optional one is absent) give one array, or a sequence of them in the order of the outputs. Numbers of quantized
    tensors come and go as they are stored.
    shapes(options, *shapes): the output shapes from the inputs' shapes; left out, they are known only while running.
    stateful: whether equal inputs may give other outputs another time, so that nothing is computed ahead.
    """

    run: Callable[..., Any]
    shapes: Callable[..., Sequence[Sequence[int]]] | None = None
    stateful: bool = False

    def __call__(self, op: CustomOp) -> Op:
        return _Bound(op.custom_code, b"" if op.options is None else bytes(op.options.data), self)


class CustomOperators(dict[str, CustomKernel]):
    """Custom operators by name, to which the functions given to `InterpreterWithCustomOps` add theirs."""

    def add(self, name: str, operator: CustomKernel) -> None:
        self[name] = operator


@dataclass(frozen=True, eq=False)
class _Bound(Op):
    """A `CustomOperator` with the options of one node."""

    code: ClassVar[int] = 32

    custom_code: str
    options: bytes
    operator: CustomOperator

    @property
    def name(self) -> str:
        return self.custom_code

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        if self.operator.shapes is None:
            return DYNAMIC
        shapes = self.operator.shapes(self.options, *(None if x is None else known(x) for x in specs.inputs))
        return [tuple(int(length) for length in shape) for shape in shapes]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(*inputs: Array | None) -> tuple[Array, ...]:
            given = self.operator.run(self.options, *inputs)
            arrays = [np.asarray(x) for x in (given if isinstance(given, (tuple, list)) else [given])]
            if len(arrays) != len(specs.outputs):
                raise RuntimeError(f"expected {len(specs.outputs)} outputs of {self.name}, got {len(arrays)}")
            for number, (array, output) in enumerate(zip(arrays, specs.outputs, strict=True)):
                wanted = output.type.dtype, array.shape if output.shape is None else output.shape
                if (array.dtype, array.shape) != wanted:
                    raise RuntimeError(
                        f"expected output {number} of {self.name} to be {wanted[0]} of shape {list(wanted[1])}, "
                        f"got {array.dtype} of shape {list(array.shape)}"
                    )
            return tuple(arrays)

        return Step(run, self.name, "a function in Python", folds=not self.operator.stateful)
