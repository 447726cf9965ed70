"""Measures error budgets: a float model and a quantized one of it, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..kernels.profile import Profile
from ..model import Blockwise, Graph, Model, Node, Tensor
from ..op import Array
from ..samples import Sample, fed
from .budget import PARTS, Budget, Layer
from .kernels import Kernels, Unchecked
from .layers import Layers, layers_of
from .recording import CONVERSIONS, Feed, Recording, is_quantized, real_values, step_of
from .runners import Engine
from .sides import counterparts
from .split import Inputs, Step, constant_of, source_of, split

REPLACED = {("AVERAGE_POOL_2D", "MEAN")}
"""Operators of the float model, and those that quantizing puts in their place."""


def budget_of(
    real: Model, quantized: Model, samples: Iterable[Sample], profile: Profile = Profile.XNNPACK
) -> Budget | None:
    """The budget of a quantized model against the float one it was made of; samples are of the float model.

    The float model is tidied and balanced as the quantized one was, so that its layers are those of that (`layers`).
    None where no layer of both is told apart by quantization.
    """
    made = layers_of(real, quantized)
    allotting: dict[int, _Graph] = {}
    count = 0
    for sample in samples:
        if sample.graph not in allotting:
            allotting[sample.graph] = _Graph(real, made, quantized, sample.graph, profile)
        allotting[sample.graph].add(sample)
        count += 1
    layers = tuple(layer for part in allotting.values() for layer in part.layers())
    return Budget(layers, count) if layers else None


@dataclass
class _Sums:
    """One layer's sums over samples."""

    elements: int = 0
    signal: float = 0.0
    noise: float = 0.0
    largest: float = 0.0
    squares: float = 0.0
    numbers: int = 0
    parts: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))
    alone: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))

    def add(self, wanted: Array, errors: dict[str, Array]) -> None:
        whole = sum(errors.values(), np.zeros(wanted.shape))
        self.elements += wanted.size
        self.signal += float(np.sum(wanted**2))
        self.noise += float(np.sum(whole**2))
        for part, error in errors.items():
            self.parts[part] += float(np.sum(error * whole))
            self.alone[part] += float(np.sum(error**2))

    def saw(self, real: Array) -> None:
        wide = real.astype(np.float64)
        self.largest = max(self.largest, float(np.abs(wide).max(initial=0)))
        self.squares += float(np.sum(wide**2))
        self.numbers += wide.size

    @property
    def stretch(self) -> float:
        return self.largest / np.sqrt(self.squares / self.numbers) if self.squares > 0 else 0.0


