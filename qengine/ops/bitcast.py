"""BITCAST."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError, Unsupported
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..model import Shape
from ..op import Graphs, Op, Rule, Spec, Specs, Step, Unquantized
from ..shapes import known
from ._operands import arity


@dataclass(frozen=True, eq=False)
class Bitcast(Op):
    """The same bytes as another type: a smaller one adds a last dimension, a larger one takes it away."""

    code: ClassVar[int] = 159
    rule: ClassVar[Rule] = Unquantized()

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 1)
        x, output = specs.input(0), specs.output()
        old, new, shape = _width(x, "inputs[0]"), _width(output, "outputs[0]"), known(x)
        if old > new:
            return [(*shape, old // new)]
        if old == new:
            return [shape]
        if not shape or shape[-1] != new // old:
            raise ModelError(f"expected a last dimension of {new // old}, got shape {list(shape)}", "inputs[0]")
        return [shape[:-1]]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        output = specs.output()
        shape, dtype = known(output), output.type.dtype

        def run(x: AnyArray) -> AnyArray:
            return np.ascontiguousarray(x).reshape(-1).view(dtype).reshape(shape)

        return Step(run, "bitcast")


def _width(spec: Spec, where: str) -> int:
    """Bytes of an element; Unsupported where elements don't fill bytes."""
    if spec.type.bits == 0 or spec.type.bits % 8:
        raise Unsupported(f"BITCAST of {spec.type.name}", where)
    return spec.type.bits // 8
