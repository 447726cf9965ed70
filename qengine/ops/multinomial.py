"""MULTINOMIAL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.random_bits import multinomial
from ..memory import room
from ..model import Shape, TensorType
from ..op import DYNAMIC, Dynamic, Graphs, Specs, Step
from ..shapes import known, of_rank
from ._operands import arity, of_type
from ._random import Random


@dataclass(frozen=True, eq=False)
class Multinomial(Random):
    """logits (b classes), how many samples (int32, one) -> classes (b samples), int32 or int64."""

    code: ClassVar[int] = 149

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 2)
        logits, samples = specs.input(0), specs.input(1)
        of_type(logits, (TensorType.FLOAT32,), "inputs[0]")
        of_type(samples, (TensorType.INT32,), "inputs[1]")
        batch, _ = of_rank(logits, 2, "inputs[0]")
        if known(samples) != ():
            raise ModelError(f"expected a scalar, got shape {list(known(samples))}", "inputs[1]")
        return DYNAMIC if samples.value is None else [(batch, _count(samples.value))]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        stream, output = self.stream(), specs.output()

        def run(logits: AnyArray, samples: AnyArray) -> AnyArray:
            of_type(output, (TensorType.INT64, TensorType.INT32), "outputs[0]")
            batch, classes = logits.shape
            if classes == 0:
                raise ModelError("expected classes to draw from, got none", "inputs[0]")
            room((batch, _count(samples)), "int64")
            return multinomial(stream, logits, _count(samples)).astype(output.type.dtype)

        return Step(run, folds=False)


def _count(samples: AnyArray) -> int:
    count = int(samples.reshape(-1)[0])
    if count < 0:
        raise ModelError(f"expected 0 samples or more, got {count}", "inputs[1]")
    return count
