"""Two models, or one model in two runners, held against each other node by node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from ..errors import ModelError
from ..op import Array
from ..samples import Progress, Sample, count_of, fed, samples_of
from .allot import budget_of
from .bridge import Bridge, bridges
from .budget import Budget
from .comparison import Comparison, NodeComparison
from .kernels import Unchecked
from .measure import Errors, errors_between
from .recording import Feed, Recording, computed, random_sample, real_values, step_of
from .sides import Saved, Side, counterparts, sides_of
from .split import source_of
from .verdict import Judge, Judgement, Pair, Verdict, node_of

BUDGETED = 4
"""On so many samples, the first ones, budgets are measured."""


def compare(
    a: Any,
    b: Any,
    samples: Any = None,
    *,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Node by node, what two sides compute of the same samples, and whether rounding rules account for the difference.

    a, b: each a model (Model, path, bytes, or what `quantize` gives), a runner's name (`qengine:xnnpack`,
    `litert:reference`, `tflm`; the model is the other side's), both (`path@runner`, or a pair), or an .npz of tensors
    by name. Models are matched by their tensors' names.
    samples: in any form that `samples_of` takes, in the units of the first model; None: one sample of random numbers
    (seed says which), or what an .npz holds. limit: how many samples at most.
    A float model and a quantized one of it are held together by the layers that quantizing made (`layers`): where it
    balanced channels, the float model's are divided likewise before errors are measured.
    ValueError where samples don't fit; ModelError or RuntimeError where a side can't run its model.
    """
    sides = sides_of(a, b)
    comparing: dict[int, _Graph] = {}
    joined = bridges(sides[0].model, sides[1].model)
    first: list[Sample] = []
    done = 0
    total = count_of(samples)
    for sample in islice(_samples(sides, samples, seed), limit):
        if sample.graph not in comparing:
            comparing[sample.graph] = _Graph(sides, sample.graph, joined)
        comparing[sample.graph].add(sample)
        first += [sample] if done < BUDGETED else []
        done += 1
        if progress is not None:
            progress(done, total if limit is None or total is None else min(total, limit))
    if not comparing:
        raise ValueError("expected at least one sample, got none")
    graph = comparing[min(comparing)]
    nodes = tuple(node for part in comparing.values() for node in part.results())
    unmatched = tuple(name for part in comparing.values() for name in part.unmatched())
    outputs = sides[0].model.graphs[graph.number].outputs
    labels = sides[0].label, sides[1].label
    return Comparison(labels, done, nodes, outputs, unmatched, lambda: _budget(sides, first))


def _budget(sides: tuple[Side, Side], samples: Sequence[Sample]) -> Budget | None:
    """The second side's budget against the first, where that is float and the second has other grids."""
    graphs = [side.model.graphs[0] for side in sides]
    if sides[0].model is sides[1].model or any(step_of(t) is not None for t in graphs[0].tensors if not t.is_constant):
        return None
    return budget_of(sides[0].model, sides[1].model, samples, sides[1].runner.profiles[0])


def _samples(sides: tuple[Side, Side], samples: Any, seed: int) -> Iterator[Sample]:
    model = sides[0].model
    if samples is not None:
        return samples_of(model, samples)
    for side in sides:
        if isinstance(side.runner, Saved):
            graph = side.model.graphs[0]
            held = side.runner.record(side.model, Feed(0, {}))
            if all(i in held for i in graph.inputs):
                real = {i: np.asarray(real_values(graph.tensors[i], held[i])) for i in graph.inputs}
                moved = {i: real[j] for i, j in zip(model.graphs[0].inputs, graph.inputs, strict=True)}
                return iter([Sample(0, {i: x.astype(np.float32) for i, x in moved.items()})])
    other = sides[1].model.graphs[0]
    like = [other.tensors[i] for i in other.inputs]
    return iter([random_sample(model, np.random.default_rng(seed), like)])


@dataclass
class _Tally:
    """What is known of one tensor after some samples."""

    accumulated: Errors = field(default_factory=Errors)
    local: Errors | None = None
    judgement: Judgement = field(default_factory=lambda: Judgement(Verdict.EQUAL))


