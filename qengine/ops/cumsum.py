"""CUMSUM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError, Unsupported
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Free, Graphs, Op, Rule, Specs, Step
from ..shapes import axis_of, known, volume

T = TensorType


@dataclass(frozen=True, eq=False)
class Cumsum(Op):
    """x, axis (one int32) -> sums of the elements up to and with each, in x's type; integers wrap.

    exclusive: without itself. reverse: from the other end.
    """

    code: ClassVar[int] = 128
    rule: ClassVar[Rule] = Free()

    exclusive: bool = False
    reverse: bool = False

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        x, axis = specs.input(0), specs.input(1)
        if axis.type is not T.INT32 or volume(known(axis)) != 1:
            raise ModelError(f"expected one INT32, got {axis.type.name}{list(known(axis))}", "inputs[1]")
        if not known(x):
            raise ModelError("expected 1 dimension or more, got a scalar", "inputs[0]")
        return [known(x)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        x = specs.input(0)
        if x.type not in (T.FLOAT32, T.INT32, T.INT64) or specs.output().type is not x.type:
            raise Unsupported(
                f"expected FLOAT32, INT32 or INT64, got {x.type.name} and {specs.output().type.name}", "inputs[0]"
            )

        def run(x: AnyArray, axis: AnyArray) -> AnyArray:
            along = axis_of(int(axis.reshape(())), x.ndim, "inputs[1]")
            turned = np.flip(x, along) if self.reverse else x
            sums = np.cumsum(turned, axis=along, dtype=x.dtype)
            if self.exclusive and x.shape[along]:
                sums = np.roll(sums, 1, axis=along)
                sums[(slice(None),) * along + (0,)] = 0
            return np.flip(sums, along) if self.reverse else sums

        return Step(run, f"cumsum_{x.type.name.lower()}")
