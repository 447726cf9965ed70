"""What a node is given, in words: short names of its inputs, and a line for each."""

from __future__ import annotations

from ...model import Node
from ...program import Program
from .explanation import grid_of


def names_of(program: Program, node: Node) -> list[str]:
    """Short names of a node's inputs, each its own: x, weights and bias of products, else by number."""
    if sum(i >= 0 for i in node.inputs) == 1:
        return ["x" if i >= 0 else "" for i in node.inputs]
    names = [f"input {k}" if i >= 0 else "" for k, i in enumerate(node.inputs)]
    if len(node.op.weights) == 1:
        (weights,) = node.op.weights
        roles = {weights.input: "w"} if weights.bias is None else {weights.input: "w", weights.bias: "bias"}
        others = [k for k in range(len(names)) if k not in roles and names[k]]
        roles |= {others[0]: "x"} if len(others) == 1 else {}
        names = [roles.get(k, name) if name else name for k, name in enumerate(names)]
    return names


def operands_of(program: Program, node: Node) -> tuple[str, ...]:
    """A line for each input: its name here, the tensor's, type, shape and grid."""
    lines = []
    for name, i in zip(names_of(program, node), node.inputs, strict=True):
        if i < 0:
            continue
        tensor = program.graph.tensors[i]
        q, grid = tensor.quantization, ""
        if q is not None and q.scale is not None and len(q.scale) == 1:
            point = 0 if q.zero_point is None or not len(q.zero_point) else int(q.zero_point[0])
            grid = f", {grid_of(float(q.scale[0]), point)}"
        elif q is not None and q.scale is not None and len(q.scale) > 1:
            grid = f", {len(q.scale)} scales along axis {q.axis}"
        shape = program.specs[i].shape
        lengths = "" if shape is None else f" {list(shape)}"
        lines.append(f"{name} = {tensor.name!r} {tensor.type.name}{lengths}{grid}")
    return tuple(lines)