class _Graph:
    """One graph of both sides, and what all samples so far showed."""

    def __init__(self, sides: tuple[Side, Side], number: int, joined: Sequence[Bridge]) -> None:
        if number >= len(sides[1].model.graphs):
            raise ModelError(f"expected a graph {number} in {sides[1].label}, got {len(sides[1].model.graphs)} graphs")
        self.sides, self.number = sides, number
        self.graphs = tuple(side.model.graphs[number] for side in sides)
        self.matched = counterparts(sides[0].model, sides[1].model, number)
        self.bridge = joined[number]
        self.judge = Judge(sides, self.bridge)
        self.tallies = {i: _Tally() for i in computed(self.graphs[0]) if i in self.matched}
        self.owners = {i: node_of(sides[0].model, number, i) for i in self.tallies}
        self.others = {i: node_of(sides[1].model, number, self.matched[i]) for i in self.tallies}

    def add(self, sample: Sample) -> None:
        """One more sample through both sides."""
        feeds = self._feed(sample)
        recordings = tuple(side.runner.record(side.model, feed) for side, feed in zip(self.sides, feeds, strict=True))
        assert len(recordings) == 2
        for i, tally in self.tallies.items():
            j = self.matched[i]
            if i in recordings[0] and j in recordings[1]:
                self._tally(i, tally, feeds, (recordings[0], recordings[1]))

    def _feed(self, sample: Sample) -> tuple[Feed, Feed]:
        one, two = self.graphs
        missing = [one.tensors[i].name for i in sample.arrays if i not in self.matched]
        if missing:
            raise ModelError(f"expected the inputs {missing} in {self.sides[1].label}, got none of these names")
        first = {i: fed(one.tensors[i], array) for i, array in sample.arrays.items()}
        second = {self.matched[i]: _retyped(two, self.matched[i], array) for i, array in sample.arrays.items()}
        return Feed(sample.graph, first), Feed(sample.graph, second)

    def _tally(self, i: int, tally: _Tally, feeds: tuple[Feed, Feed], recordings: tuple[Recording, Recording]) -> None:
        j = self.matched[i]
        tensors = self.graphs[0].tensors[i], self.graphs[1].tensors[j]
        held = self.bridge.divided(0, i, recordings[0][i]), self.bridge.divided(1, j, recordings[1][j])
        errors = errors_between((tensors[0], held[0]), (tensors[1], held[1]))
        if errors is None:
            shapes = recordings[0][i].shape, recordings[1][j].shape
            tally.judgement = Judgement(Verdict.FAULT, f"shapes {list(shapes[0])} and {list(shapes[1])}")
            tally.accumulated += Errors(recordings[0][i].size, recordings[0][i].size)
            return
        tally.accumulated += errors
        node, other = self.owners[i], self.others[i]
        assert node is not None
        found = Judgement(Verdict.EQUAL)
        if errors.differing:
            found = self.judge.judge(Pair(node, other, feeds, recordings))
        if found.verdict.weight > tally.judgement.verdict.weight:
            tally.judgement = found
        local = self._local(i, feeds, recordings, errors)
        if local is not None:
            tally.local = local if tally.local is None else tally.local + local

    def _local(
        self, i: int, feeds: tuple[Feed, Feed], recordings: tuple[Recording, Recording], whole: Errors
    ) -> Errors | None:
        """What the second side's node makes of the first side's inputs, against the first side's output.

        Where the second side only converts a tensor (QUANTIZE, DEQUANTIZE), it is what it was before that.
        """
        graph = self.graphs[1]
        j = source_of(graph, self.matched[i])
        other = node_of(self.sides[1].model, self.number, j)
        if other is None:
            return None
        node = graph.nodes[other]
        back = {theirs: ours for ours, theirs in self.matched.items()}
        moved: dict[int, Array] = {}
        for k in node.inputs:
            if k >= 0 and k in recordings[1]:
                ours = back.get(k, back.get(source_of(graph, k), -1))
                if ours not in recordings[0]:
                    return None
                real = self.bridge.divided(0, ours, recordings[0][ours])
                moved[k] = self.bridge.multiplied(1, k, _converted(self.graphs[0].tensors[ours], real, graph, k))
        if j == self.matched[i] and all(np.array_equal(array, recordings[1][k]) for k, array in moved.items()):
            return whole
        profile = self.sides[1].runner.profiles[0]
        try:
            outputs = self.judge.kernels[1].outputs(other, profile, feeds[1], {**recordings[1], **moved})
        except Unchecked:
            return None
        made = self.bridge.divided(1, j, outputs[node.outputs.index(j)])
        real = self.bridge.divided(0, i, recordings[0][i])
        return errors_between((self.graphs[0].tensors[i], real), (graph.tensors[j], made))

    def results(self) -> Iterator[NodeComparison]:
        graph = self.graphs[0]
        for i, tally in self.tallies.items():
            if tally.accumulated.elements == 0:
                continue
            node = self.owners[i]
            assert node is not None
            yield NodeComparison(
                graph.tensors[i].name or f"tensor {i}",
                graph.nodes[node].op.name,
                node,
                self.others[i],
                i,
                tally.accumulated,
                tally.local,
                tally.judgement.verdict,
                tally.judgement.reason,
            )

    def unmatched(self) -> Iterator[str]:
        for i in computed(self.graphs[0]):
            if i not in self.matched:
                yield self.graphs[0].tensors[i].name or f"tensor {i}"


def _retyped(graph: Any, index: int, array: Array) -> Array:
    """A sample's array for an input of the other model."""
    tensor = graph.tensors[index]
    return fed(tensor, array.astype(np.float32) if step_of(tensor) is not None else array)


def _converted(tensor: Any, values: Array, graph: Any, index: int) -> Array:
    """One side's numbers as the other side's tensor holds them."""
    other = graph.tensors[index]
    if tensor.type is other.type and tensor.quantization == other.quantization:
        return values
    if values.dtype.kind not in "fiub":
        return values
    return fed(other, np.asarray(real_values(tensor, values)).astype(np.float32))
