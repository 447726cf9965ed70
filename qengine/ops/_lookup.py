"""Functions of one number of 8 or 16 bits as look-ups: the reference itself fills the table, whatever the operator.

Operators with a kernel of their own don't need it; all others get it for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..errors import ModelError
from ..kernels import emit
from ..kernels.arrays import AnyArray
from ..kernels.emit.plan import Compiled
from ..kernels.emit.target import Target
from ..model import TensorType
from ..op import Spec, Specs, Step

T = TensorType
INDICES = (T.INT8, T.UINT8, T.INT16)


def with_lookup(step: Step, specs: Specs, block: int) -> Step:
    """The step with a look-up where it has no kernel of its own.

    It must compute each element of its output from those of its inputs at that place, or from them and whether they lie
    in one of the first whole blocks of `block` elements.
    """
    computed = [i for i, spec in enumerate(specs.inputs) if spec is None or spec.value is None or spec.size != 1]
    if len(computed) != 1:
        return step
    at, output, own = computed[0], specs.output(), step.compiled
    x = specs.input(at)
    if x.value is not None or x.type not in INDICES or output.type.dtype.hasobject or output.shape is None:
        return step

    def compiled(target: Target) -> Compiled | str:
        kernel = "" if own is None else own(target)
        if isinstance(kernel, Compiled):
            return kernel
        try:
            parts = _parts(step, specs, at, block)
        except (ModelError, RuntimeError) as error:
            return f"no table, for some numbers are refused ({error})"
        return emit.lookup.plan_lookup(target, [(size, _stored(table, output)) for size, table in parts], at)

    return replace(step, compiled=compiled)


def _parts(step: Step, specs: Specs, at: int, block: int) -> Sequence[tuple[int, AnyArray]]:
    """How many elements go through which table: those of whole blocks, and the rest."""
    size = specs.output().size
    every = every_number(specs.input(at))
    if block == 1:
        return [(size, _applied(step, specs, at, every))]
    tables = []
    if whole := size // block * block:
        tables.append((whole, _applied(step, specs, at, every)))
    if size > whole:  # fewer than a block at a time
        pieces = np.array_split(every, -(-len(every) // (block - 1)))
        rest = np.concatenate([_applied(step, specs, at, piece) for piece in pieces])
        tables.append((size - whole, rest))
    return tables


def every_number(x: Spec) -> AnyArray:
    """Every number of a type, in the order of its bits as they are stored (INT8 as value + 128)."""
    if x.type is T.INT16:
        return np.arange(1 << 16, dtype=np.uint16).view(np.int16)
    stored = np.arange(256, dtype=np.uint8)
    return (stored ^ np.uint8(0x80)).view(np.int8) if x.type is T.INT8 else stored


def _applied(step: Step, specs: Specs, at: int, values: AnyArray) -> AnyArray:
    arguments = [values if i == at or spec is None else spec.value for i, spec in enumerate(specs.inputs)]
    with np.errstate(all="ignore"):
        result = step.run(*arguments)
    assert not isinstance(result, tuple)
    return result.reshape(len(values))


def _stored(table: AnyArray, output: Spec) -> AnyArray:
    return table.view(np.uint8) ^ np.uint8(0x80) if output.type is T.INT8 else table
