"""REVERSE_SEQUENCE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.movement import reverse_sequence
from ..model import Shape, TensorType
from ..op import Array, Graphs, LikeInput, Op, Rule, Specs, Step
from ..shapes import known, of_rank
from ._operands import INDICES, arity, of_type, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class ReverseSequence(Op):
    """x, lengths (batch) -> x with the first lengths[b] elements along `seq_dim` backwards, b along `batch_dim`."""

    code: ClassVar[int] = 112
    rule: ClassVar[Rule] = LikeInput()

    seq_dim: int = 0
    batch_dim: int = 0

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 2)
        x, lengths = specs.input(0), specs.input(1)
        of_type(x, (T.FLOAT32, T.UINT8, T.INT16, T.INT32, T.INT64), "inputs[0]")
        of_type(lengths, INDICES, "inputs[1]")
        same_type(specs.output(), x, "outputs[0]")
        shape, (batches,) = known(x), of_rank(lengths, 1, "inputs[1]")
        sequence, batch = self.seq_dim, self.batch_dim
        if not (0 <= sequence < len(shape) and 0 <= batch < len(shape) and sequence != batch):
            raise ModelError(f"expected two dimensions of {len(shape)}, got {sequence} and {batch}")
        if shape[batch] != batches:
            raise ModelError(f"expected {shape[batch]} lengths, got {batches}", "inputs[1]")
        return [shape]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        longest = known(specs.input(0))[self.seq_dim]

        def run(x: Array, lengths: Array) -> Array:
            if (lengths > longest).any():
                raise ModelError(f"expected lengths up to {longest}, got {int(lengths.max())}", "inputs[1]")
            return reverse_sequence(x, lengths, self.seq_dim, self.batch_dim)

        return Step(run)
