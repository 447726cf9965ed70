"""DROPOUT: an operator of training, not of files. `for_export` takes it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape
from ..op import Array, Graphs, Op, Specs, Step
from ..shapes import known
from .gradient import Call, Gradient, Gradients


@dataclass(frozen=True, eq=False)
class Dropout(Op):
    """x -> x; in training each number is 0 with probability `rate`, else x / (1 - rate)."""

    code: ClassVar[int] = 32

    rate: float = 0.5

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        if not 0 <= self.rate < 1:
            raise ModelError(f"expected a rate from 0 to below 1, got {self.rate}", "builtin_options.rate")
        return [known(specs.input(0))]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return Step(lambda x: x, "dropout")


def forward(call: Call) -> Array:
    x = call.input(0)
    if not call.training or call.op.rate == 0:
        return x
    rng = np.random.default_rng(call.seed)
    call.kept = (rng.random(x.shape, np.float32) >= call.op.rate) * x.dtype.type(1 / (1 - call.op.rate))
    return np.asarray(x * call.kept)


def backward(call: Call) -> Gradients:
    return [call.gradient if call.kept is None else call.gradient * call.kept]


RULES = {"DROPOUT": Gradient(backward, forward)}
