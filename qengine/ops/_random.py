"""What the operators that draw random numbers share: their options table and their stream.

A stream begins when a model is prepared, and goes on from call to call.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.fixed_point import wrap_int32
from ..kernels.reference.random_bits import Philox
from ..memory import room
from ..model import Shape, TensorType
from ..op import DYNAMIC, Dynamic, Graphs, Op, Rule, Specs, Step, Unquantized
from ..shapes import of_rank
from ._operands import arity, integers, of_type


@dataclass(frozen=True, eq=False)
class Random(Op):
    """Base of operators that draw random numbers: the options table RandomOptions.

    The runtime takes the seeds for int32, which wrap; 0 and 0 mean any.
    """

    rule: ClassVar[Rule] = Unquantized()

    seed: int = 0
    seed2: int = 0

    def stream(self) -> Philox:
        first, second = (int(wrap_int32(seed)) for seed in (self.seed, self.seed2))
        if first == 0 and second == 0:
            return Philox(secrets.randbits(64), secrets.randbits(64))
        return Philox(first, second)


@dataclass(frozen=True, eq=False)
class RandomOfShape(Random):
    """Base of those that fill a shape with float32 numbers."""

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 1)
        shape = specs.input(0)
        of_type(shape, (TensorType.INT32,), "inputs[0]")
        of_rank(shape, 1, "inputs[0]")
        return DYNAMIC if shape.value is None else [_lengths(shape.value)]

    def filling(self, specs: Specs, draw: Callable[[Philox, int], AnyArray]) -> Step:
        """The step of `draw`, which gives so many numbers of a stream."""
        stream, output = self.stream(), specs.output()

        def run(shape: AnyArray) -> AnyArray:
            of_type(output, (TensorType.FLOAT32,), "outputs[0]")
            lengths = room(_lengths(shape), "float32")
            count = 1
            for length in lengths:
                count *= length
            return draw(stream, count).reshape(lengths)

        return Step(run, folds=False)


def _lengths(shape: AnyArray) -> Shape:
    lengths = integers(shape)
    if min(lengths, default=0) < 0:
        raise ModelError(f"expected lengths from 0, got {list(lengths)}", "inputs[0]")
    return lengths
