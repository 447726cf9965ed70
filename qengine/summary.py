"""What a model is made of, and which of its operators can't run: facts, as plain values that become JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .errors import ModelError
from .kernels.profile import Profile
from .model import Buffer, External, Graph, Model, Node, Quantization, Tensor
from .op import Spec, Specs, Step
from .program import Runtime, plan_node


@dataclass(frozen=True)
class TensorFacts:
    """role: input, output, constant, variable, or computed. size: bytes in the file, 0 where none are there."""

    index: int
    name: str | None
    type: str
    shape: tuple[int, ...] | None
    shape_signature: tuple[int, ...] | None
    role: str
    size: int
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int | None


@dataclass(frozen=True)
class NodeFacts:
    """kernel, why: what would run and for which reason; None where the node can't be prepared: `problem` says why.

    macs: multiply-accumulates of one call. late: the input shapes are known only while running, so is the rest.
    """

    index: int
    operator: str
    version: int | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    kernel: str | None
    why: str
    macs: int
    late: bool
    problem: str | None


@dataclass(frozen=True)
class GraphFacts:
    index: int
    name: str | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    tensors: tuple[TensorFacts, ...]
    nodes: tuple[NodeFacts, ...]


@dataclass(frozen=True)
class Summary:
    """profile: the kernel set for which the nodes were prepared."""

    description: str | None
    profile: str
    signatures: tuple[dict[str, Any], ...]
    metadata: tuple[str | None, ...]
    graphs: tuple[GraphFacts, ...]

    @property
    def unsupported(self) -> tuple[NodeFacts, ...]:
        """The nodes that can't be prepared."""
        return tuple(node for graph in self.graphs for node in graph.nodes if node.problem is not None)


def summarize(model: Model, profile: Profile = Profile.XNNPACK) -> Summary:
    """Prepares every node by itself, for the shapes in the file, and keeps what it finds out; runs nothing."""
    runtime = Runtime(model, profile)
    signatures = tuple(
        {"key": s.key, "graph": s.graph, "inputs": dict(s.inputs), "outputs": dict(s.outputs)}
        for s in model.signatures or ()
    )
    graphs = tuple(_graph(runtime, i, graph) for i, graph in enumerate(model.graphs))
    names = tuple(entry.name for entry in model.metadata or ())
    return Summary(model.description, profile.value, signatures, names, graphs)


def _graph(runtime: Runtime, number: int, graph: Graph) -> GraphFacts:
    tensors = tuple(_tensor(i, tensor, graph) for i, tensor in enumerate(graph.tensors))
    return GraphFacts(number, graph.name, graph.inputs, graph.outputs, tensors, _nodes(runtime, number))


def _tensor(index: int, tensor: Tensor, graph: Graph) -> TensorFacts:
    if tensor.is_variable:
        role = "variable"
    elif tensor.is_constant:
        role = "constant"
    else:
        role = "input" if index in graph.inputs else "output" if index in graph.outputs else "computed"
    data = tensor.data
    size = len(data) if isinstance(data, Buffer) else data.length if isinstance(data, External) else 0
    scales, points, axis = _quantization(tensor.quantization)
    return TensorFacts(
        index, tensor.name, tensor.type.name, tensor.shape, tensor.shape_signature, role, size, scales, points, axis
    )


def _quantization(q: Quantization | None) -> tuple[tuple[float, ...], tuple[int, ...], int | None]:
    if q is None or q.scale is None or not q.is_affine:
        return (), (), None
    points = () if q.zero_point is None else tuple(int(point) for point in q.zero_point)
    return tuple(float(scale) for scale in q.scale), points, q.axis if q.per_channel else None


@dataclass(frozen=True, eq=False)
class NodeAlone:
    """One node prepared by itself, for the shapes in the file.

    specs: its operands, outputs with the shapes found. step: None where shapes are known only while running (`late`) or
    where the node can't be prepared: `error` says why, its place being whole.
    """

    graph: int
    index: int
    node: Node
    specs: Specs
    step: Step | None
    error: ModelError | None = None

    @property
    def late(self) -> bool:
        return self.step is None and self.error is None

    @property
    def place(self) -> str:
        return f"$.subgraphs[{self.graph}].operators[{self.index}]"


def prepare_alone(runtime: Runtime, number: int) -> Iterator[NodeAlone]:
    """The nodes of a graph in order, each prepared with what is known of the shapes before it."""
    graph = runtime.model.graphs[number]
    specs = [_spec(tensor, f"$.subgraphs[{number}].tensors[{i}]") for i, tensor in enumerate(graph.tensors)]
    for index, node in enumerate(graph.nodes):
        alone = _prepared(runtime, NodeAlone(number, index, node, _operands(node, specs), None))
        for i, spec in zip(node.outputs, alone.specs.outputs, strict=True):
            specs[i] = spec
        yield alone


def _spec(tensor: Tensor, place: str) -> Spec:
    value = None
    if tensor.is_constant and isinstance(tensor.data, Buffer) and tensor.sparsity is None:
        try:
            value = tensor.array
        except ValueError as error:
            raise ModelError(str(error), place) from error
    return Spec(tensor.shape or (), tensor.type, tensor.quantization, value, tensor.is_variable, tensor.name)


def _operands(node: Node, specs: list[Spec]) -> Specs:
    def chosen(indices: Sequence[int]) -> tuple[Spec | None, ...]:
        return tuple(None if i < 0 else specs[i] for i in indices)

    return Specs(chosen(node.inputs), tuple(specs[i] for i in node.outputs), chosen(node.intermediates or ()))


def _prepared(runtime: Runtime, alone: NodeAlone) -> NodeAlone:
    specs = alone.specs
    if any(spec is not None and spec.shape is None for spec in specs.inputs):
        return replace(alone, specs=replace(specs, outputs=tuple(replace(spec, shape=None) for spec in specs.outputs)))
    try:
        step, outputs = plan_node(alone.node.op, specs, runtime.profile, runtime)
    except ModelError as error:
        return replace(alone, error=error.within(alone.place))
    return replace(alone, step=step, specs=replace(specs, outputs=outputs))


def _nodes(runtime: Runtime, number: int) -> tuple[NodeFacts, ...]:
    return tuple(_facts(alone) for alone in prepare_alone(runtime, number))


def _facts(alone: NodeAlone) -> NodeFacts:
    node, step = alone.node, alone.step
    problem = None if alone.error is None else str(alone.error)
    kernel, why, macs = (None, "", 0) if step is None else (step.kernel, step.why, step.macs)
    return NodeFacts(
        alone.index, node.op.name, node.version, node.inputs, node.outputs, kernel, why, macs, alone.late, problem
    )
