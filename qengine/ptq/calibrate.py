"""Calibration: a float model run on samples, and what every tensor held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Graph, Model, Shape, TensorType
from ..op import Array
from ..program import Program, Runtime
from ..samples import Progress, Sample, count_of, fed, samples_of
from .channels import watched_channels
from .ranges import Ranges, keys_of
from .recurrent import watched
from .warn import notices


class Calibration:
    """A float model being watched while it runs. Memory does not grow with the number of samples."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.ranges = Ranges()
        self.shapes: dict[tuple[int, int], Shape] = {}
        self.kept: list[Sample] = []
        self._keys = [keys_of(number, graph) for number, graph in enumerate(model.graphs)]
        self._by_channel = [watched_channels(graph) for graph in model.graphs]
        self._masked = [_masked(graph) for graph in model.graphs]
        self._numbers = {id(graph): number for number, graph in enumerate(model.graphs)}
        self._programs: dict[tuple[int, tuple[Shape, ...]], Program] = {}
        self._before: dict[int, Array] = {}
        self._runtime = Runtime(model, Profile.XNNPACK, keep_all=True, after=self._watch)

    def run(self, sample: Sample) -> None:
        """Runs one sample. ModelError where the model can't run, ValueError where the sample doesn't fit."""
        graph = self.model.graphs[sample.graph]
        shapes = tuple(sample.arrays[i].shape if i in sample.arrays else () for i in graph.inputs)
        key = (sample.graph, shapes)
        if key not in self._programs:
            program = Program(self._runtime, sample.graph)
            program.prepare(shapes)
            self._programs[key] = program
        program = self._programs[key]
        program.reset_variables()
        for i, array in sample.arrays.items():
            target = program.values[i]
            assert target is not None
            np.copyto(target, fed(graph.tensors[i], array))
        self._before = self._states(program)
        program.run()
        self._watch(program)

    def _states(self, program: Program) -> dict[int, Array]:
        """Copies of variables as they are before a call, for operators that are followed step by step."""
        found = {}
        for node in program.graph.nodes:
            if watched(node.op) is not None:
                for i in node.inputs:
                    if i >= 0 and program.specs[i].is_variable:
                        value = program.read(i)
                        assert value is not None
                        found[i] = value.copy()
        return found

    def _watch(self, program: Program) -> None:
        """Takes in every real tensor that a run has computed."""
        number = self._numbers[id(program.graph)]
        keys = self._keys[number]
        for i, spec in enumerate(program.specs):
            if spec.type is not TensorType.FLOAT32 or spec.value is not None:
                continue
            value = program.read(i)
            if value is None:
                continue
            self.shapes[number, i] = value.shape
            if i in self._masked[number]:
                value = value[~np.isinf(value)]
            self.ranges.summary(keys[i]).add(value, by_channel=i in self._by_channel[number])
        for node in program.graph.nodes:
            follow = watched(node.op)
            if follow is None:
                continue
            inputs = [None if i < 0 else self._before.get(i, program.read(i)) for i in node.inputs]
            for position, states in follow(inputs).items():
                self.ranges.summary(keys[node.inputs[position]]).add(states)


def _masked(graph: Graph) -> set[int]:
    """The tensors in which infinity is meant: it comes from a constant of the node that computes them."""

    def is_infinite(i: int) -> bool:
        tensor = graph.tensors[i]
        return tensor.is_constant and tensor.type is TensorType.FLOAT32 and bool(np.isinf(tensor.array).any())

    return {i for node in graph.nodes if any(i >= 0 and is_infinite(i) for i in node.inputs) for i in node.outputs}


def calibrate(model: Model, representative_dataset: Any, *, progress: Progress | None = None) -> Ranges:
    """The ranges of a float model's tensors on samples (`samples_of` says in which forms they may come).

    The result can be saved, merged with that of other samples, and given to `quantize` as `ranges`; it serves every
    recipe and observer. Its `warnings` name what looks wrong about the samples. Only models that were prepared alike
    have the same tensors: `quantize` prepares first, and so does `qe.calibrate`.
    ValueError where there are no samples or one doesn't fit; ModelError where the model can't run.
    """
    return run_samples(model, representative_dataset, progress).ranges


def run_samples(model: Model, source: Any, progress: Progress | None = None, keep: int = 0) -> Calibration:
    """A calibration on all samples, its warnings noted; it keeps the first `keep` samples."""
    calibration = Calibration(model)
    total, done = count_of(source), 0
    for done, sample in enumerate(samples_of(model, source), 1):
        calibration.run(sample)
        if done <= keep:
            calibration.kept.append(sample)
        if progress is not None:
            progress(done, total)
    if done == 0:
        raise ValueError("expected at least one sample in the representative dataset, got none")
    calibration.ranges.warnings += notices(model, calibration.ranges)
    return calibration


def checked(model: Model, ranges: Mapping[str, Any]) -> Callable[[int, int], Any]:
    """A function from graph and tensor to its summary; ModelError where there is none or where it isn't finite."""
    keys = [keys_of(number, graph) for number, graph in enumerate(model.graphs)]
    makers = [
        {i: f"{node.op.name} (node {at})" for at, node in enumerate(graph.nodes) for i in node.outputs}
        for graph in model.graphs
    ]

    def summary(graph: int, index: int) -> Any:
        key = keys[graph][index]
        maker = makers[graph].get(index, "the caller")
        where = f"$.subgraphs[{graph}].tensors[{index}]"
        name = model.graphs[graph].tensors[index].name
        if key not in ranges or ranges[key].is_empty:
            raise ModelError(
                f"expected a range for {name!r}, given by {maker}, got none: the samples must run every part of the "
                "model, each signature too, or the nodes that need it must be kept in float",
                where,
            )
        found = ranges[key]
        if found.odd:
            raise ModelError(
                f"expected finite values of {name!r}, given by {maker}, got {found.odd} that are NaN or infinite: "
                "check the samples' range, or keep the nodes that need it in float",
                where,
            )
        return found

    return summary
