"""What the operators of plain recurrent cells share: where a cell's tensors stand, their shapes and types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import ModelError, Unsupported
from ..kernels.arrays import AnyArray
from ..kernels.reference.matrices import Matrix
from ..kernels.reference.rnn import Cell
from ..model import Shape, TensorType
from ..op import Specs
from ..options import ActivationFunctionType
from ..shapes import known, of_rank
from ._recurrent import activation, check_variable, matrix_of

T = TensorType


@dataclass(frozen=True)
class Part:
    """The inputs of a node that are one cell: where its input weights stand, followed by its recurrent weights, bias
    and state; where the weights of an auxiliary input stand, if there are any."""

    specs: Specs
    first: int
    aux: int | None = None

    @property
    def units(self) -> int:
        return of_rank(self.specs.input(self.first), 2, f"inputs[{self.first}]")[0]

    def check(self, batch: int, width: int) -> None:
        """ModelError where a tensor's shape or type doesn't fit the cell."""
        if self.specs.input(0).type is not T.FLOAT32 or any(s.type is not T.FLOAT32 for s in self.specs.outputs):
            raise ModelError(f"expected FLOAT32 in and out, got {self.specs.input(0).type.name}", "inputs[0]")
        kind, units = self.specs.input(self.first).type, self.units
        if kind not in (T.FLOAT32, T.INT8, T.UINT8):
            raise Unsupported(f"weights of type {kind.name}", f"inputs[{self.first}]")
        self._require(self.first, (units, width), kind)
        self._require(self.first + 1, (units, units), kind)
        self._require(self.first + 2, (units,), T.FLOAT32)
        self._require(self.first + 3, (batch, units), T.FLOAT32)
        check_variable(self.specs.input(self.first + 3), f"inputs[{self.first + 3}]")

    def check_aux(self, width: int) -> None:
        assert self.aux is not None
        self._require(self.aux, (self.units, width), self.specs.input(self.first).type)

    def _require(self, index: int, shape: Shape, kind: TensorType) -> None:
        spec = self.specs.input(index)
        if known(spec) != shape or spec.type is not kind:
            raise ModelError(
                f"expected {kind.name}{list(shape)}, got {spec.type.name}{list(known(spec))}", f"inputs[{index}]"
            )

    def cell(self, fused: ActivationFunctionType, *, asymmetric: bool) -> Callable[[Sequence[AnyArray]], Cell]:
        """Makes a Cell of a node's input arrays, once where all weights are constants."""
        used = [self.first, self.first + 1, self.first + 2, *([] if self.aux is None else [self.aux])]

        def made(arrays: dict[int, AnyArray]) -> Cell:
            def matrix(index: int) -> Matrix:
                return matrix_of(arrays[index], self.specs.input(index), f"inputs[{index}]", asymmetric=asymmetric)

            aux = None if self.aux is None else matrix(self.aux)
            return Cell(matrix(self.first), matrix(self.first + 1), arrays[self.first + 2], activation(fused), aux)

        values = {index: self.specs.input(index).value for index in used}
        constants = {index: value for index, value in values.items() if value is not None}
        if len(constants) == len(used):
            fixed = made(constants)
            return lambda _: fixed
        return lambda arrays: made({index: arrays[index] for index in used})


def version_of(kind: TensorType, *, asymmetric: bool) -> int:
    """The version of these operators that knows such weights."""
    if kind is T.FLOAT32:
        return 1
    return 3 if asymmetric else 2


def macs_of(cells: Sequence[tuple[int, int]]) -> int:
    """Multiply-accumulates of one step of cells of such (units, inputs)."""
    return sum(units * (units + width) for units, width in cells)
