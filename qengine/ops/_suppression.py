"""What NON_MAX_SUPPRESSION_V4 and V5 share: operands, and the choice of boxes."""

from __future__ import annotations

import numpy as np

from ..errors import ModelError
from ..kernels.reference.suppression import suppress
from ..memory import room
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Specs
from ..shapes import known, of_rank
from ._operands import arity, of_type, one_of

T = TensorType


def infer(specs: Specs, inputs: int, outputs: int) -> list[Shape] | Dynamic:
    """boxes (n, 4), scores (n), limit (), overlap (), lowest score () [, sigma ()] -> what is chosen, (limit) each."""
    arity(specs, inputs, outputs)
    types = (T.FLOAT32, T.FLOAT32, T.INT32, T.FLOAT32, T.FLOAT32, T.FLOAT32)
    for i, (type_, rank) in enumerate(zip(types[:inputs], (2, 1, 0, 0, 0, 0), strict=False)):
        of_type(specs.input(i), (type_,), f"inputs[{i}]")
        of_rank(specs.input(i), rank, f"inputs[{i}]")
    boxes, scores, limit = specs.input(0), specs.input(1), specs.input(2)
    if known(boxes) != (*known(scores), 4):
        raise ModelError(f"expected shape {[*known(scores), 4]}, got {list(known(boxes))}", "inputs[0]")
    for i, output in enumerate(specs.outputs):
        of_type(output, (T.FLOAT32,) if outputs == 3 and i == 1 else (T.INT32,), f"outputs[{i}]")
    if limit.value is None:
        return DYNAMIC
    return [(_limit(limit.value),)] * (outputs - 1) + [()]


def _limit(limit: Array) -> int:
    count = one_of(limit, "inputs[2]")
    if count < 0:
        raise ModelError(f"expected a limit from 0, got {count}", "inputs[2]")
    return count


def choose(
    boxes: Array, scores: Array, limit: Array, overlap: Array, lowest: Array, sigma: Array
) -> tuple[Array, Array, Array]:
    """The boxes chosen and their scores, both filled up to the limit with 0, and how many they are."""
    if sigma < 0:
        raise ModelError(f"expected a sigma from 0, got {sigma}", "inputs[5]")
    (count,) = room((_limit(limit),), np.float32)
    found, kept = suppress(boxes, scores, count, np.float32(overlap), np.float32(lowest), np.float32(sigma))
    fill = (0, count - len(found))
    return np.pad(found, fill), np.pad(kept, fill), np.array(len(found), np.int32)
