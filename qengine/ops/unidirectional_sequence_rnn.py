"""UNIDIRECTIONAL_SEQUENCE_RNN."""

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
class UnidirectionalSequenceRnn(Op):
    """x (b t i), or (t b i), weights (u i), recurrent weights (u u), bias (u), state (b u, variable) -> (b t u)."""

    code: ClassVar[int] = 35
    known_versions: ClassVar[Versions] = Versions(3)
    weights: ClassVar[tuple[Weights, ...]] = (Weights(1, axis=0, bias=3), Weights(2, axis=0))

    time_major: bool = False
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    asymmetric_quantize_inputs: bool = False

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 5)
        first, second, _ = of_rank(specs.input(0), 3, "inputs[0]")
        return [(first, second, Part(specs, 1).units)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        part, (first, second, width) = Part(specs, 1), of_rank(specs.input(0), 3, "inputs[0]")
        part.check(second if self.time_major else first, width)
        made = part.cell(self.fused_activation_function, asymmetric=self.asymmetric_quantize_inputs)

        def run(*arrays: AnyArray) -> AnyArray:
            return self._time_first(rnn(self._time_first(arrays[0]), None, made(arrays), arrays[4]))

        return Step(run, macs=first * second * macs_of([(part.units, width)]), folds=False)

    def _time_first(self, x: AnyArray) -> AnyArray:
        """(b t i) as (t b i), and back; a view."""
        return x if self.time_major else x.swapaxes(0, 1)

    def version(self, specs: Specs) -> int:
        return version_of(specs.input(1).type, asymmetric=self.asymmetric_quantize_inputs)
