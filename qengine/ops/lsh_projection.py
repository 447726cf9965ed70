"""LSH_PROJECTION."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.fingerprint import fingerprint64
from ..model import Shape, TensorType
from ..op import Array, Graphs, Op, Rule, Specs, Step, Unquantized
from ..options import LSHProjectionType
from ..shapes import known, of_rank
from ._operands import arity, of_type

T = TensorType


@dataclass(frozen=True, eq=False)
class LshProjection(Op):
    """seeds (hashes bits), x (n ..) [, weights (n)] -> signs of weighed sums of fingerprints of a seed and a row.

    DENSE: one bit each, (hashes * bits). SPARSE: the bits of a hash as a number, after those of the hashes before it,
    (hashes). A row's bytes are hashed; sums are in float64.
    """

    code: ClassVar[int] = 15
    rule: ClassVar[Rule] = Unquantized()

    type: LSHProjectionType = LSHProjectionType.UNKNOWN

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, (2, 3))
        seeds, x, weights = specs.input(0), specs.input(1), specs.optional(2)
        of_type(seeds, (T.FLOAT32,), "inputs[0]")
        of_type(specs.output(), (T.INT32,), "outputs[0]")
        hashes, bits = of_rank(seeds, 2, "inputs[0]")
        if bits > 32:
            raise ModelError(f"expected at most 32 bits, got {bits}", "inputs[0]")
        if x.type.dtype.hasobject or x.type.bits < 8:
            raise ModelError(f"expected numbers of whole bytes, got {x.type.name}", "inputs[1]")
        if not known(x) or known(x)[0] < 1:
            raise ModelError(f"expected rows, got shape {list(known(x))}", "inputs[1]")
        if weights is not None:
            of_type(weights, (T.FLOAT32,), "inputs[2]")
            if known(weights) != known(x)[:1]:
                raise ModelError(f"expected {known(x)[0]} weights, got shape {list(known(weights))}", "inputs[2]")
        if self.type is LSHProjectionType.SPARSE:
            return [(hashes,)]
        if self.type is LSHProjectionType.DENSE:
            return [(hashes * bits,)]
        raise ModelError(f"expected a projection DENSE or SPARSE, got {self.type.name}")

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(seeds: Array, x: Array, weights: Array | None = None) -> Array:
            signs = np.array([_sign(seed, x, weights) for seed in seeds.reshape(-1)], np.int64)
            if self.type is LSHProjectionType.DENSE:
                return signs.astype(np.int32)
            bits = seeds.shape[1]
            places = np.int64(1) << np.arange(bits - 1, -1, -1)
            before = np.arange(len(seeds)) * (1 << (bits & 31))
            # The sum wraps in 32 bits, and 1 << 32 is 1 there.
            numbers: Array = signs.reshape(seeds.shape) @ places + before
            return numbers.astype(np.int32)

        return Step(run)


def _sign(seed: Array, x: Array, weights: Array | None) -> bool:
    rows = np.ascontiguousarray(x).reshape(len(x), -1).view(np.uint8).reshape(len(x), -1)
    key = np.frombuffer(np.float32(seed).tobytes(), np.uint8)
    values = fingerprint64(np.concatenate([np.broadcast_to(key, (len(x), 4)), rows], axis=1))
    scores = values.view(np.int64).astype(np.float64)
    if weights is not None:
        scores = scores * weights
    return bool(np.add.accumulate(scores)[-1] > 0)
