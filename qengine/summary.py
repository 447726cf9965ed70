"""What a model is made of, and which of its operators can't run: facts, as plain values that become JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .errors import ModelError
from .kernels.profile import Profile
from .model import Buffer, External, Graph, Model, Node, Quantization, Tensor
from .op import Spec, Specs, Step
from .program import Program, Runtime, block_scale_of, plan_node
from .sparsity import dense


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


@dataclass(frozen=True)
class PlannedNode:
    """A node in a prepared graph: what runs, why, and in which call of a run (None: nothing is left to do).

    bytes: of all that it reads and writes, constants included; 0 where shapes are known only while running.
    """

    index: int
    operator: str
    kernel: str
    why: str
    bytes: int
    macs: int
    call: int | None


@dataclass(frozen=True)
class PlannedCall:
    """One thing that a run does: native steps joined (rows of them, run by so many threads), or a node by NumPy."""

    native: bool
    nodes: tuple[int, ...]
    rows: int
    threads: int


@dataclass(frozen=True)
class Plan:
    """The first graph prepared. arena, packed: bytes of shared memory for activations, and of packed constants."""

    profile: str
    variant: str
    arena: int
    packed: int
    calls: tuple[PlannedCall, ...]
    nodes: tuple[PlannedNode, ...]


def plan(model: Model, profile: Profile = Profile.XNNPACK, threads: int = 1) -> Plan:
    """Prepares the first graph as it would be run, for the shapes in the file. ModelError where it can't be."""
    runtime = Runtime(model, profile, threads=threads)
    program = Program(runtime, 0)
    program.prepare([model.graphs[0].tensors[i].shape or () for i in model.graphs[0].inputs])
    calls = tuple(
        PlannedCall(True, call.steps, call.native.rows, call.native.threads)
        if call.native is not None
        else PlannedCall(False, call.steps, 0, 1)
        for call in program.calls
    )
    where = {step: number for number, call in enumerate(calls) for step in call.nodes}
    nodes = []
    for each in program.steps:
        kernel, why = ("constant", "computed while preparing") if each.folded else (each.kernel, each.why)
        operands = {i for i in (*each.node.inputs, *each.node.outputs) if i >= 0}
        known = [spec for i, spec in enumerate(program.specs) if i in operands and spec.shape is not None]
        size = sum(spec.size * spec.type.dtype.itemsize for spec in known)
        macs = 0 if each.step is None else each.step.macs
        done = each.folded or each.kernel == "alias"
        nodes.append(
            PlannedNode(each.index, each.node.op.name, kernel, why, size, macs, None if done else where.get(each.index))
        )
    variant = runtime.no_native if runtime.target is None else runtime.target.name
    return Plan(profile.value, variant, program.arena_bytes, program.packed_bytes, calls, tuple(nodes))


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
    specs = [_spec(graph, i, f"$.subgraphs[{number}].tensors[{i}]") for i in range(len(graph.tensors))]
    for index, node in enumerate(graph.nodes):
        alone = _prepared(runtime, NodeAlone(number, index, node, _operands(node, specs), None))
        for i, spec in zip(node.outputs, alone.specs.outputs, strict=True):
            specs[i] = spec
        yield alone


def _spec(graph: Graph, index: int, place: str) -> Spec:
    tensor, value = graph.tensors[index], None
    if tensor.is_constant and isinstance(tensor.data, Buffer):
        try:
            value = tensor.array if tensor.sparsity is None else dense(tensor)
        except ValueError as error:
            raise ModelError(str(error), place) from error
    scale = block_scale_of(graph, tensor)
    return Spec(
        tensor.shape or (), tensor.type, tensor.quantization, value, tensor.is_variable, tensor.name, block_scale=scale
    )


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
