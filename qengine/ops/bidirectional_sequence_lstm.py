"""BIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.lstm import Cell, lstm
from ..model import Shape
from ..op import Graphs, Op, Specs, Step, Versions, Weights
from ..options import ActivationFunctionType
from ..shapes import of_rank
from ._lstm import Layout, Part, Settings, T, check_types
from ._operands import arity

FORTH = Layout(weights=1, output_state=35, cell_state=36, aux=40)
BACK = Layout(weights=18, output_state=37, cell_state=38, aux=44)
AUX = 39


RunCell = Callable[[AnyArray, AnyArray | None, Cell, AnyArray, AnyArray], AnyArray]
"""From x, the second input, the cell and its states, as `lstm` has them, to outputs."""


@dataclass(frozen=True, eq=False)
class BidirectionalSequenceLstm(Op):
    """x (b t i), or (t b i), two LSTM cells of 17 inputs each, one for each direction, their four states, a second
    input (b t k) with weights of its own for each cell, or none -> (b t o) and (b t o), or both as one (b t 2o).

    A second input without weights replaces x for the cell that goes back. Float, or float by 8-bit weights.
    """

    code: ClassVar[int] = 52
    known_versions: ClassVar[Versions] = Versions(3)
    weights: ClassVar[tuple[Weights, ...]] = tuple(
        Weights(cell.weights + i, axis=0, bias=cell.bias(i) if i < 4 else None)
        for cell in (FORTH, BACK)
        for i in range(8)
    )

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    cell_clip: float = 0.0
    proj_clip: float = 0.0
    merge_outputs: bool = False
    time_major: bool = True
    asymmetric_quantize_inputs: bool = False

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 48, 1 if self.merge_outputs else 2)
        first, second, width = of_rank(specs.input(0), 3, "inputs[0]")
        cells = [Part(specs, layout) for layout in (FORTH, BACK)]
        for cell in cells:
            if cell.sizes.input != width:
                at = f"inputs[{cell.layout.input_weights(3)}]"
                raise ModelError(f"expected weights of {width} inputs, got {cell.sizes.input}", at)
        outputs = [cell.sizes.output for cell in cells]
        return [(first, second, each) for each in ([sum(outputs)] if self.merge_outputs else outputs)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        check_types(specs, T.FLOAT32)
        first, second, _ = of_rank(specs.input(0), 3, "inputs[0]")
        settings = Settings(
            self.fused_activation_function, self.cell_clip, self.proj_clip, self.asymmetric_quantize_inputs
        )
        batch, cells = second if self.time_major else first, [Part(specs, layout) for layout in (FORTH, BACK)]
        for cell in cells:
            cell.check(settings, batch, integer=False)
        if cells[0].sizes != cells[1].sizes or cells[0].kind is not cells[1].kind:
            raise ModelError(f"expected two cells alike, got {cells[0].sizes} and {cells[1].sizes}", "inputs")
        crossed = self._check_aux(specs, cells)
        made = [cell.float_cell(settings) for cell in cells]
        run_cells = [self._run_cell(cell, batch) for cell in cells]

        def run(*arrays: AnyArray) -> AnyArray | tuple[AnyArray, ...]:
            x, aux = self._time_first(arrays[0]), arrays[AUX]
            beside = self._time_first(aux) if crossed else None
            behind = x if aux is None or crossed else self._time_first(aux)
            outputs = []
            for layout, cell, rows, turn, run_cell in zip(
                (FORTH, BACK), made, (x, behind), (1, -1), run_cells, strict=True
            ):
                h, c = (arrays[i].reshape(batch, -1) for i in (layout.output_state, layout.cell_state))
                extra = None if beside is None else beside[::turn]
                steps = run_cell(rows[::turn], extra, cell(arrays), h, c)
                outputs.append(self._time_first(steps[::turn]))
            return np.concatenate(outputs, axis=2) if self.merge_outputs else tuple(outputs)

        sizes = cells[0].sizes
        macs = 2 * first * second * 4 * sizes.cells * (sizes.input + sizes.output)
        kernel = "lstm_float32" if cells[0].kind is T.FLOAT32 else "lstm_dynamic"
        return Step(run, kernel, macs=macs, folds=False)

    def _run_cell(self, part: Part, batch: int) -> RunCell:
        if self.time_major or not self.merge_outputs or batch == 1:
            return partial(lstm, together=self.time_major)
        return Neighbours(batch, part.sizes.output, part.sizes.cells)

    def _check_aux(self, specs: Specs, cells: Sequence[Part]) -> bool:
        """Whether there are weights for a second input. ModelError where they, or it, don't fit."""
        aux, x = specs.optional(AUX), of_rank(specs.input(0), 3, "inputs[0]")
        crossed = specs.optional(FORTH.aux_weights(1)) is not None
        if aux is None:
            if crossed:
                raise ModelError("expected a second input, as there are weights for it", f"inputs[{AUX}]")
            return False
        shape = of_rank(aux, 3, f"inputs[{AUX}]")
        if aux.type is not T.FLOAT32 or shape[:2] != x[:2] or not (crossed or shape == x):
            raise ModelError(f"expected FLOAT32 like {list(x)}, got {aux.type.name}{list(shape)}", f"inputs[{AUX}]")
        for cell in cells:
            cell.check_aux(shape[2] if crossed else None)
        return crossed

    def _time_first(self, x: AnyArray) -> AnyArray:
        """(b t i) as (t b i), and back; a view."""
        return x if self.time_major else x.swapaxes(0, 1)

    def version(self, specs: Specs) -> int:
        if specs.input(4).type is T.FLOAT32:
            return 1
        return 3 if self.asymmetric_quantize_inputs else 2


class Neighbours:
    """Runs a cell as the runtime does a batch row by row where its outputs are merged with another's.

    There the runtime steps from one row's output state to the next by the merged width, past the end of the states:
    into the cells' state, which comes next in its memory (on a multiple of 64 bytes) where a model's variables are in
    the order of the node's inputs. What lies between them and after them is zero at first.
    """

    def __init__(self, batch: int, output: int, cells: int) -> None:
        self._cells_from = -(-batch * output // 16) * 16
        self._memory = np.zeros(self._cells_from + batch * max(2 * output, cells), np.float32)
        self._h = [self._memory[np.newaxis, row * 2 * output :][:, :output] for row in range(batch)]
        self._c = [self._memory[np.newaxis, self._cells_from + row * cells :][:, :cells] for row in range(batch)]

    def __call__(self, x: AnyArray, aux: AnyArray | None, cell: Cell, h: AnyArray, c: AnyArray) -> AnyArray:
        places = (self._memory[: h.size].reshape(h.shape), self._memory[self._cells_from :][: c.size].reshape(c.shape))
        for place, state in zip(places, (h, c), strict=True):
            place[...] = state
        rows = []
        for row, states in enumerate(zip(self._h, self._c, strict=True)):
            at = slice(row, row + 1)
            rows.append(lstm(x[:, at], None if aux is None else aux[:, at], cell, *states, together=False))
        for place, state in zip(places, (h, c), strict=True):
            state[...] = place
        return np.concatenate(rows, axis=1)
