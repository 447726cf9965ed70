"""What a network's outputs are to a loss: scores before their softmax, where there is one, and real numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..op import Array
from .execution import Pass
from .lowering import Run, Snap
from .network import Network


@dataclass(frozen=True)
class Head:
    """One output. output: its slot. scores: the slot before `activation` (SOFTMAX, LOGISTIC, or ARG_MAX along the last
    axis), else the output's.

    beta: scores are multiplied with it first.
    """

    output: int
    scores: int
    activation: str = ""
    beta: float = 1.0


def heads(network: Network) -> tuple[Head, ...]:
    """Of every output, in order."""
    made: dict[int, Any] = {}
    for part in network.program.instructions:
        if isinstance(part, Run):
            made |= dict.fromkeys(part.outputs, part)
        elif isinstance(part, Snap):
            made[part.target] = made.get(part.source)
    found = []
    for end in network.program.ends:
        run = made.get(end)
        op: Any = None if run is None else network.graph.nodes[run.number].op
        if run is not None and (op.name in ("SOFTMAX", "LOGISTIC") or _is_last(network, run)):
            beta = op.beta if op.name == "SOFTMAX" else 1.0
            found.append(Head(end, run.inputs[0], op.name, beta))
        else:
            found.append(Head(end, end))
    return tuple(found)


def _is_last(network: Network, run: Run) -> bool:
    """Whether a node chooses the highest score along the last axis."""
    node = network.graph.nodes[run.number]
    if node.op.name != "ARG_MAX":
        return False
    axis, rank = network.graph.tensors[node.inputs[1]], len(network.graph.tensors[node.inputs[0]].shape or ())
    return axis.is_constant and int(axis.array.reshape(-1)[0]) in (-1, rank - 1)


@dataclass(frozen=True)
class View:
    """A run as a loss sees it. taught: the float network's scores of each output for the same inputs; none without one.
    teacher: its run, where its features are asked for. features: by name, the slots of a tensor in the run and there.
    """

    run: Pass
    heads: tuple[Head, ...]
    taught: Sequence[Array] = ()
    teacher: Pass | None = None
    features: Mapping[str, tuple[int, int]] | None = None

    @property
    def real(self) -> list[int]:
        """The outputs whose scores are real numbers."""
        return [number for number in range(len(self.heads)) if self.scores(number).dtype.kind == "f"]

    def scores(self, number: int) -> Array:
        return self.run.value(self.heads[number].scores)

    def output(self, number: int) -> Array:
        return self.run.value(self.heads[number].output)

    def taught_scores(self, number: int) -> Array:
        return self.taught[number]


def features(network: Network, teacher: Network) -> dict[str, tuple[int, int]]:
    """What operators with weights compute, before the outputs: by tensor name, its slot in both networks, which hold
    the same graph."""
    found = {}
    for node in network.graph.nodes:
        if node.op.weights and not set(node.outputs) & set(network.graph.outputs):
            for i in node.outputs:
                grid = None if network.plan is None else network.plan.graphs[0].tensors[i]
                slots = network.program.computed(i, grid), teacher.program.computed(i, None)
                found[network.keys[i]] = slots
    return found
