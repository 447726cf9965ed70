"""ADD_N."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.power import finite
from ..model import Shape, TensorType
from ..op import Graphs, Specs, Step
from ..shapes import known
from ._elementwise import Elementwise, plain
from ._operands import same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class AddN(Elementwise):
    """The sum of inputs of one shape, from left to right. int32 wraps, floats are clamped to the finite ones."""

    code: ClassVar[int] = 106
    types: ClassVar = (T.FLOAT32, T.INT32)
    retypes: ClassVar[bool] = True

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        if len(specs.inputs) < 2:
            raise ModelError(f"expected at least 2 inputs, got {len(specs.inputs)}", "inputs")
        x = specs.input(0)
        for i in range(1, len(specs.inputs)):
            same_type(specs.input(i), x, f"inputs[{i}]")
            if specs.input(i).shape != x.shape:
                raise ModelError(f"expected shape {x.shape}, got {specs.input(i).shape}", f"inputs[{i}]")
        same_type(specs.output(), x, "outputs[0]")
        return [known(x)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        return plain("add_n", _sum, specs.output())


def _sum(*terms: AnyArray) -> AnyArray:
    total = np.zeros_like(terms[0])
    for term in terms:
        total = finite(total + term)
    return total
