"""Which slots of a lowered graph need a gradient, given what is trained."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..errors import Unsupported
from ..model import Graph, TensorType
from .gradients import gradient_of
from .lowering import Narrow, Program, Run, Snap


def learned_grid(grid: int, word: str = "") -> str:
    """The key of what a grid's range rule learns."""
    return f"grid {grid} {word}"


def learned_weights(number: int, word: str = "") -> str:
    """The key of what a narrowed constant learns."""
    return f"weights {number} {word}"


def reached(graph: Graph, program: Program, names: Sequence[str], trained: Collection[str]) -> frozenset[int]:
    """Slots that depend on what is trained: on parameters, by the tensors' names, or on learned steps and ends.

    Unsupported where a node on the way has no gradient.
    """
    found = {slot for tensor, slot in program.starts.items() if names[tensor] in trained}
    for part in program.instructions:
        if isinstance(part, Run):
            if any(slot in found for slot in part.inputs):
                found |= _real_outputs(graph, part)
        elif part.source in found or _learns(part, trained):
            found.add(part.target)
    return frozenset(found)


def _learns(part: object, trained: Collection[str]) -> bool:
    if isinstance(part, Snap):
        return any(key.startswith(learned_grid(part.grid)) for key in trained)
    return isinstance(part, Narrow) and any(key.startswith(learned_weights(part.number)) for key in trained)


def _real_outputs(graph: Graph, run: Run) -> set[int]:
    node = graph.nodes[run.number]
    real = {i for i in node.outputs if graph.tensors[i].type is TensorType.FLOAT32}
    if not real:
        return set()
    try:
        gradient_of(node.op)
    except Unsupported as error:
        where = f"$.subgraphs[0].operators[{run.number}]"
        raise Unsupported(f"{error.message}: freeze what comes before it", where) from error
    return {slot for slot, i in zip(run.outputs, node.outputs, strict=True) if i in real}
