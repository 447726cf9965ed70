"""What the operators that are a full LSTM cell share: where its tensors stand, their shapes and types, its three kinds.

A cell has the gates input, forget, cell and output, in this order; without weights for the input gate (CIFG) the
forget gate says both. Peephole weights, a projection and layer normalization are there or not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ModelError, Unsupported
from ..kernels.arrays import AnyArray
from ..kernels.reference.lstm import Cell, Gate
from ..kernels.reference.matrices import Matrix
from ..model import Shape, TensorType
from ..op import Specs
from ..options import ActivationFunctionType
from ..scales import scale_of
from ..shapes import known, of_rank, volume
from ._recurrent import activation, check_variable, matrix_of

T = TensorType
GATES = ("input", "forget", "cell", "output")
Arrays = Sequence[AnyArray | None]


@dataclass(frozen=True)
class Settings:
    """The options of a cell, by the schema's names."""

    fused: ActivationFunctionType
    cell_clip: float
    projection_clip: float
    asymmetric: bool = False


@dataclass(frozen=True)
class Layout:
    """The inputs of a node that are one cell: `weights` begins its four input weights, four recurrent weights, three
    peephole weights, four biases, projection and projection bias. norm and aux begin four tensors each."""

    weights: int
    output_state: int
    cell_state: int
    norm: int | None = None
    aux: int | None = None

    def input_weights(self, gate: int) -> int:
        return self.weights + gate

    def recurrent_weights(self, gate: int) -> int:
        return self.weights + 4 + gate

    def peephole(self, gate: int) -> int | None:
        """The cell gate has none."""
        return {0: self.weights + 8, 1: self.weights + 9, 3: self.weights + 10}.get(gate)

    def bias(self, gate: int) -> int:
        return self.weights + 11 + gate

    def aux_weights(self, gate: int) -> int:
        assert self.aux is not None
        return self.aux + gate

    @property
    def projection(self) -> int:
        return self.weights + 15

    @property
    def projection_bias(self) -> int:
        return self.weights + 16


@dataclass(frozen=True)
class Sizes:
    input: int
    cells: int
    output: int


