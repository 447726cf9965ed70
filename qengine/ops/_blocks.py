"""What SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND share: operands, and their types."""

from __future__ import annotations

from ..errors import ModelError
from ..model import Shape, TensorType
from ..op import Array, Spec, Specs
from ..shapes import known, of_rank
from ._operands import arity, of_type, oldest, same_scale, same_type, whole

T = TensorType


def operands(specs: Specs) -> tuple[Shape, Spec, Spec]:
    """Shape of x (n spatial.. c), blocks (spatial), edges (spatial, 2). ModelError where they don't fit each other."""
    arity(specs, 3)
    x, blocks, edges = specs.input(0), specs.input(1), specs.input(2)
    shape = known(x)
    same_type(specs.output(), x, "outputs[0]")
    if x.type.dtype.hasobject or x.type.bits not in (8, 16, 32, 64):
        raise ModelError(f"expected numbers of 8 to 64 bits, got {x.type.name}", "inputs[0]")
    if not 3 <= len(shape) <= 4:
        raise ModelError(f"expected 3 or 4 dimensions, got shape {list(shape)}", "inputs[0]")
    spatial = len(shape) - 2
    of_type(blocks, (T.INT32,), "inputs[1]")
    of_type(edges, (T.INT32,), "inputs[2]")
    if of_rank(blocks, 1, "inputs[1]") != (spatial,):
        raise ModelError(f"expected {spatial} blocks, got {known(blocks)[0]}", "inputs[1]")
    if of_rank(edges, 2, "inputs[2]") != (spatial, 2):
        raise ModelError(f"expected shape [{spatial}, 2], got {list(known(edges))}", "inputs[2]")
    return shape, blocks, edges


def check(blocks: Array, edges: Array) -> None:
    """ModelError unless blocks are 1 or more, and edges not negative."""
    if (blocks < 1).any():
        raise ModelError(f"expected blocks of 1 or more, got {blocks.tolist()}", "inputs[1]")
    if (edges < 0).any():
        raise ModelError(f"expected numbers from 0, got {edges.tolist()}", "inputs[2]")


def check_quantization(specs: Specs) -> None:
    x, output = specs.input(0), specs.output()
    if x.type in (T.UINT8, T.INT8, T.INT16):
        same_scale(output, x, "outputs[0]")
    if x.type is T.INT16 and whole(x)[1] != 0:
        raise ModelError(f"expected zero point 0 with INT16, got {whole(x)[1]}", "inputs[0]")


def version(specs: Specs) -> int:
    x = specs.input(0)
    if x.type is T.INT16:
        return 4
    return 3 if x.shape is not None and len(x.shape) != 4 else oldest(x, {T.INT8: 2})
