"""Whether a difference between two runs is explained by known rounding rules, or is a fault.

A node is sound on one side when what it computed there is what a kernel of that side's profile makes of that side's own
inputs. So one run of each side is enough: where both are sound, the rules of the two profiles account for the
difference to the last bit; where one isn't, that is where the fault lies, however much went wrong before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from ..kernels.profile import Profile
from ..model import Graph, Model, Node, Tensor, TensorType
from ..op import Array
from .bridge import Bridge
from .kernels import Kernels, Unchecked
from .recording import Feed, Recording, real_values
from .sides import Side
from .split import Step, constant_of, made_by

WITHIN = 1e-4
"""How far floats may be off, as a part of the largest magnitude of the tensor: sums are added in another order."""
SUMMED = 1e-5
"""How far sums of floats may be off where their terms cancel, as a part of the sum of the terms' magnitudes."""
SUMS = {"MEAN", "SUM", "AVERAGE_POOL_2D", "BATCH_MATMUL", "CUMSUM", "ADD", "SUB", "ADD_N"}


class Verdict(StrEnum):
    """EQUAL: nothing differs. INHERITED: only the inputs differ already. EXPLAINED: on the same inputs, two known
    rounding rules. QUANTIZED: the same numbers on another grid, or in float. UNCHECKED: it differs, and there is no
    kernel to ask. FAULT: one side isn't what its rules give."""

    EQUAL = "equal"
    INHERITED = "inherited"
    EXPLAINED = "explained"
    QUANTIZED = "quantized"
    UNCHECKED = "unchecked"
    FAULT = "fault"

    @property
    def weight(self) -> int:
        """How much it says: of several samples' verdicts on a node the heaviest counts."""
        return list(Verdict).index(self)


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True)
class Pair:
    """A node of model a, the node of b that computes its counterpart, and what both runs of a sample left."""

    index: int
    other: int | None
    feeds: tuple[Feed, Feed]
    recordings: tuple[Recording, Recording]