class Part:
    """One cell of a node: its layout, which of its parts are there, and how large they are."""

    def __init__(self, specs: Specs, layout: Layout, *, normalized: bool = False, diagonal: bool = False) -> None:
        """diagonal: whether recurrent weights may be vectors."""
        self.specs, self.layout, self.diagonal = specs, layout, diagonal
        self.coupled = specs.optional(layout.input_weights(0)) is None
        self.peeps = specs.optional(layout.weights + 10) is not None
        self.projects = specs.optional(layout.projection) is not None
        self.normalized = normalized
        self.gates = range(1 if self.coupled else 0, 4)
        cells, width = of_rank(specs.input(layout.input_weights(3)), 2, f"inputs[{layout.input_weights(3)}]")
        recurrent = known(specs.input(layout.recurrent_weights(3)))
        self.sizes = Sizes(width, cells, recurrent[-1] if recurrent else 0)
        self.kind = specs.input(layout.input_weights(3)).type

    def check(self, settings: Settings, batch: int, *, integer: bool) -> None:
        """ModelError where a tensor's shape or type doesn't fit the cell."""
        if not (settings.cell_clip >= 0 and settings.projection_clip >= 0):
            raise ModelError(
                f"expected clips of 0 or more, got {settings.cell_clip} and {settings.projection_clip}",
                "builtin_options",
            )
        layout, cells, output = self.layout, self.sizes.cells, self.sizes.output
        wide = T.INT16 if integer else self.kind
        of_bias = T.INT32 if integer else T.FLOAT32
        for gate in self.gates:
            self._require(layout.input_weights(gate), (cells, self.sizes.input), self.kind)
            self._check_recurrent(layout.recurrent_weights(gate))
            self._require(layout.bias(gate), (cells,), of_bias)
            peephole = layout.peephole(gate)
            if self.peeps and peephole is not None:
                self._require(peephole, (cells,), wide)
            if self.normalized:
                assert layout.norm is not None
                self._require(layout.norm + gate, (cells,), T.INT16 if integer else T.FLOAT32)
        if self.coupled:
            self._forbid(layout.recurrent_weights(0), "input gate weights")
            self._forbid(layout.bias(0), "input gate weights")
        if not self.peeps:
            for gate in (0, 1):
                self._forbid(layout.weights + 8 + gate, "peephole weights of the output gate")
        if self.projects:
            self._require(layout.projection, (output, cells), self.kind)
            if self.specs.optional(layout.projection_bias) is not None:
                self._require(layout.projection_bias, (output,), of_bias)
        else:
            self._forbid(layout.projection_bias, "a projection")
            if output != cells:
                raise ModelError(f"expected as many outputs as cells without a projection, got {output}", "inputs")
        self._check_states(batch, integer=integer)

    def check_aux(self, width: int | None) -> None:
        """ModelError where the weights of a second input (.., width) don't fit, or, for None, are there."""
        for gate in range(4):
            index = self.layout.aux_weights(gate)
            if width is None:
                self._forbid(index, "such weights of the other gates")
            elif gate in self.gates:
                self._require(index, (self.sizes.cells, width), self.kind)

    def _check_states(self, batch: int, *, integer: bool) -> None:
        states = [
            (self.layout.output_state, self.sizes.output, T.INT8 if integer else T.FLOAT32),
            (self.layout.cell_state, self.sizes.cells, T.INT16 if integer else T.FLOAT32),
        ]
        for index, width, kind in states:
            spec = self.specs.input(index)
            check_variable(spec, f"inputs[{index}]")
            if volume(known(spec)) != batch * width or spec.type is not kind:
                raise ModelError(
                    f"expected {kind.name}[{batch}, {width}], got {spec.type.name}{list(known(spec))}",
                    f"inputs[{index}]",
                )

    def _require(self, index: int, shape: Shape, kind: TensorType) -> None:
        spec = self.specs.input(index)
        if known(spec) != shape or spec.type is not kind:
            raise ModelError(
                f"expected {kind.name}{list(shape)}, got {spec.type.name}{list(known(spec))}", f"inputs[{index}]"
            )

    def _check_recurrent(self, index: int) -> None:
        spec = self.specs.input(index)
        if self.diagonal and len(known(spec)) == 1:
            self._require(index, (self.sizes.cells,), T.FLOAT32)
        else:
            self._require(index, (self.sizes.cells, self.sizes.output), self.kind)

    def _forbid(self, index: int, without: str) -> None:
        if self.specs.optional(index) is not None:
            raise ModelError(f"expected no tensor without {without}, got one", f"inputs[{index}]")

    # --- float cells, also with weights of 8 bits

    def float_cell(self, settings: Settings) -> Callable[[Arrays], Cell]:
        """Makes a Cell of a node's input arrays, once where all weights are constants."""
        if self.kind not in (T.FLOAT32, T.INT8, T.UINT8):
            raise Unsupported(f"weights of type {self.kind.name}", f"inputs[{self.layout.input_weights(3)}]")
        layout = self.layout
        used = [layout.input_weights(0), *range(layout.weights + 1, layout.weights + 17)]
        for start in (layout.norm, layout.aux):
            used += [] if start is None else list(range(start, start + 4))
        specs = [(i, self.specs.optional(i)) for i in used]
        if all(spec is None or spec.value is not None for _, spec in specs):
            arrays: dict[int, AnyArray | None] = {i: None if spec is None else spec.value for i, spec in specs}
            fixed = self._cell(arrays, settings)
            return lambda _: fixed
        return lambda arrays: self._cell(dict(enumerate(arrays)), settings)

    def _cell(self, arrays: dict[int, AnyArray | None], settings: Settings) -> Cell:
        gates = [self._gate(gate, arrays, settings) if gate in self.gates else None for gate in range(4)]
        forget, update, output = gates[1:]
        assert forget is not None
        assert update is not None
        assert output is not None
        projection = self._matrix(self.layout.projection, arrays, settings) if self.projects else None
        return Cell(
            gates[0],
            forget,
            update,
            output,
            None if settings.fused is ActivationFunctionType.NONE else activation(settings.fused),
            projection,
            arrays.get(self.layout.projection_bias),
            settings.cell_clip,
            settings.projection_clip,
        )

    def _gate(self, gate: int, arrays: dict[int, AnyArray | None], settings: Settings) -> Gate:
        layout = self.layout
        peephole = layout.peephole(gate)
        aux = None if layout.aux is None else layout.aux_weights(gate)
        norm = layout.norm + gate if self.normalized and layout.norm is not None else None
        return Gate(
            self._matrix(layout.input_weights(gate), arrays, settings),
            self._matrix(layout.recurrent_weights(gate), arrays, settings),
            _there(arrays[layout.bias(gate)]),
            None if aux is None or arrays.get(aux) is None else self._matrix(aux, arrays, settings),
            self._real(peephole, arrays) if self.peeps and peephole is not None else None,
            None if norm is None else arrays[norm],
        )

    def _matrix(self, index: int, arrays: dict[int, AnyArray | None], settings: Settings) -> Matrix:
        return matrix_of(
            _there(arrays[index]), self.specs.input(index), f"inputs[{index}]", asymmetric=settings.asymmetric
        )

    def _real(self, index: int, arrays: dict[int, AnyArray | None]) -> AnyArray:
        """A vector of real weights."""
        array, spec = _there(arrays[index]), self.specs.input(index)
        if spec.type is T.FLOAT32:
            return array
        return array.view(np.int8).astype(np.float32) * scale_of(spec, f"inputs[{index}]")


def _there(array: AnyArray | None) -> AnyArray:
    assert array is not None
    return array


def check_types(specs: Specs, *kinds: TensorType) -> None:
    """Whether the first input and every output are of one of these types, the same."""
    found: list[Any] = [specs.input(0).type, *(output.type for output in specs.outputs)]
    if found[0] not in kinds or any(kind is not found[0] for kind in found):
        names = " or ".join(kind.name for kind in kinds)
        raise Unsupported(f"expected {names} in and out, got {', '.join(kind.name for kind in found)}", "inputs[0]")
