"""RNN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.rnn import rnn
from ..model import Shape
from ..op import Graphs, Op, Specs, Step, Versions, Weights
from ..options import ActivationFunctionType
from ..shapes import of_rank
from ._operands import arity
from ._rnn import Part, macs_of, version_of


@dataclass(frozen=True, eq=False)
class Rnn(Op):
    """x (b i), weights (u i), recurrent weights (u u), bias (u), state (b u, variable) -> (b u): one step."""

    code: ClassVar[int] = 24
    known_versions: ClassVar[Versions] = Versions(3)
    weights: ClassVar[tuple[Weights, ...]] = (Weights(1, axis=0, bias=3), Weights(2, axis=0))

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    asymmetric_quantize_inputs: bool = False

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 5)
        return [(of_rank(specs.input(0), 2, "inputs[0]")[0], Part(specs, 1).units)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        part, (batch, width) = Part(specs, 1), of_rank(specs.input(0), 2, "inputs[0]")
        part.check(batch, width)
        made = part.cell(self.fused_activation_function, asymmetric=self.asymmetric_quantize_inputs)

        def run(*arrays: AnyArray) -> AnyArray:
            outputs = rnn(arrays[0][None], None, made(arrays), arrays[4])
            return outputs.reshape(arrays[4].shape)

        return Step(run, macs=batch * macs_of([(part.units, width)]), folds=False)

    def version(self, specs: Specs) -> int:
        return version_of(specs.input(1).type, asymmetric=self.asymmetric_quantize_inputs)