class Judge:
    """Judges nodes of one graph of the first side."""

    def __init__(self, sides: tuple[Side, Side], bridge: Bridge) -> None:
        self.sides, self.graph, self.bridge = sides, bridge.number, bridge
        self.kernels = Kernels(sides[0].model), Kernels(sides[1].model)

    def judge(self, pair: Pair) -> Judgement:
        """What to think of a node whose outputs differ."""
        one, two = self._nodes(pair)
        if two is None or not self._same_grid(one, two):
            return self._judge_across(one, two)
        checks = [self._sound(side, pair, one, two) for side in (0, 1)]
        for side, problem in zip(self.sides, checks, strict=True):
            if problem is not None and problem.verdict is Verdict.FAULT:
                return Judgement(Verdict.FAULT, f"{side.label}: {problem.reason}")
        for problem in checks:
            if problem is not None:
                return problem
        if not self._same_inputs(pair, one, two):
            return Judgement(Verdict.INHERITED, "each side is what its kernel makes of its own inputs")
        changes = self._changes(one, two)
        if self._one_runner() and changes:
            return Judgement(Verdict.FAULT, f"the nodes differ: {changes}")
        return self._explained(pair)

    # --- both sides are integers of one grid, or both float

    def _sound(self, which: int, pair: Pair, one: Node, two: Node) -> Judgement | None:
        """None where a side's outputs are what a kernel of its profile gives, for the first side's node."""
        side, recording = self.sides[which], pair.recordings[which]
        indices = one.outputs if which == 0 else two.outputs
        got = [recording.get(i) for i in indices]
        if which == 1:  # what its node read, by the first side's numbers
            seen = {i: recording[j] for i, j in zip(one.inputs, two.inputs, strict=True) if j in recording}
        else:
            seen = dict(recording)
        worst = ""
        for profile in side.runner.profiles:
            try:
                wanted = self.kernels[0].outputs(pair.index, profile, pair.feeds[0], seen)
            except Unchecked as error:
                return Judgement(Verdict.UNCHECKED, f"{side.label}: {error}")
            problem = _distance(got, wanted, side.runner.tolerance)
            if problem and (one.op.weights or one.op.name in SUMS) and all(x.dtype.kind == "f" for x in wanted):
                terms = self.kernels[0].magnitude(pair.index, profile, pair.feeds[0], seen)
                problem = _distance(got, wanted, 0, SUMMED * terms)
            if not problem:
                return None
            worst = worst or f"{problem} off the {profile.value} kernel ({self._rule(pair, profile)})"
        changes = self._changes(one, two) if which == 1 else ""
        return Judgement(Verdict.FAULT, f"{worst}; the nodes differ: {changes}" if changes else worst)

    @staticmethod
    def _same_inputs(pair: Pair, one: Node, two: Node) -> bool:
        a, b = pair.recordings
        pairs = zip(one.inputs, two.inputs, strict=True)
        return all((i not in a) == (j not in b) and (i not in a or _equal(a[i], b[j])) for i, j in pairs)

    def _one_runner(self) -> bool:
        return self.sides[0].runner.profiles == self.sides[1].runner.profiles

    def _explained(self, pair: Pair) -> Judgement:
        rules = []
        for side in self.sides:
            profile = side.runner.profiles[0]
            rules.append(f"{side.label}: {self._rule(pair, profile)}")
        floats = any(self._tensor(i).type.dtype.kind in "fc" for i in self._nodes(pair)[0].outputs)
        text = "; ".join(rules)
        return Judgement(Verdict.EXPLAINED, f"floats are rounded in another order; {text}" if floats else text)

    def _rule(self, pair: Pair, profile: Profile) -> str:
        return self.kernels[0].rule(pair.index, profile, pair.feeds[0])

    # --- the sides' grids differ

    def _judge_across(self, one: Node, two: Node | None) -> Judgement:
        """Weights may be rounded, not changed: by a step at most, but for what lies beyond their grid's ends."""
        if two is None:
            return Judgement(Verdict.QUANTIZED, "nothing computes it on the other side")
        given = one, two
        (first, one), (second, two) = (self.bridge.part(which, node) for which, node in enumerate(given))
        graphs = first, second
        if one.op.name != two.op.name:
            one, two = made_by(first, one), made_by(second, two)
        if one.op.name != two.op.name:
            return Judgement(Verdict.QUANTIZED, "another operator computes it on the other side")
        for weights in one.op.weights:
            if max(weights.input, 0) >= min(len(one.inputs), len(two.inputs)):
                continue
            if min(one.inputs[weights.input], two.inputs[weights.input]) < 0:
                continue
            a, b = (constant_of(g, n.inputs[weights.input]) for g, n in zip(graphs, (one, two), strict=True))
            if a is not None and b is not None and a.shape == b.shape and _readable(a) and _readable(b):
                off = _beyond_rounding(a, b)
                if off:
                    return Judgement(Verdict.FAULT, f"{off} of the weights {a.name!r} differ by more than a step")
        if any(self.bridge.factors(which, i) is not None for which, node in enumerate(given) for i in node.outputs):
            return Judgement(Verdict.QUANTIZED, "the tensors are on different grids, with channels balanced")
        pairs = zip(given[0].outputs, given[1].outputs, strict=False)
        grids = (tuple(_grid(g.tensors[i]) for g, i in zip(self._graphs(), pair, strict=True)) for pair in pairs)
        unlike = [" and ".join(pair) for pair in grids if all(pair) and pair[0] != pair[1]]
        return Judgement(Verdict.QUANTIZED, ": ".join(["the tensors are on different grids", *unlike[:1]]))

    def _same_grid(self, one: Node, two: Node) -> bool:
        """Whether both nodes compute on the same types with the same scales, so that one kernel can serve both."""
        graphs = self._graphs()
        if one.op.name != two.op.name or len(one.inputs) != len(two.inputs) or len(one.outputs) != len(two.outputs):
            return False
        pairs = zip((*one.inputs, *one.outputs), (*two.inputs, *two.outputs), strict=True)
        for i, j in pairs:
            if i < 0 or j < 0:
                if i != j:
                    return False
                continue
            a, b = graphs[0].tensors[i], graphs[1].tensors[j]
            if a.type is not b.type or (not a.is_constant and a.quantization != b.quantization):
                return False
            if a.is_constant != b.is_constant:
                return False
        return True

    # --- what is where

    def _nodes(self, pair: Pair) -> tuple[Node, Node | None]:
        graphs = self._graphs()
        return graphs[0].nodes[pair.index], None if pair.other is None else graphs[1].nodes[pair.other]

    def _graphs(self) -> tuple[Graph, Graph]:
        return self.sides[0].model.graphs[self.graph], self.sides[1].model.graphs[self.graph]

    def _tensor(self, index: int) -> Tensor:
        return self._graphs()[0].tensors[index]

    def _changes(self, one: Node, two: Node) -> str:
        """In what two nodes of one kind differ: options, constants, scales."""
        graphs = self._graphs()
        found: list[str] = []
        if graphs[0] is graphs[1]:
            return ""
        if one.op != two.op:
            found.append("options")
        for position, (i, j) in enumerate(zip(one.inputs, two.inputs, strict=True)):
            if i < 0 or j < 0:
                continue
            a, b = graphs[0].tensors[i], graphs[1].tensors[j]
            if a.is_constant and (a.data != b.data or a.shape != b.shape):
                found.append(f"input {position} ({_count(a, b)})")
            if a.is_constant and a.quantization != b.quantization:
                found.append(f"scales of input {position}")
        return ", ".join(found)


