"""What operators ask of their operands: how many, of which type, quantized alike, and known before a model runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from ..errors import ModelError
from ..model import TensorType
from ..op import Array, Spec, Specs

T = TensorType
INDICES = (T.INT32, T.INT64)
NUMBERS = (T.FLOAT32, T.INT8, T.UINT8, T.INT16, T.INT32, T.INT64)


def arity(specs: Specs, inputs: int | tuple[int, int], outputs: int = 1) -> None:
    """Refuses a node with another number of inputs (or outside low..high) or of outputs."""
    low, high = (inputs, inputs) if isinstance(inputs, int) else inputs
    if not low <= len(specs.inputs) <= high:
        wanted = str(low) if low == high else f"{low} to {high}"
        raise ModelError(f"expected {wanted} inputs, got {len(specs.inputs)}", "inputs")
    if len(specs.outputs) != outputs:
        raise ModelError(f"expected {outputs} outputs, got {len(specs.outputs)}", "outputs")


def of_type(spec: Spec, allowed: Collection[TensorType], where: str) -> None:
    """Refuses an operand of a type outside `allowed`."""
    if spec.type not in allowed:
        raise ModelError(f"expected {' or '.join(t.name for t in allowed)}, got {spec.type.name}", where)


def same_type(spec: Spec, like: Spec, where: str) -> None:
    """Refuses an operand whose type isn't that of another."""
    if spec.type is not like.type:
        raise ModelError(f"expected {like.type.name}, got {spec.type.name}", where)


def whole(spec: Spec) -> tuple[np.float32, int]:
    """Scale and zero point as the runtime's kernels see a tensor: 0 and 0 where it isn't quantized as a whole."""
    q = spec.quantization
    if q is None or q.scale is None or q.zero_point is None or len(q.scale) != 1 or len(q.zero_point) != 1:
        return np.float32(0), 0
    return np.float32(q.scale[0]), int(q.zero_point[0])


def same_scale(spec: Spec, like: Spec, where: str) -> None:
    """Refuses an operand whose scale and zero point aren't those of another."""
    got, wanted = whole(spec), whole(like)
    if got != wanted:
        raise ModelError(
            f"expected scale {wanted[0]} and zero point {wanted[1]}, got {got[0]} and {got[1]}",
            where,
        )


def one_of(values: Array, where: str) -> int:
    """The number of an operand that must hold exactly one."""
    if values.size != 1:
        raise ModelError(f"expected one number, got {values.size}", where)
    return int(values.reshape(-1)[0])


def integers(values: Array) -> tuple[int, ...]:
    """All numbers of an operand, in order."""
    return tuple(int(value) for value in values.reshape(-1))


def oldest(spec: Spec, versions: Mapping[TensorType, int], otherwise: int = 1) -> int:
    """The version that first knew this type."""
    return versions.get(spec.type, otherwise)
