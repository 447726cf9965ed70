"""What quantizing a model cost: bytes, and layer by layer the ranges, the clipping and the error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..affine import dequantize
from ..kernels.profile import Profile
from ..model import Graph, Model, Quantization, Tensor, TensorType
from ..op import Array
from ..packing import integer_range
from ..program import Program, Runtime
from ..samples import Sample, fed
from ..tflite import to_bytes
from .apply import Applied
from .plan import Plan, Treatment
from .ranges import STAND_IN, Ranges, Summary, keys_of


@dataclass(frozen=True)
class Layer:
    """One node of the quantized model that the float one has too, by its first output.

    low, high: the range that its numbers represent; seen: the range calibration saw; clipped: the share of values
    outside low to high. sqnr: of the output, float against quantized, in dB; weight_sqnr: of its weights. None: unknown
    or not quantized.
    """

    graph: int
    node: int
    operator: str
    name: str
    treatment: str
    type: str
    why: str = ""
    scale: float | None = None
    zero_point: int | None = None
    low: float | None = None
    high: float | None = None
    seen: tuple[float, float] | None = None
    clipped: float | None = None
    sqnr: float | None = None
    weight_sqnr: float | None = None


@dataclass(frozen=True)
class Report:
    """A quantized model beside the float one it was made of.

    size_before, size_after: bytes of the files. inserted: how many QUANTIZE and DEQUANTIZE nodes were added.
    sqnr: of the model's outputs, by tensor name, in dB. samples: that calibration saw. measured: on how many samples
    errors were measured. warnings: what looks wrong about the samples.
    """

    recipe: str
    size_before: int
    size_after: int
    inserted: int
    samples: int
    measured: int
    sqnr: Mapping[str, float]
    layers: tuple[Layer, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them: no infinity, no NaN."""
        return {key: _plain(value) for key, value in asdict(self).items()}

    def worst(self, count: int = 5) -> list[Layer]:
        """The layers with the lowest SQNR, worst first."""
        known = [layer for layer in self.layers if layer.sqnr is not None]
        return sorted(known, key=lambda layer: layer.sqnr if layer.sqnr is not None else math.inf)[:count]

    @property
    def in_float(self) -> list[Layer]:
        """The layers that stayed float."""
        return [layer for layer in self.layers if layer.treatment == Treatment.FLOAT.value]

    def __str__(self) -> str:
        ratio = self.size_after / self.size_before
        lines = [f"{self.recipe}: {self.size_before:,} bytes to {self.size_after:,} ({ratio:.0%})"]
        lines += [f"output {name}: SQNR {_decibel(value)} against float" for name, value in self.sqnr.items()]
        if self.worst():
            lines.append("worst layers: " + ", ".join(f"{x.name} ({_decibel(x.sqnr)})" for x in self.worst(3)))
        if self.in_float:
            lines.append(f"left in float: {len(self.in_float)} of {len(self.layers)} nodes")
        return "\n".join([*lines, *(f"warning: {text}" for text in self.warnings)])


def report_on(
    source: Model, tidy: Model, applied: Applied, plan: Plan, ranges: Ranges, samples: Sequence[Sample]
) -> Report:
    """The report on what `tidy` (itself made of `source`) became, measured on samples."""
    errors = errors_between(tidy, applied, samples)
    layers = [
        _layer(tidy, applied, plan, ranges, errors, number, at)
        for number, part in enumerate(plan.graphs)
        for at, how in enumerate(part.nodes)
        if how.treatment is not Treatment.UNTOUCHED and tidy.graphs[number].nodes[at].outputs
    ]
    outputs = {tidy.graphs[0].tensors[i].name or f"output {i}": errors.get((0, i)) for i in tidy.graphs[0].outputs}
    return Report(
        plan.recipe.name or "recipe",
        len(to_bytes(source)),
        len(to_bytes(applied.model)),
        _conversions(applied.model) - _conversions(tidy),
        ranges.samples,
        len(samples),
        {name: value for name, value in outputs.items() if value is not None},
        tuple(layers),
        tuple(ranges.warnings),
    )


def _layer(
    tidy: Model,
    applied: Applied,
    plan: Plan,
    ranges: Ranges,
    errors: Mapping[tuple[int, int], float],
    number: int,
    at: int,
) -> Layer:
    graph, how = tidy.graphs[number], plan.graphs[number].nodes[at]
    index = graph.nodes[at].outputs[0]
    tensor, summary = graph.tensors[index], ranges.get(keys_of(number, graph)[index])
    there = applied.tensors[number].get(index)
    made = None if there is None or how.outputs[0] is None else applied.model.graphs[number].tensors[there]
    ends = None if made is None else _ends(made)
    weights = applied.weights.get((number, at))
    return Layer(
        graph=number,
        node=at,
        operator=graph.nodes[at].op.name,
        name=tensor.name or "",
        treatment=how.treatment.value,
        type=tensor.type.name if made is None else made.type.name,
        why=how.why,
        scale=None if ends is None else ends[2],
        zero_point=None if ends is None else ends[3],
        low=None if ends is None else ends[0],
        high=None if ends is None else ends[1],
        seen=None if summary is None or summary.is_empty else (summary.low, summary.high),
        clipped=None if ends is None or summary is None else _clipped(summary, ends),
        sqnr=errors.get((number, index)),
        weight_sqnr=None if weights is None else sqnr(*weights),
    )