def node_of(model: Model, graph: int, tensor: int) -> int | None:
    """Which node computes a tensor."""
    for number, node in enumerate(model.graphs[graph].nodes):
        if tensor in node.outputs:
            return number
    return None


def _distance(got: Sequence[Array | None], wanted: Sequence[Array], steps: int, off: float = 0.0) -> str:
    """How far outputs are off what a kernel gives, for people; empty where they aren't.

    steps: by which integers, off: by which floats, may be off in any case.
    """
    for mine, right in zip(got, wanted, strict=True):
        if mine is None:
            continue
        if mine.shape != right.shape or mine.dtype != right.dtype:
            return f"{mine.dtype}{list(mine.shape)} instead of {right.dtype}{list(right.shape)},"
        if right.dtype.kind in "fc":
            finite = np.isfinite(right)
            allowed = max(WITHIN * float(np.abs(right[finite]).max(initial=1e-6)), off)
            with np.errstate(invalid="ignore"):
                far = np.abs(mine - right) > allowed
            wrong = np.where(finite, far, ~((mine == right) | (np.isnan(mine) & np.isnan(right))))
        elif right.dtype.kind in "iu":
            wrong = np.abs(mine.astype(np.int64) - right.astype(np.int64)) > steps
        else:
            wrong = np.asarray(mine != right)
        if wrong.any():
            return f"{int(wrong.sum())} of {wrong.size} elements"
    return ""


def _equal(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))


def _grid(tensor: Tensor) -> str:
    """A tensor's grid, for people; empty where it isn't quantized as a whole."""
    step = Step.of(tensor)
    return "" if step is None else f"steps of {step.scale:.6g} from {step.low:.6g} to {step.high:.6g}"


def _readable(tensor: Tensor) -> bool:
    return tensor.sparsity is None and tensor.type.dtype.kind in "fiu"


def _beyond_rounding(a: Tensor, b: Tensor) -> int:
    """How many weights differ by more than one step of either grid, those at the ends of a grid not counted."""
    allowed, inside = np.zeros(()), np.ones((), bool)
    for tensor in (a, b):
        q = tensor.quantization
        if tensor.type is TensorType.FLOAT16:
            allowed = allowed + np.spacing(np.abs(tensor.array)).astype(np.float64)
        if tensor.type.dtype.kind not in "iu" or q is None or q.scale is None:
            continue
        shape = [-1 if i == q.axis else 1 for i in range(tensor.array.ndim)] if len(q.scale) > 1 else []
        allowed = allowed + q.scale.reshape(shape)
        reach = 2 ** (tensor.type.bits - 1) - 1
        if tensor.type.dtype.kind == "i":
            inside = inside & (np.abs(tensor.array.astype(np.int64)) < reach)
    off = np.abs(real_values(a, a.array) - real_values(b, b.array))
    return int(((off > allowed * (1 + 1e-6) + 1e-12) & inside).sum())


def _count(a: Tensor, b: Tensor) -> str:
    if a.shape != b.shape or not _readable(a) or not _readable(b) or a.type is not b.type:
        return "another constant"
    changed = int((a.array != b.array).sum())
    return f"{changed} of {a.array.size} numbers"
