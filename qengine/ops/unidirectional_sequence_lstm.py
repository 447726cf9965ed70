"""UNIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.emit import float32
from ..kernels.emit.plan import Compiled, source
from ..kernels.emit.recurrent import plan_lstm
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..kernels.reference.lstm import lstm
from ..kernels.reference.lstm_integer import Cell, lstm_integer
from ..model import Shape
from ..op import Graphs, Op, Specs, Step, Versions, Weights
from ..options import ActivationFunctionType
from ..shapes import of_rank
from ._lstm import Arrays, Layout, Part, Settings, T, check_types
from ._lstm_integer import integer_cell

LAYOUT = Layout(weights=1, output_state=18, cell_state=19, norm=20)

_FUNCTIONS = {
    ActivationFunctionType.TANH: "tanh",
    ActivationFunctionType.RELU: "relu",
    ActivationFunctionType.RELU6: "relu6",
}
"""What the emitted kernels call a cell's function."""


@dataclass(frozen=True, eq=False)
class UnidirectionalSequenceLstm(Op):
    """x (b t i), or (t b i), and a full LSTM cell (20 inputs, 24 with layer normalization) -> (b t o), or (t b o).

    Float, float by 8-bit weights, or int8 with an int16 cell. Its two states live from call to call.
    """

    code: ClassVar[int] = 44
    known_versions: ClassVar[Versions] = Versions(4, reference=3)
    weights: ClassVar[tuple[Weights, ...]] = tuple(
        Weights(LAYOUT.weights + i, axis=0, bias=LAYOUT.bias(i) if i < 4 else None) for i in range(8)
    )

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    cell_clip: float = 0.0
    proj_clip: float = 0.0
    time_major: bool = False
    asymmetric_quantize_inputs: bool = False
    diagonal_recurrent_tensors: bool = False

    def _part(self, specs: Specs) -> Part:
        if len(specs.inputs) not in (20, 24):
            raise ModelError(f"expected 20 or 24 inputs, got {len(specs.inputs)}", "inputs")
        return Part(specs, LAYOUT, normalized=specs.optional(21) is not None, diagonal=True)

    @property
    def _settings(self) -> Settings:
        return Settings(self.fused_activation_function, self.cell_clip, self.proj_clip, self.asymmetric_quantize_inputs)

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        x = of_rank(specs.input(0), 3, "inputs[0]")
        part = self._part(specs)
        if part.sizes.input != x[2]:
            raise ModelError(f"expected weights of {x[2]} inputs, got {part.sizes.input}", "inputs[4]")
        return [(x[0], x[1], part.sizes.output)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        check_types(specs, T.FLOAT32, T.INT8)
        part, settings = self._part(specs), self._settings
        x = of_rank(specs.input(0), 3, "inputs[0]")
        integer = specs.input(0).type is T.INT8
        batch = x[1] if self.time_major else x[0]
        part.check(settings, batch, integer=integer)
        sizes = part.sizes
        macs = x[0] * x[1] * 4 * sizes.cells * (sizes.input + sizes.output)
        kernel = "lstm_float32" if part.kind is T.FLOAT32 else "lstm_dynamic"
        if integer:
            kernel = "lstm_int8"
            fixed = integer_cell(part, settings, together=self.time_major)

            def steps(x: AnyArray, arrays: Arrays, h: AnyArray, c: AnyArray) -> AnyArray:
                return lstm_integer(x, fixed, h, c)
        else:
            made = part.float_cell(settings)

            def steps(x: AnyArray, arrays: Arrays, h: AnyArray, c: AnyArray) -> AnyArray:
                return lstm(x, None, made(arrays), h, c, together=self.time_major)

        def run(*arrays: AnyArray) -> AnyArray:
            h, c = (arrays[i].reshape(batch, -1) for i in (LAYOUT.output_state, LAYOUT.cell_state))
            return self._time_first(steps(self._time_first(arrays[0]), arrays, h, c))

        compiled = partial(self._native, specs, fixed) if integer else partial(self._native_float, part)
        return Step(run, kernel, macs=macs, compiled=compiled, stateful=True, folds=False)

    def _native(self, specs: Specs, cell: Cell, target: Target) -> Compiled | str:
        first, second, _ = of_rank(specs.input(0), 3, "inputs[0]")
        steps, batch = (first, second) if self.time_major else (second, first)
        states = source(LAYOUT.output_state), source(LAYOUT.cell_state)
        return plan_lstm(
            target, steps, batch, cell, time_major=self.time_major, output_state=states[0], cell_state=states[1]
        )

    def _native_float(self, part: Part, target: Target) -> Compiled | str:
        specs, layout = part.specs, part.layout
        if part.kind is not T.FLOAT32 or part.peeps or part.projects or part.normalized:
            return "no native kernel for peepholes, layer normalization, projection or 8-bit weights"
        function = _FUNCTIONS.get(self.fused_activation_function)
        if function is None:
            return f"no native kernel for a cell's {self.fused_activation_function.name}"
        found: list[Any] = []
        for index in (layout.input_weights, layout.recurrent_weights, layout.bias):
            own = [specs.optional(index(gate)) for gate in range(4)]
            values = [None if spec is None else spec.value for spec in own]
            if any(value is None for value in values[1 if part.coupled else 0 :]):
                return "native kernels need constant weights and bias"
            if any(value is not None and value.ndim == 1 for value in values) and index == layout.recurrent_weights:
                return "no native kernel for diagonal weights"
            found.append(values)
        first, second, _ = of_rank(specs.input(0), 3, "inputs[0]")
        steps, batch = (first, second) if self.time_major else (second, first)
        states = source(layout.output_state), source(layout.cell_state)
        cell = float32.recurrent.Cell(found[0], found[1], found[2], function, self.cell_clip)
        return float32.recurrent.plan_lstm(
            target, steps, batch, cell, time_major=self.time_major, output_state=states[0], cell_state=states[1]
        )

    def _time_first(self, x: AnyArray) -> AnyArray:
        """(b t i) as (t b i), and back; a view."""
        return x if self.time_major else x.swapaxes(0, 1)

    def version(self, specs: Specs) -> int:
        if self.diagonal_recurrent_tensors:
            return 4
        if specs.input(0).type is T.FLOAT32 and specs.input(4).type is not T.FLOAT32:
            return 3 if self.asymmetric_quantize_inputs else 2
        return 1
