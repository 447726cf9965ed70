"""A file as the doctor's rules see it: every node with its operands, and what kind of file it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...kernels.profile import Profile
from ...model import Graph, Model, TensorType
from ...op import Op, Spec, Unquantized
from ...program import Runtime
from ...summary import NodeAlone, prepare_alone
from .finding import Finding, Severity

T = TensorType
ACTIVATIONS = (T.INT8, T.UINT8, T.INT16)
NARROW = (T.INT8, T.UINT8, T.INT4, T.UINT4, T.INT2)
CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")


@dataclass(frozen=True, eq=False)
class Opened:
    """target: the device that the file is meant for: "edgetpu", "micro", or None where that isn't said.

    arena: how many bytes tensors may take together there; None: any number.
    """

    model: Model
    target: str | None = None
    arena: int | None = None

    @cached_property
    def nodes(self) -> tuple[NodeAlone, ...]:
        """Every node of every graph, prepared for the runtime's default kernels."""
        return self.prepared(Profile.XNNPACK)

    def prepared(self, profile: Profile) -> tuple[NodeAlone, ...]:
        runtime = Runtime(self.model, profile, native=False)
        return tuple(node for number in range(len(self.model.graphs)) for node in prepare_alone(runtime, number))

    def graph(self, alone: NodeAlone) -> Graph:
        return self.model.graphs[alone.graph]

    @cached_property
    def integer_nodes(self) -> tuple[NodeAlone, ...]:
        """The nodes that compute on quantized activations."""
        return tuple(
            alone
            for alone in self.nodes
            if alone.node.op.name not in CONVERSIONS and any(map(is_activation, computed(alone)))
        )

    @cached_property
    def is_integer(self) -> bool:
        """Whether the file is meant to compute in integers: its layers with weights do, or there are none in float."""
        layers = [alone for alone in self.nodes if alone.node.op.weights]
        return bool(self.integer_nodes) and (
            any(alone in self.integer_nodes for alone in layers)
            or not any(spec.type is T.FLOAT32 for alone in layers for spec in computed(alone))
        )

    @cached_property
    def is_int8(self) -> bool:
        """Whether every node computes on 8-bit activations, but for conversions at the ends."""
        return bool(self.integer_nodes) and not any(
            spec.type in (T.FLOAT32, T.FLOAT16, T.INT16)
            for alone in self.nodes
            if alone.node.op.name not in CONVERSIONS
            for spec in computed(alone)
        )

    def finding(self, alone: NodeAlone, severity: Severity, reason: str, remedy: str, where: str = "") -> Finding:
        """A finding about a node; its rule is filled in by the table. where: inside the node."""
        outputs = alone.node.outputs
        name = (self.graph(alone).tensors[outputs[0]].name or "") if outputs else ""
        place = f"{alone.place}.{where}" if where else alone.place
        return Finding("", alone.index, reason, remedy, severity, alone.node.op.name, name, alone.graph, place)


Check = Callable[[Opened], Iterator[Finding]]


def computed(alone: NodeAlone) -> Iterator[Spec]:
    """The operands of a node that aren't constants."""
    specs = alone.specs
    return (spec for spec in (*specs.inputs, *specs.outputs) if spec is not None and not spec.stored)


def operands(alone: NodeAlone) -> Iterator[tuple[Spec, str]]:
    """All operands of a node, each with its place in it."""
    for what, specs in (
        ("inputs", alone.specs.inputs),
        ("outputs", alone.specs.outputs),
        ("intermediates", alone.specs.intermediates),
    ):
        yield from ((spec, f"{what}[{i}]") for i, spec in enumerate(specs) if spec is not None)


def is_activation(spec: Spec) -> bool:
    """Whether it is quantized to 8 or 16 bits; a tensor without scales holds plain numbers."""
    return spec.type in ACTIVATIONS and is_quantized(spec)


def is_quantized(spec: Spec) -> bool:
    return spec.quantization is not None and spec.quantization.is_affine


def keeps_numbers(op: Op) -> bool:
    """Whether outputs are quantized values at all."""
    return not isinstance(op.rule, Unquantized)


def scales_of(spec: Spec) -> NDArray[np.float32] | None:
    """An operand's scales, where it has some and all can be computed with."""
    q = spec.quantization
    if q is None or q.scale is None or not q.is_affine or not (np.isfinite(q.scale) & (q.scale > 0)).all():
        return None
    return q.scale


def zero_point_of(spec: Spec) -> int:
    """An operand's first zero point; 0 where it has none."""
    q = spec.quantization
    return 0 if q is None or q.zero_point is None or not len(q.zero_point) else int(q.zero_point[0])


def data_input(alone: NodeAlone, weights: int) -> int | None:
    """Which input weights are multiplied with: the first that is quantized and not constant."""
    for i, spec in enumerate(alone.specs.inputs):
        if i != weights and spec is not None and is_activation(spec) and not spec.stored:
            return i
    return None
