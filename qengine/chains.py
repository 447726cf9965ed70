"""Chains of operators that are, element by element, a function of one 8-bit tensor: each runs as one look-up.

x * logistic(x), or x * relu6(x + 3) / 6 in four operators, is a table of 256 numbers; what leads there needn't run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .errors import ModelError
from .model import Node, TensorType
from .op import Array, Spec, Step

T = TensorType


@dataclass(frozen=True, eq=False)
class Chain:
    """What a node is as a function of the tensor `root`: the result for every byte, in the order of the bits in which
    native code has it (INT8 as value + 128).
    """

    root: int
    table: Array

    @property
    def stored(self) -> Array:
        """The results as native code stores them."""
        return self.table.view(np.uint8) ^ np.uint8(0x80) if self.table.dtype == np.int8 else self.table


@dataclass(frozen=True, eq=False)
class Chains:
    """ends: nodes that run as look-ups. dropped: nodes that only led to one, with its number."""

    ends: Mapping[int, Chain] = field(default_factory=dict)
    dropped: Mapping[int, int] = field(default_factory=dict)


def find_chains(nodes: Sequence[tuple[Node, Step | None]], specs: Sequence[Spec], kept: Collection[int]) -> Chains:
    """nodes: with the steps of those that run (None: folded, or planned while running). kept: tensors that must be
    there after a call.
    """
    known: dict[int, Chain] = {}
    ends: dict[int, Chain] = {}
    for index, (node, step) in enumerate(nodes):
        if step is None or not step.pointwise or len(node.outputs) != 1:
            continue
        chain = _chain(node, step, specs, known)
        if chain is not None:
            if any(i in known for i in node.inputs):
                ends[index] = chain
            known[node.outputs[0]] = chain
    dropped: dict[int, int] = {}
    needed = dict.fromkeys(kept, -1)  # tensors that are read, and by which look-up
    for index, (node, step) in reversed(list(enumerate(nodes))):
        chain_ = ends.get(index)
        leads = step is not None and step.pointwise and node.outputs[0] in known
        if leads and node.outputs[0] not in needed:
            users = [end for end in ends if end > index and end not in dropped and _meets(nodes, node, end)]
            dropped[index] = users[0] if users else index
            ends.pop(index, None)
            continue
        for i in node.inputs if chain_ is None else (chain_.root,):
            needed[i] = index
    return Chains(ends, dropped)


def _meets(nodes: Sequence[tuple[Node, Step | None]], node: Node, end: int) -> bool:
    """Whether a later node reads what this one makes, through however many others."""
    seen = set(node.outputs)
    for later, _ in nodes[:end]:
        if seen & set(later.inputs):
            seen |= set(later.outputs)
    return bool(seen & set(nodes[end][0].inputs))


def _chain(node: Node, step: Step, specs: Sequence[Spec], known: Mapping[int, Chain]) -> Chain | None:
    """The node as a function of one 8-bit tensor, if it is one."""
    output = specs[node.outputs[0]]
    computed = {i for i in node.inputs if i < 0 or specs[i].value is None}
    roots = {known[i].root if i in known else i for i in computed}
    if len(roots) != 1 or min(computed) < 0 or output.type not in (T.INT8, T.UINT8):
        return None
    (root,) = roots
    origin = specs[root]
    if origin.type not in (T.INT8, T.UINT8) or origin.is_variable or origin.shape is None:
        return None
    if any(specs[i].shape != output.shape for i in (*computed, root)):
        return None
    arguments: list[Array | None] = []
    for i in node.inputs:
        value = specs[i].value
        if value is not None and value.size != 1:
            return None
        arguments.append(value if i not in computed else known[i].table if i in known else _every(origin))
    try:
        with np.errstate(all="ignore"):
            result = step.run(*arguments)
    except (ModelError, RuntimeError):
        return None
    assert not isinstance(result, tuple)
    return Chain(root, result.reshape(256))


def _every(x: Spec) -> Array:
    """Every number of an 8-bit type, in the order of its bits as native code stores them."""
    stored = np.arange(256, dtype=np.uint8)
    return (stored ^ np.uint8(0x80)).view(np.int8) if x.type is T.INT8 else stored
