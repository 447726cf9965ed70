"""A plain recurrent cell: function(x W_x + aux W_aux + h W_h + bias) is the output and the next state h.

Axes: t time, b batch, i input, u unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arrays import AnyArray, Float32Array
from .matrices import Matrix


@dataclass(frozen=True, eq=False)
class Cell:
    """Its weights: bias (u,)."""

    input: Matrix
    recurrent: Matrix
    bias: Float32Array
    function: Callable[[AnyArray], AnyArray]
    aux: Matrix | None = None


def rnn(x: Float32Array, aux: Float32Array | None, cell: Cell, h: Float32Array) -> Float32Array:
    """x (t, b, i), aux (t, b, k) or None, state h (b, u), updated in place -> outputs (t, b, u)."""
    totals = cell.bias + cell.input.of(x)
    if aux is not None and cell.aux is not None:
        totals = totals + cell.aux.of(aux)
    outputs: Float32Array = np.empty(totals.shape, np.float32)
    for step, total in enumerate(totals):
        h[...] = cell.function(total + cell.recurrent.of(h))
        outputs[step] = h
    return outputs
