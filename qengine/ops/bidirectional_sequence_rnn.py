"""BIDIRECTIONAL_SEQUENCE_RNN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError, Unsupported
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.rnn import rnn
from ..model import Shape, TensorType
from ..op import Graphs, Op, Specs, Step, Versions, Weights
from ..options import ActivationFunctionType
from ..shapes import of_rank, volume
from ._operands import arity
from ._rnn import Part, macs_of, version_of

FORTH, BACK, AUX, FORTH_AUX, BACK_AUX = 1, 5, 9, 10, 11


@dataclass(frozen=True, eq=False)
class BidirectionalSequenceRnn(Op):
    """x (b t i), or (t b i), two cells of four inputs each, one for each direction, a second input (b t k) and its
    weights for each cell, or none -> (b t u) and (b t v), or both as one (b t u+v).

    A second input without weights replaces x for the cell that goes back, but only where time comes first. Where it
    does and weights have 8 bits, the runtime runs the whole sequence as many times as it has steps; so does this.
    """

    code: ClassVar[int] = 46
    known_versions: ClassVar[Versions] = Versions(3)
    weights: ClassVar[tuple[Weights, ...]] = tuple(
        Weights(index, axis=0, bias=bias)
        for index, bias in ((1, 3), (2, None), (5, 7), (6, None), (10, None), (11, None))
    )

    time_major: bool = False
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    merge_outputs: bool = False
    asymmetric_quantize_inputs: bool = False

    def _parts(self, specs: Specs) -> tuple[Part, Part]:
        crossed = specs.optional(FORTH_AUX) is not None
        return Part(specs, FORTH, FORTH_AUX if crossed else None), Part(specs, BACK, BACK_AUX if crossed else None)

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 12, 1 if self.merge_outputs else 2)
        first, second, _ = of_rank(specs.input(0), 3, "inputs[0]")
        units = [part.units for part in self._parts(specs)]
        return [(first, second, width) for width in ([sum(units)] if self.merge_outputs else units)]

    def _check(self, specs: Specs) -> None:
        first, second, width = of_rank(specs.input(0), 3, "inputs[0]")
        aux, parts = specs.optional(AUX), self._parts(specs)
        for part in parts:
            part.check(second if self.time_major else first, width)
        if specs.input(FORTH).type is not specs.input(BACK).type:
            raise Unsupported("cells whose weights are of different types", f"inputs[{BACK}]")
        if (specs.optional(FORTH_AUX) is None) != (specs.optional(BACK_AUX) is None):
            raise ModelError("expected weights of the second input for both cells or for none", f"inputs[{BACK_AUX}]")
        if aux is None:
            if parts[0].aux is not None:
                raise ModelError("expected a second input, as there are weights for it", f"inputs[{AUX}]")
            return
        shape = of_rank(aux, 3, f"inputs[{AUX}]")
        if aux.type is not TensorType.FLOAT32:
            raise ModelError(f"expected FLOAT32, got {aux.type.name}", f"inputs[{AUX}]")
        if parts[0].aux is not None:
            if shape[:2] != (first, second):
                raise ModelError(f"expected shape [{first}, {second}, any], got {list(shape)}", f"inputs[{AUX}]")
            for part in parts:
                part.check_aux(shape[2])
        elif self.time_major and volume(shape) < first * second * width:
            raise Unsupported(f"a second input smaller than the first, {list(shape)}", f"inputs[{AUX}]")

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self._check(specs)
        parts, (first, second, width) = self._parts(specs), of_rank(specs.input(0), 3, "inputs[0]")
        cells = [
            part.cell(self.fused_activation_function, asymmetric=self.asymmetric_quantize_inputs) for part in parts
        ]
        crossed, dynamic = parts[0].aux is not None, specs.input(FORTH).type is not TensorType.FLOAT32
        overlapping = crossed and (dynamic or self.time_major)
        if overlapping and of_rank(specs.input(AUX), 3, f"inputs[{AUX}]")[2] < width:
            raise Unsupported(f"a second input narrower than the first, {width}", f"inputs[{AUX}]")
        times = first if dynamic and self.time_major else 1

        def run(*arrays: AnyArray) -> AnyArray | tuple[AnyArray, ...]:
            x, aux = arrays[0], arrays[AUX] if len(arrays) > AUX else None
            behind = x
            if aux is not None and not crossed:
                if self.time_major:
                    behind = aux.reshape(-1)[: x.size].reshape(x.shape)
                aux = None
            if aux is not None and overlapping:
                aux = self._second(aux, width)
            made, x, behind = [cell(arrays) for cell in cells], self._time_first(x), self._time_first(behind)
            beside = None if aux is None else self._time_first(aux)
            beside_back = None if beside is None else beside[::-1]
            for _ in range(times):
                forth = rnn(x, beside, made[0], arrays[FORTH + 3])
                back = rnn(behind[::-1], beside_back, made[1], arrays[BACK + 3])[::-1]
            outputs = self._time_first(forth), self._time_first(back)
            return np.concatenate(outputs, axis=2) if self.merge_outputs else outputs

        macs = times * first * second * macs_of([(part.units, width) for part in parts])
        return Step(run, macs=macs, folds=False)

    def _second(self, aux: AnyArray, width: int) -> AnyArray:
        """The second input as the runtime reads it where time comes first or weights have 8 bits: a row (where time
        comes first, a step) begins as far after the one before as in the first input."""
        first, second, own = aux.shape
        starts = np.arange(first)[:, None] * second * width + np.arange(second) * (own if self.time_major else width)
        result: AnyArray = aux.reshape(-1)[starts[..., None] + np.arange(own)]
        return result

    def _time_first(self, x: AnyArray) -> AnyArray:
        """(b t i) as (t b i), and back; a view."""
        return x if self.time_major else x.swapaxes(0, 1)

    def version(self, specs: Specs) -> int:
        return version_of(specs.input(FORTH).type, asymmetric=self.asymmetric_quantize_inputs)
