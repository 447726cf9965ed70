"""What came of a comparison: node by node, and in sum."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .budget import Budget
from .measure import Errors
from .verdict import Verdict


@dataclass(frozen=True)
class NodeComparison:
    """One output of a node, on both sides.

    name: of the tensor. node, operator: of the first side. accumulated: both sides' whole runs. local: what the second
    side's node makes of the first side's inputs, against the first side's output; None where that can't be asked.
    other: the node's number on the second side.
    """

    name: str
    operator: str
    node: int
    other: int | None
    tensor: int
    accumulated: Errors
    local: Errors | None
    verdict: Verdict
    reason: str = ""

    @property
    def sqnr_db(self) -> float:
        return self.accumulated.sqnr_db

    @property
    def cosine(self) -> float:
        return self.accumulated.cosine

    @property
    def max_error(self) -> float:
        return self.accumulated.max_error

    @property
    def max_lsb(self) -> float | None:
        return self.accumulated.max_lsb

    @property
    def differs(self) -> bool:
        return self.accumulated.differing > 0

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "operator": self.operator,
            "node": self.node,
            "other": self.other,
            "verdict": self.verdict.value,
            "reason": self.reason,
            **self.accumulated.to_dict(),
            "local": None if self.local is None else self.local.to_dict(),
        }


@dataclass(frozen=True)
class Comparison:
    """Two sides, held against each other on samples.

    labels: of both. nodes: in the order in which they run, as far as both sides have them. unmatched: names of
    tensors of the first side that the second doesn't have. allot: what measures the budget.
    """

    labels: tuple[str, str]
    samples: int
    nodes: tuple[NodeComparison, ...]
    outputs: tuple[int, ...]
    unmatched: tuple[str, ...] = ()
    allot: Callable[[], Budget | None] = field(default=lambda: None, compare=False, repr=False)

    @cached_property
    def budget(self) -> Budget | None:
        """Each layer's own error split by cause, on the first samples; None unless the first side is the float model
        of which the second is a quantized one. Measured when it is first asked for."""
        return self.allot()

    @property
    def first_difference(self) -> NodeComparison | None:
        """The first node whose outputs differ; None where none does."""
        return next((node for node in self.nodes if node.differs), None)

    @property
    def faults(self) -> tuple[NodeComparison, ...]:
        """The nodes that aren't what their rules give, in order."""
        return tuple(node for node in self.nodes if node.verdict is Verdict.FAULT)

    @property
    def verdict(self) -> Verdict:
        """The heaviest of all nodes' verdicts; differences that are only inherited don't count."""
        found = [node.verdict for node in self.nodes if node.verdict is not Verdict.INHERITED]
        return max(found, key=lambda verdict: verdict.weight, default=Verdict.EQUAL)

    @property
    def equal(self) -> bool:
        return self.first_difference is None

    @property
    def ends(self) -> tuple[NodeComparison, ...]:
        """The outputs of the network."""
        return tuple(node for node in self.nodes if node.tensor in self.outputs)

    def worst(self, count: int = 5, *, local: bool = True) -> Sequence[NodeComparison]:
        """The nodes with the lowest SQNR, by themselves (local) or in the whole run; worst first."""

        def quality(node: NodeComparison) -> float:
            errors = node.local if local else node.accumulated
            return math.inf if errors is None else errors.sqnr_db

        return [node for node in sorted(self.nodes, key=quality)[:count] if quality(node) < math.inf]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        first = self.first_difference
        return {
            "sides": list(self.labels),
            "samples": self.samples,
            "verdict": self.verdict.value,
            "first_difference": None if first is None else first.to_dict(),
            "nodes": [node.to_dict() for node in self.nodes],
            "unmatched": list(self.unmatched),
        }

    def __str__(self) -> str:
        first = self.first_difference
        lines = [f"{self.labels[0]} and {self.labels[1]}, {self.samples} samples, {len(self.nodes)} tensors"]
        if first is None:
            return "\n".join([*lines, "nothing differs"])
        steps = "" if first.max_lsb is None else f", by {first.max_lsb:g} LSB at most"
        lines.append(
            f"first difference: node {first.node} {first.operator} {first.name!r}: {first.accumulated.differing} of "
            f"{first.accumulated.elements} elements{steps}; {first.verdict.value}: {first.reason}"
        )
        faults = (f"fault: node {node.node} {node.operator} {node.name!r}: {node.reason}" for node in self.faults)
        ends = (f"output {n.name!r}: SQNR {decibel(n.sqnr_db)}, cosine {n.cosine:.6f}" for n in self.ends)
        return "\n".join([*lines, *faults, *ends])


def decibel(value: float) -> str:
    return "exact" if value == math.inf else f"{value:.1f} dB"
