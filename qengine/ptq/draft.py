"""A graph that is being rewritten: lists where `Graph` has tuples, and the questions that rewriting asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..model import Blockwise, Buffer, Graph, Model, MultiAxis, Node, Quantization, Tensor, TensorType
from ..op import Array, Op
from ..packing import pack


@dataclass(frozen=True)
class Placed:
    """A node, and the numbers of the source graph's nodes that went into it (none: it was inserted)."""

    node: Node
    origin: tuple[int, ...] = ()


class Draft:
    """One graph as lists. Tensors are only ever added; `finish` drops the ones that nothing names.

    `nodes` is replaced as a whole or changed by methods: who makes and who reads what is worked out once in between.
    """

    def __init__(self, graph: Graph) -> None:
        self.source = graph
        self.tensors: list[Tensor] = list(graph.tensors)
        self._nodes: list[Placed] = [Placed(node, (number,)) for number, node in enumerate(graph.nodes)]
        self._producers: dict[int, int] | None = None
        self._uses: dict[int, list[tuple[int, int]]] | None = None
        self.inputs: list[int] = list(graph.inputs)
        self.outputs: list[int] = list(graph.outputs)
        self._names = {tensor.name for tensor in graph.tensors}
        self._numbered: dict[int, tuple[str, str]] = {}

    def add(self, tensor: Tensor) -> int:
        """A new tensor's index; its name gets a number where it is taken, unless the one that has it is dropped."""
        stem, name, count = tensor.name or "tensor", tensor.name or "tensor", 0
        while name in self._names:
            count += 1
            name = f"{stem}_{count}"
        self._names.add(name)
        self.tensors.append(replace(tensor, name=name))
        if name != stem:
            self._numbered[len(self.tensors) - 1] = (name, stem)
        return len(self.tensors) - 1

    def constant(
        self, values: Array, type_: TensorType, name: str | None, quantization: Quantization | None = None
    ) -> int:
        """A new constant tensor's index."""
        data = Buffer(pack(values, type_))
        return self.add(Tensor(name, tuple(values.shape), type_, data, quantization))

    @property
    def nodes(self) -> Sequence[Placed]:
        """In order of execution."""
        return self._nodes

    @nodes.setter
    def nodes(self, nodes: Iterable[Placed]) -> None:
        self._nodes = list(nodes)
        self._producers = self._uses = None

    def producers(self) -> Mapping[int, int]:
        """By tensor: the position of the node that computes it."""
        if self._producers is None:
            self._producers = {i: at for at, placed in enumerate(self._nodes) for i in placed.node.outputs}
        return self._producers

    def uses(self) -> Mapping[int, Sequence[tuple[int, int]]]:
        """By tensor: the (node, input) positions that read it."""
        if self._uses is not None:
            return self._uses
        found: dict[int, list[tuple[int, int]]] = {}
        for at, placed in enumerate(self.nodes):
            for position, i in enumerate(placed.node.inputs):
                if i >= 0:
                    found.setdefault(i, []).append((at, position))
        self._uses = found
        return found

    def reroute(self, before: int, after: int) -> None:
        """Every reader of tensor `before`, the graph's outputs included, reads `after`."""
        self.outputs = [after if i == before else i for i in self.outputs]
        for at, placed in enumerate(self.nodes):
            if before in placed.node.inputs:
                inputs = tuple(after if i == before else i for i in placed.node.inputs)
                self._nodes[at] = replace(placed, node=replace(placed.node, inputs=inputs))
        self._producers = self._uses = None

    def change(self, at: int, *, op: Op | None = None, inputs: Sequence[int] | None = None) -> None:
        """Another operator or other inputs for node `at`; its version is computed anew when the model is written."""
        placed = self.nodes[at]
        node = replace(
            placed.node,
            op=placed.node.op if op is None else op,
            inputs=placed.node.inputs if inputs is None else tuple(inputs),
            version=None,
        )
        self._nodes[at] = replace(placed, node=node)
        self._producers = self._uses = None

    def absorb(self, keeper: int, gone: int, *, output: int | None = None) -> None:
        """Node `gone` has become part of node `keeper`, whose output is then `output`."""
        kept, lost = self.nodes[keeper], self.nodes[gone]
        node = kept.node if output is None else replace(kept.node, outputs=(output,))
        self._nodes[keeper] = Placed(node, (*kept.origin, *lost.origin))
        del self._nodes[gone]
        self._producers = self._uses = None

    def finish(self, named: Iterable[int] = ()) -> tuple[Graph, dict[int, int]]:
        """The graph without unused tensors, and where each tensor that stays went. `named` ones stay."""
        used = {*self.inputs, *self.outputs, *named}
        for placed in self.nodes:
            node = placed.node
            used |= {i for i in (*node.inputs, *node.outputs, *(node.intermediates or ())) if i >= 0}
        pending = list(used)
        while pending:
            for i in _beside(self.tensors[pending.pop()].quantization):
                if i not in used:
                    used.add(i)
                    pending.append(i)
        self._drop_numbers(used)
        moved = {old: new for new, old in enumerate(sorted(used))}
        tensors = tuple(_moved_tensor(self.tensors[i], moved) for i in sorted(used))
        nodes = tuple(_moved_node(placed.node, moved) for placed in self.nodes)
        inputs, outputs = (tuple(moved[i] for i in part) for part in (self.inputs, self.outputs))
        return replace(self.source, tensors=tensors, nodes=nodes, inputs=inputs, outputs=outputs), moved

    def _drop_numbers(self, used: set[int]) -> None:
        """Gives tensors the names they were to have, where the ones that had them are gone."""
        taken = {self.tensors[i].name for i in used}
        for i in sorted(used & self._numbered.keys()):
            name, stem = self._numbered[i]
            if self.tensors[i].name == name and stem not in taken:
                self.tensors[i] = replace(self.tensors[i], name=stem)
                taken.add(stem)


