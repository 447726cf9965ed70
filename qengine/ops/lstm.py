"""LSTM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.lstm import lstm
from ..kernels.reference.lstm_integer import lstm_integer
from ..kernels.reference.lstm_narrow import lstm_narrow
from ..model import Shape
from ..op import Graphs, Op, Specs, Step, Versions
from ..options import ActivationFunctionType, LSTMKernelType
from ..shapes import of_rank
from ._lstm import Arrays, Layout, Part, Settings, T, check_types
from ._lstm_basic import infer_basic, plan_basic
from ._lstm_integer import integer_cell
from ._lstm_narrow import narrow_cell

Compute = Callable[[Arrays, AnyArray, AnyArray], AnyArray]
"""From a node's inputs and its two states (b o) and (b c), which it updates, to (b o)."""
LAYOUT = Layout(weights=1, output_state=18, cell_state=19, norm=20)


@dataclass(frozen=True, eq=False)
class Lstm(Op):
    """x (b i) and a full LSTM cell (20 inputs, 24 with layer normalization) -> (b o): one step a call.

    Float, float by 8-bit weights, or int8 with an int16 cell. Its two states live from call to call. The basic kernel
    is another operator: see `_lstm_basic`.
    """

    code: ClassVar[int] = 16
    known_versions: ClassVar[Versions] = Versions(4)

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    cell_clip: float = 0.0
    proj_clip: float = 0.0
    kernel_type: LSTMKernelType = LSTMKernelType.FULL
    asymmetric_quantize_inputs: bool = False

    @property
    def _settings(self) -> Settings:
        return Settings(self.fused_activation_function, self.cell_clip, self.proj_clip, self.asymmetric_quantize_inputs)

    def _part(self, specs: Specs) -> Part:
        if len(specs.inputs) not in (20, 24):
            raise ModelError(f"expected 20 or 24 inputs, got {len(specs.inputs)}", "inputs")
        return Part(specs, LAYOUT, normalized=specs.optional(21) is not None)

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        if self.kernel_type is LSTMKernelType.BASIC:
            return infer_basic(specs)
        batch, width = of_rank(specs.input(0), 2, "inputs[0]")
        part = self._part(specs)
        if part.sizes.input != width:
            raise ModelError(f"expected weights of {width} inputs, got {part.sizes.input}", "inputs[4]")
        return [(batch, part.sizes.output)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        if self.kernel_type is LSTMKernelType.BASIC:
            return plan_basic(specs)
        check_types(specs, T.FLOAT32, T.INT8)
        part, settings = self._part(specs), self._settings
        batch, integer = of_rank(specs.input(0), 2, "inputs[0]")[0], specs.input(0).type is T.INT8
        part.check(settings, batch, integer=integer)
        macs = batch * 4 * part.sizes.cells * (part.sizes.input + part.sizes.output)
        kernel, compute = self._integer(part) if integer else self._float(part)

        def run(*arrays: AnyArray) -> AnyArray:
            h, c = (arrays[i].reshape(batch, -1) for i in (LAYOUT.output_state, LAYOUT.cell_state))
            return compute(arrays, h, c).reshape(h.shape)

        return Step(run, kernel, macs=macs, folds=False)

    def _float(self, part: Part) -> tuple[str, Compute]:
        made = part.float_cell(self._settings)

        def compute(arrays: Arrays, h: AnyArray, c: AnyArray) -> AnyArray:
            return lstm(_first(arrays)[None], None, made(arrays), h, c, together=True)

        return "lstm_float32" if part.kind is T.FLOAT32 else "lstm_dynamic", compute

    def _integer(self, part: Part) -> tuple[str, Compute]:
        """8x8_16 or 8x8_8, told apart by the number of intermediates."""
        if len(part.specs.intermediates) == 12:
            narrow = narrow_cell(part, self._settings)
            return "lstm_int8_narrow", lambda arrays, h, c: lstm_narrow(_first(arrays), narrow, h, c)
        cell = integer_cell(part, self._settings, together=True)
        return "lstm_int8", lambda arrays, h, c: lstm_integer(_first(arrays)[None], cell, h, c)

    def version(self, specs: Specs) -> int:
        if self.kernel_type is LSTMKernelType.BASIC:
            return 2
        if specs.input(0).type is T.FLOAT32 and specs.input(4).type is not T.FLOAT32:
            return 4 if self.asymmetric_quantize_inputs else 3
        return 1


def _first(arrays: Arrays) -> AnyArray:
    x = arrays[0]
    assert x is not None
    return x