class _Graph:
    """One graph of both models."""

    def __init__(self, given: Model, made: Layers, quantized: Model, number: int, profile: Profile) -> None:
        real, self.origins = made.model, made.origins[number]
        self.given, self.models, self.number, self.profile = given, (real, quantized), number, profile
        self.graphs = real.graphs[number], quantized.graphs[number]
        self.there = counterparts(real, quantized, number)
        self.engine = Engine(profile)
        self.kernels = Kernels(real), Kernels(quantized)
        self.sums: dict[tuple[int, int], _Sums] = {}
        self.pairs = dict(self._pairs())

    def _pairs(self) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        """Nodes of both by the float node and which of its outputs; the quantized node and output."""
        producers = {i: (k, at) for k, node in enumerate(self.graphs[1].nodes) for at, i in enumerate(node.outputs)}
        for k, node in enumerate(self.graphs[0].nodes):
            for at, i in enumerate(node.outputs):
                if i not in self.there:
                    continue
                found = producers.get(source_of(self.graphs[1], self.there[i]))
                if found is not None and self._is_told_apart(node, self.graphs[1].nodes[found[0]]):
                    yield (k, at), found

    def _is_told_apart(self, one: Node, two: Node) -> bool:
        """Whether two nodes are one operator, in float and quantized."""
        names = one.op.name, two.op.name
        if (names[0] != names[1] and names not in REPLACED) or names[0] in CONVERSIONS:
            return False
        tensors = [self.graphs[1].tensors[i] for i in (*two.inputs, *two.outputs) if i >= 0]
        constants = [constant_of(self.graphs[1], i) for i in two.inputs if i >= 0]
        reals = all(self.graphs[0].tensors[i].type.dtype.kind == "f" for i in one.outputs)
        return reals and any(is_quantized(t) for t in (*tensors, *constants) if t is not None)

    def add(self, sample: Sample) -> None:
        feeds = self._feeds(sample)
        recordings = tuple(self.engine.record(model, feed) for model, feed in zip(self.models, feeds, strict=True))
        for pair, other in self.pairs.items():
            with np.errstate(all="ignore"):
                self._add(pair, other, feeds, (recordings[0], recordings[1]))

    def _feeds(self, sample: Sample) -> tuple[Feed, Feed]:
        places = self.given.graphs[self.number].inputs
        feeds = []
        for graph in self.graphs:
            arrays = {}
            for position, i in enumerate(graph.inputs):
                tensor, array = graph.tensors[i], sample.arrays[places[position]]
                arrays[i] = fed(tensor, array.astype(np.float32) if step_of(tensor) is not None else array)
            feeds.append(Feed(self.number, arrays))
        return feeds[0], feeds[1]

    def _add(
        self, pair: tuple[int, int], other: tuple[int, int], feeds: tuple[Feed, Feed], runs: tuple[Recording, Recording]
    ) -> None:
        one, two = self.graphs[0].nodes[pair[0]], self.graphs[1].nodes[other[0]]
        try:
            reals = self.kernels[0].arguments(pair[0], self.profile, feeds[0], runs[0])
            inputs, moved = self._inputs(one, two, reals, runs)
            made = self.kernels[1].outputs(other[0], self.profile, feeds[1], {**runs[1], **moved})[other[1]]
        except Unchecked:
            return

        def compute(arguments: Any) -> Array:
            program = self.kernels[0].program(self.profile, feeds[0])
            fresh = [
                x.copy() if i >= 0 and x is not None and self.graphs[0].tensors[i].is_variable else x
                for i, x in zip(one.inputs, arguments, strict=True)
            ]  # a state goes on while a node runs, and begins anew each time
            return program.evaluate(pair[0], fresh)[pair[1]]

        tensor = self.graphs[1].tensors[two.outputs[other[1]]]
        wanted, errors = split(compute, inputs, Step.of(tensor), np.asarray(real_values(tensor, made)))
        sums = self.sums.setdefault(pair, _Sums())
        if made.shape == wanted.shape and np.isfinite(wanted).all():
            sums.add(wanted, errors)
            for position in inputs.steps:
                real = inputs.real[position]
                assert real is not None
                sums.saw(real)

    def _inputs(
        self, one: Node, two: Node, reals: list[Array | None], runs: tuple[Recording, Recording]
    ) -> tuple[Inputs, dict[int, Array]]:
        """What the float node has and the quantized one in its place; and the quantized node's inputs, made of it."""
        steps: dict[int, Step] = {}
        constants: dict[int, Array] = {}
        nearest: dict[int, Array] = {}
        moved: dict[int, Array] = {}
        biases = {w.bias for w in two.op.weights}
        for position, (i, j) in enumerate(zip(one.inputs, two.inputs, strict=False)):
            real = reals[position]
            if i < 0 or j < 0 or real is None or real.dtype.kind != "f" or self.graphs[0].tensors[i].is_variable:
                continue
            tensor = self.graphs[1].tensors[j]
            constant = constant_of(self.graphs[1], j)
            if constant is not None:
                scale = self._bias_scale(two, position)
                constants[position] = _numbers(self.graphs[1], constant, real, scale)
                if scale is not None and constant.type.dtype.kind in "iu":
                    nearest[position] = np.asarray(np.rint(real.astype(np.float64) / scale) * scale)
            elif (step := Step.of(tensor)) is not None:
                steps[position] = step
                moved[j] = fed(tensor, real.astype(np.float32))
            elif j in runs[1]:
                moved[j] = real
        bias = {position: array for position, array in constants.items() if position in biases}
        weights = {position: array for position, array in constants.items() if position not in biases}
        return Inputs(reals, steps, weights, bias, nearest), moved

    def _bias_scale(self, node: Node, position: int) -> Array | None:
        """A bias' scale as its kernel has it: input scale times weight scales."""
        for weights in node.op.weights:
            if weights.bias == position:
                data = next(k for k, i in enumerate(node.inputs) if k not in (weights.input, position) and i >= 0)
                scales = [self.graphs[1].tensors[node.inputs[k]].quantization for k in (data, weights.input)]
                if all(q is not None and q.scale is not None and len(q.scale) for q in scales):
                    x, w = (np.asarray(q.scale, np.float64) for q in scales if q is not None)
                    return np.asarray(x[0] * w)
        return None

    def layers(self) -> Iterator[Layer]:
        for (source, at), (node, output) in self.pairs.items():
            sums = self.sums.get((source, at))
            if sums is None or sums.elements == 0:
                continue
            graph = self.graphs[1]
            found = graph.nodes[node]
            tensor = graph.tensors[found.outputs[output]]
            yield Layer(
                node,
                self.graphs[0].tensors[self.graphs[0].nodes[source].outputs[at]].name or f"node {node}",
                found.op.name,
                self.origins[source][0],
                sums.elements,
                sums.signal,
                sums.noise,
                sums.parts,
                sums.alone,
                *_weights(graph, found),
                tensor.type.dtype.kind in "iu" and tensor.type.bits == 8,
                sums.stretch,
                self.number,
            )


def _weights(graph: Graph, node: Node) -> tuple[bool, int]:
    """Whether quantized weights of several channels share a scale, and of how many bits they are; 0 without."""
    for weights in node.op.weights:
        if weights.input < len(node.inputs) and node.inputs[weights.input] >= 0:
            constant = constant_of(graph, node.inputs[weights.input])
            q = None if constant is None else constant.quantization
            if constant is not None and q is not None and constant.type.dtype.kind in "iu":
                one = q.scale is not None and len(q.scale) == 1 and q.details is None
                return one and (constant.shape or (1,))[weights.axis] > 1, constant.type.bits
    return False, 0


def _numbers(graph: Graph, constant: Tensor, real: Array, bias_scale: Array | None) -> Array:
    """What a quantized constant stands for; `real` where that can't be told."""
    q = constant.quantization
    if constant.type.dtype.kind == "f":
        return np.asarray(constant.array)
    if bias_scale is not None:
        return np.asarray(constant.array.astype(np.float64) * bias_scale)
    if q is not None and isinstance(q.details, Blockwise):
        scales = np.repeat(graph.tensors[q.details.scales].array.astype(np.float64), q.details.block_size, axis=-1)
        return np.asarray(constant.array * scales.reshape(constant.array.shape))
    if q is None or not q.is_affine:
        return real
    return np.asarray(real_values(constant, constant.array))