def rewritten(
    model: Model, drafts: Sequence[Draft], stand_ins: Sequence[Mapping[int, int]] | None = None
) -> tuple[Model, list[dict[int, int]]]:
    """The model with its graphs as drafted, and for each graph where the draft's tensors went.

    stand_ins: per graph, which tensors took the places of those that signatures name.
    """
    graphs, moves = [], []
    for number, draft in enumerate(drafts):
        stands = {} if stand_ins is None else stand_ins[number]
        named = [
            stands.get(i, i)
            for signature in model.signatures or ()
            if signature.graph == number
            for _, i in (*signature.inputs, *signature.outputs)
        ]
        graph, moved = draft.finish(named)
        graphs.append(graph)
        moves.append(moved)

    def there(number: int, index: int) -> int:
        stands = {} if stand_ins is None else stand_ins[number]
        return moves[number][stands.get(index, index)]

    signatures = None
    if model.signatures is not None:
        signatures = tuple(
            replace(
                signature,
                inputs=tuple((name, there(signature.graph, i)) for name, i in signature.inputs),
                outputs=tuple((name, there(signature.graph, i)) for name, i in signature.outputs),
            )
            for signature in model.signatures
        )
    return replace(model, graphs=tuple(graphs), signatures=signatures), moves


def shared_buffers(model: Model) -> Model:
    """The model with one buffer for constants of equal bytes, however many tensors hold them."""
    kept: dict[bytes, Buffer] = {}

    def shared(tensor: Tensor) -> Tensor:
        if not isinstance(tensor.data, Buffer) or len(tensor.data) == 0:
            return tensor
        return replace(tensor, data=kept.setdefault(bytes(tensor.data.data), tensor.data))

    graphs = tuple(replace(graph, tensors=tuple(map(shared, graph.tensors))) for graph in model.graphs)
    return replace(model, graphs=graphs)


def floats(tensor: Tensor) -> Array:
    """The values of a FLOAT32 constant; read-only."""
    assert tensor.type is TensorType.FLOAT32
    return np.asarray(tensor.array)


def _beside(quantization: Quantization | None) -> tuple[int, ...]:
    """The tensors in which a quantization keeps its scales."""
    details = None if quantization is None else quantization.details
    if isinstance(details, Blockwise | MultiAxis):
        return tuple(i for i in (details.scales, details.zero_points) if i >= 0)
    return ()


def _moved_tensor(tensor: Tensor, moved: Mapping[int, int]) -> Tensor:
    details = None if tensor.quantization is None else tensor.quantization.details
    if not isinstance(details, Blockwise | MultiAxis):
        return tensor
    assert tensor.quantization is not None
    points = moved[details.zero_points] if details.zero_points >= 0 else details.zero_points
    there = replace(details, scales=moved.get(details.scales, details.scales), zero_points=points)
    return replace(tensor, quantization=replace(tensor.quantization, details=there))


def _moved_node(node: Node, moved: Mapping[int, int]) -> Node:
    def each(indices: Iterable[int]) -> tuple[int, ...]:
        return tuple(moved[i] if i >= 0 else i for i in indices)

    middle = None if node.intermediates is None else each(node.intermediates)
    return replace(node, inputs=each(node.inputs), outputs=each(node.outputs), intermediates=middle)
