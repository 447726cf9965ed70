"""STABLEHLO_RNG_BIT_GENERATOR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.random_bits import counting, philox, threefry
from ..memory import room
from ..model import Shape, TensorType
from ..op import Graphs, Op, Rule, Specs, Step, Unquantized
from ..options import RngAlgorithm
from ..shapes import known, of_rank
from ._operands import arity, of_type

T = TensorType


@dataclass(frozen=True, eq=False)
class StablehloRngBitGenerator(Op):
    """state (uint64, 2; with Philox 2 or 3) -> the state afterwards, random integers of the shape that the file says.

    Its words are the key's two, then the counter's; of two, the counter's upper two are the key again.
    """

    code: ClassVar[int] = 204
    rule: ClassVar[Rule] = Unquantized()

    algorithm: RngAlgorithm = RngAlgorithm.DEFAULT

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 1, 2)
        state, after, output = specs.input(0), specs.output(0), specs.output(1)
        of_type(state, (T.UINT64,), "inputs[0]")
        of_type(after, (T.UINT64,), "outputs[0]")
        of_type(output, (T.INT32, T.INT64, T.UINT32, T.UINT64), "outputs[1]")
        of_rank(state, 1, "inputs[0]")
        if after.shape != known(state):
            raise ModelError(f"expected shape {list(known(state))}, got {list(after.shape or ())}", "outputs[0]")
        return [known(state), known(output)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        shape, dtype = known(specs.output(1)), specs.output(1).type.dtype
        lengths = (2,) if self.algorithm is RngAlgorithm.THREEFRY else (2, 3)

        def run(state: AnyArray) -> tuple[AnyArray, AnyArray]:
            if len(state) not in lengths:
                raise ModelError(f"expected {' or '.join(map(str, lengths))} numbers, got {len(state)}", "inputs[0]")
            room(shape, dtype)
            count = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize // 4
            after = state.copy()
            output: AnyArray = self._words(after, count).view(dtype).reshape(shape)
            return after, output

        return Step(run)

    def _words(self, state: AnyArray, count: int) -> AnyArray:
        """So many random words; moves the state on."""
        key = [int(word) for word in state[:1].view(np.uint32)]
        counter, width = int(state[1]), 2 if self.algorithm is RngAlgorithm.THREEFRY else 4
        blocks = -(-count // width)
        counters = counting(counter, blocks, 2)
        if width == 4:
            upper = state[2 if len(state) == 3 else 0 :][:1].view(np.uint32)
            counters = np.concatenate([counters, np.broadcast_to(upper, (blocks, 2))], axis=1)
        state[1] = (counter + blocks) % 2**64
        words = threefry(counters, key) if width == 2 else philox(counters, key)
        return words.reshape(-1)[:count]
