"""BUCKETIZE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Array, Graphs, Op, Rule, Specs, Step, Unquantized
from ..shapes import known
from ._operands import arity, of_type

T = TensorType


@dataclass(frozen=True, eq=False)
class Bucketize(Op):
    """x -> how many of the rising `boundaries` each element has reached, int32; integers go through float32."""

    code: ClassVar[int] = 147
    rule: ClassVar[Rule] = Unquantized()

    boundaries: tuple[float, ...] | None = None

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 1)
        x = specs.input(0)
        of_type(x, (T.INT32, T.FLOAT32, T.INT64, T.FLOAT64), "inputs[0]")
        of_type(specs.output(), (T.INT32,), "outputs[0]")
        return [known(x)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        boundaries = np.array(self.boundaries or (), np.float32)
        if (boundaries[1:] < boundaries[:-1]).any():
            raise ModelError(f"expected rising boundaries, got {boundaries.tolist()}")
        dtype = np.float64 if specs.input(0).type is T.FLOAT64 else np.float32

        def run(x: Array) -> Array:
            return np.searchsorted(boundaries.astype(dtype), x.astype(dtype), side="right").astype(np.int32)

        return Step(run)