def _ends(tensor: Tensor) -> tuple[float, float, float, int]:
    """What a quantized tensor can represent: low and high, and its scale and zero point."""
    q = tensor.quantization
    assert q is not None
    assert q.scale is not None
    assert q.zero_point is not None
    scale, point = float(q.scale[0]), int(q.zero_point[0])
    low, high = integer_range(tensor.type)
    return (low - point) * scale, (high - point) * scale, scale, point


def _clipped(summary: Summary, ends: tuple[float, float, float, int]) -> float | None:
    """The share of values more than half a step outside; None where they weren't counted."""
    low, high, scale, _ = ends
    share = summary.beyond(low - scale / 2, high + scale / 2)
    return None if math.isnan(share) else share


def _conversions(model: Model) -> int:
    return sum(node.op.name in ("QUANTIZE", "DEQUANTIZE") for graph in model.graphs for node in graph.nodes)


def errors_between(tidy: Model, applied: Applied, samples: Iterable[Sample]) -> dict[tuple[int, int], float]:
    """SQNR in dB of each computed real tensor of the float model, by graph and index, over samples."""
    sums: dict[tuple[int, int], tuple[float, float]] = {}
    runners = (_Runner(tidy), _Runner(applied.model))
    for sample in samples:
        number = sample.graph
        graph, moves = tidy.graphs[number], applied.tensors[number]
        real, quantized = runners[0].run(sample.graph, sample), runners[1].run(sample.graph, _moved(sample, moves))
        for i, tensor in enumerate(graph.tensors):
            want = real.read(i) if tensor.type is TensorType.FLOAT32 and not tensor.is_constant else None
            got = None if i not in moves else quantized.read(moves[i])
            if want is None or got is None or want.shape != got.shape:
                continue
            there = applied.model.graphs[number].tensors[moves[i]]
            counted = np.abs(want) < STAND_IN
            want, got = want[counted], got[counted]
            difference = want.astype(np.float64) - real_values(there, got)
            signal, noise = sums.get((number, i), (0.0, 0.0))
            squares = float(np.sum(np.square(want, dtype=np.float64)))
            sums[number, i] = signal + squares, noise + float(np.sum(difference**2))
    return {key: sqnr(*parts) for key, parts in sums.items()}


def _moved(sample: Sample, moves: Mapping[int, int]) -> Sample:
    return Sample(sample.graph, {moves[i]: array for i, array in sample.arrays.items() if i in moves})


class _Runner:
    """A model run on samples, every tensor kept."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._runtime = Runtime(model, Profile.XNNPACK, keep_all=True)
        self._programs: dict[object, Program] = {}

    def run(self, number: int, sample: Sample) -> Program:
        """The program after the sample's run."""
        graph: Graph = self.model.graphs[number]
        shapes = tuple(sample.arrays[i].shape if i in sample.arrays else () for i in graph.inputs)
        if (number, shapes) not in self._programs:
            program = Program(self._runtime, number)
            program.prepare(shapes)
            self._programs[number, shapes] = program
        program = self._programs[number, shapes]
        program.reset_variables()
        for i, array in sample.arrays.items():
            target = program.values[i]
            assert target is not None
            np.copyto(target, fed(graph.tensors[i], array))
        program.run()
        return program


def real_values(tensor: Tensor, values: Array) -> Array:
    """What a tensor's values stand for, float64."""
    q: Quantization | None = tensor.quantization
    if q is None or q.scale is None or tensor.type is TensorType.FLOAT32 or not q.is_affine:
        return values.astype(np.float64)
    points = np.zeros(1, np.int64) if q.zero_point is None else q.zero_point
    return dequantize(values, float(q.scale[0]), int(points[0])).astype(np.float64)


def sqnr(signal: float, noise: float) -> float:
    """Signal to quantization noise in dB, of sums of squares; infinite where there is no noise."""
    if noise == 0:
        return math.inf
    return -math.inf if signal == 0 else 10 * math.log10(signal / noise)


def _decibel(value: float | None) -> str:
    return "unknown" if value is None else "exact" if value == math.inf else f"{value:.1f} dB"


def _plain(value: Any) -> Any:
    """Tuples as lists, infinities as None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value
