"""What a plan for integers gains by knowing the samples: small departures from what TensorFlow's converter makes.

- Channels that a depthwise convolution reads are balanced (`balance`).
- A global AVERAGE_POOL_2D becomes MEAN, which may have an output scale of its own. The pool's is its input's, and what
  is averaged ranges over far more than the averages. Their range gets room: averages follow the kind of input.
- What SOFTMAX reads gets twice the range seen, where its steps stay fine: confidence follows the kind of input too, and
  a clipped score is a larger error than a coarser one.

All this goes by the whole range seen (observer min_max) and by histograms; ranges that are known without samples stay
as they are, and what is made of them is what the converter makes. `correct` says what becomes of biases.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..model import Buffer, Graph, Model, Node, Shape, Tensor, TensorType
from ..op import Array
from ..options import ActivationFunctionType, Padding
from .balance import BALANCED, Balance, balanced, balances
from .constants import operator
from .correct import corrected
from .fuse import with_options
from .histogram import Histogram
from .plan import GraphPlan, Plan, Treatment
from .ranges import Ranges, Summary, keys_of

NARROWER = 0.75
"""A pool becomes MEAN where its averages, room included, need no more than this part of the range that is averaged."""

ROOM = 2.0
"""How much larger than seen the range of scores may be."""

FINE = 36.0
"""Signal to rounding noise in dB that scores must keep with the room: an int8 network has more noise than that."""

Shapes = Callable[[int, int], Shape | None]


@dataclass(frozen=True)
class Refined:
    """A float model, the plan and the ranges by which to quantize it. Tensors keep the indices and names they had.

    model: of the same real function as the source. start: the same with corrected biases, which is what to quantize.
    """

    model: Model
    start: Model
    plan: Plan
    ranges: Ranges


def refined(model: Model, planned: Callable[[Model], Plan], ranges: Ranges, shapes: Shapes) -> Refined:
    """The model as it is to be quantized; what has no samples behind it is left alone. planned: gives the plan."""
    plan = planned(model)
    work = _Refining(model, plan, ranges, shapes)
    if plan.recipe.refine:
        work.means_of_channels()
        if plan.recipe.observer.name == "min_max":
            for number in range(len(model.graphs)):
                work.graph(number)
    made = replace(model, graphs=tuple(work.graphs))
    final = _noted(planned(made) if work.changed else plan, work.notes)
    start = corrected(made, final, work.means)
    return Refined(made, start, _for(start, final), work.ranges(ranges))


def _for(model: Model, plan: Plan) -> Plan:
    """The plan with no grid for the tensors that were added."""
    sizes = [len(graph.tensors) for graph in model.graphs]
    parts = [
        replace(part, tensors=(*part.tensors, *[None] * (size - len(part.tensors))))
        for part, size in zip(plan.graphs, sizes, strict=True)
    ]
    return replace(plan, graphs=tuple(parts))


def _noted(plan: Plan, notes: Mapping[tuple[int, int], str]) -> Plan:
    """The plan with what was refined said of nodes that nothing else is said of."""
    graphs = [
        replace(part, nodes=tuple(replace(n, why=n.why or notes.get((g, at), "")) for at, n in enumerate(part.nodes)))
        for g, part in enumerate(plan.graphs)
    ]
    return replace(plan, graphs=tuple(graphs))


class _Refining:
    """All graphs of a model, while they change."""

    def __init__(self, model: Model, plan: Plan, ranges: Ranges, shapes: Shapes) -> None:
        self.model, self.plan, self.shapes = model, plan, shapes
        self.graphs: list[Graph] = list(model.graphs)
        self.summaries: dict[str, Summary] = dict(ranges)
        self.keys = [keys_of(number, graph) for number, graph in enumerate(model.graphs)]
        self.changed = False
        self.notes: dict[tuple[int, int], str] = {}
        self.means: dict[tuple[int, int], Array] = {}
        self.roomy: set[tuple[int, int]] = set()

    def means_of_channels(self) -> None:
        for number, keys in enumerate(self.keys):
            for i, key in enumerate(keys):
                summary = self.summaries.get(key)
                if summary is not None and summary.channels is not None:
                    self.means[number, i] = summary.channels.mean

    def graph(self, number: int) -> None:
        part = self.plan.graphs[number]
        for balance in balances(self.graphs[number], part):
            self._balance(number, balance)
        for at, (node, how) in enumerate(zip(self.graphs[number].nodes, part.nodes, strict=True)):
            if how.treatment is not Treatment.INTEGER:
                continue
            if node.op.name == "AVERAGE_POOL_2D" and self.plan.recipe.prepare:
                self._average(number, part, at)
            elif node.op.name in ("SOFTMAX", "LOG_SOFTMAX"):
                self._score(number, part, at)

    # --- balancing

    def _balance(self, number: int, balance: Balance) -> None:
        """Scales weights, and the ranges and means of what lies between."""
        known = [self._summary(number, i) for i in balance.tensors]
        watched = [summary.channels for summary in known if summary is not None and summary.channels is not None]
        if not watched or any(len(channels.low) != len(balance.s) for channels in watched):
            return
        low = min(float((channels.low / balance.s).min()) for channels in watched)
        high = max(float((channels.high / balance.s).max()) for channels in watched)
        self.graphs[number] = balanced(self.graphs[number], [balance])
        for i in balance.tensors:
            self._rename(number, i)
            self._replace(number, i, low, high)
            self.summaries[self.keys[number][i]].histogram = Histogram()
            if (number, i) in self.means:
                self.means[number, i] = self.means[number, i] / balance.s
        self.notes[number, balance.node] = "channels balanced"

    def _rename(self, number: int, index: int) -> None:
        """Says so in the name of a tensor with other numbers: whoever compares models goes by names."""
        graph = self.graphs[number]
        names = {tensor.name for tensor in graph.tensors}
        name = (graph.tensors[index].name or "tensor") + BALANCED
        while name in names:
            name += "_"
        tensors = (*graph.tensors[:index], replace(graph.tensors[index], name=name), *graph.tensors[index + 1 :])
        self.graphs[number] = replace(graph, tensors=tensors)

    # --- averages

    def _average(self, number: int, part: GraphPlan, at: int) -> None:
        """A global pool by averages to MEAN, where that lets them have a range of their own."""
        graph = self.graphs[number]
        node = graph.nodes[at]
        source, result = node.inputs[0], node.outputs[0]
        before, after = self._summary(number, source), self._summary(number, result)
        if not _is_int8(part, result) or before is None or after is None or not self._is_global(number, node):
            return
        if not (before.histogram.total and after.histogram.total):
            return
        low = -math.sqrt(min(after.low, 0.0) * min(before.low, 0.0))
        high = math.sqrt(max(after.high, 0.0) * max(before.high, 0.0))
        if high - low > NARROWER * (max(before.high, 0.0) - min(before.low, 0.0)):
            return
        names = {tensor.name for tensor in graph.tensors}
        name = f"{graph.tensors[result].name}/axes"
        while name in names:
            name += "_"
        axes = Tensor(name, (2,), TensorType.INT32, Buffer(np.array([1, 2], np.int32).tobytes()))
        mean = Node(with_options(operator("MEAN"), keep_dims=True), (source, len(graph.tensors)), node.outputs)
        nodes = (*graph.nodes[:at], mean, *graph.nodes[at + 1 :])
        self.graphs[number] = replace(graph, tensors=(*graph.tensors, axes), nodes=nodes)
        self._replace(number, result, low, high)
        self.changed = True
        self.notes[number, at] = "as MEAN, with a range of its own"

    def _is_global(self, number: int, node: Node) -> bool:
        options: Any = node.op
        tensor = self.graphs[number].tensors[node.inputs[0]]
        shape = tensor.shape if tensor.shape_signature is None else tensor.shape_signature
        seen = self.shapes(number, node.inputs[0]) or tensor.shape
        window = (options.filter_height, options.filter_width)
        once = options.stride_h >= window[0] and options.stride_w >= window[1]
        return (
            shape is not None
            and shape[1:3] == window
            and seen is not None
            and seen[1:3] == window
            and (options.padding is Padding.VALID or once)
            and options.fused_activation_function is ActivationFunctionType.NONE
        )

    # --- scores

    def _score(self, number: int, part: GraphPlan, at: int) -> None:
        """Room for what a softmax reads."""
        graph = self.graphs[number]
        grid = part.tensors[graph.nodes[at].inputs[0]]
        if grid is None or part.grids[grid].fixed is not None or part.grids[grid].also:
            return
        root = part.grids[grid].range
        summary = self._summary(number, root)
        if summary is None or root in (*graph.inputs, *graph.outputs) or (number, root) in self.roomy:
            return
        span = ROOM * (max(summary.high, 0.0) - min(summary.low, 0.0))
        if _decibel(summary.histogram, span / part.grids[grid].levels) < FINE:
            return
        self.roomy.add((number, root))
        self._replace(number, root, ROOM * summary.low, ROOM * summary.high)
        self.notes[number, at] = "with room above and below the scores seen"

    # --- summaries

    def ranges(self, before: Ranges) -> Ranges:
        """What is known now, by the names that tensors have now."""
        known = {}
        for number, graph in enumerate(self.graphs):
            keys = keys_of(number, graph)
            for old, new in zip(self.keys[number], keys, strict=False):
                if old in self.summaries:
                    known[new] = self.summaries[old]
        return Ranges(known, before.warnings)

    def _summary(self, number: int, index: int) -> Summary | None:
        return self.summaries.get(self.keys[number][index])

    def _replace(self, number: int, index: int, low: float, high: float) -> None:
        key = self.keys[number][index]
        self.summaries[key] = replace(self.summaries[key], low=low, high=high)


def _is_int8(part: GraphPlan, index: int) -> bool:
    grid = part.tensors[index]
    return grid is not None and part.grids[grid].type is TensorType.INT8


def _decibel(histogram: Histogram, step: float) -> float:
    """Mean square of the values over that of rounding to steps; minus infinity where no values were counted."""
    if histogram.total == 0 or step <= 0:
        return -math.inf
    square = float(histogram.counts @ np.square(histogram.centers)) / histogram.total
    return -math.inf if square == 0 else 10 * math.log10(square / (step**2 / 12))
