"""The batch dimension made free: a model whose constants say a batch size, as the same model for another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..model import Buffer, Graph, Model, Node, Shape, Tensor, TensorType
from ..op import Array
from ..packing import pack
from ..ptq.fuse import with_options


def batch_of(model: Model, graph: int = 0) -> int:
    """The batch size that the file states: the first dimension of its first input; 1 where there is none."""
    graph_ = model.graphs[graph]
    shape = graph_.tensors[graph_.inputs[0]].shape or (1,)
    return max(shape[0], 1)


def for_batch(model: Model, shapes: Sequence[Shape | None], batch: int, graph: int = 0) -> Model:
    """The model with constants that say the batch size changed to `batch`. Tensors keep their indices.

    shapes: of every tensor of the graph, as the file's batch size makes them. RESHAPE, TRANSPOSE_CONV, BROADCAST_TO,
    SLICE and STRIDED_SLICE are mended where their first dimension is the batch, variables and constants that
    CONCATENATION joins get one row a sample. Whether that makes each sample what it would be alone must be tried: an
    operator may mix samples.
    """
    work = _Mending(model.graphs[graph], shapes, batch_of(model, graph), batch)
    graphs = list(model.graphs)
    graphs[graph] = work.mended()
    return replace(model, graphs=tuple(graphs))


class _Mending:
    def __init__(self, graph: Graph, shapes: Sequence[Shape | None], before: int, after: int) -> None:
        self.graph, self.shapes, self.before, self.after = graph, shapes, before, after
        self.tensors: list[Tensor] = list(graph.tensors)

    def mended(self) -> Graph:
        for i, tensor in enumerate(self.tensors):
            if tensor.is_variable and tensor.shape and tensor.shape[0] == self.before:
                self.tensors[i] = replace(tensor, shape=(self.after, *tensor.shape[1:]))
        nodes = tuple(self._node(node) for node in self.graph.nodes)
        return replace(self.graph, tensors=tuple(self.tensors), nodes=nodes)

    def _node(self, node: Node) -> Node:
        name = node.op.name
        if name == "RESHAPE":
            return self._reshape(node)
        if name in ("TRANSPOSE_CONV", "BROADCAST_TO"):
            return self._sized(node, 0 if name == "TRANSPOSE_CONV" else 1)
        if name == "SLICE":
            return self._slice(node)
        if name == "STRIDED_SLICE":
            return self._strided_slice(node)
        if name == "CONCATENATION":
            return self._concatenation(node)
        return node

    def _grows(self, index: int) -> bool:
        """Whether a computed tensor's first dimension holds the batch, or a multiple of it."""
        shape = self.shapes[index]
        return bool(shape) and shape is not None and shape[0] % self.before == 0

    def _constant(self, index: int, values: Array) -> int:
        """A constant like tensor `index`, of other values."""
        like = self.tensors[index]
        self.tensors.append(replace(like, shape=values.shape, data=Buffer(pack(values, like.type))))
        return len(self.tensors) - 1

    def _values(self, index: int) -> Array | None:
        return self.tensors[index].array if index >= 0 and self.tensors[index].is_constant else None

    @staticmethod
    def _with(node: Node, position: int, index: int) -> Node:
        inputs = list(node.inputs)
        inputs[position] = index
        return replace(node, inputs=tuple(inputs))

    def _reshape(self, node: Node) -> Node:
        shape = self.shapes[node.outputs[0]]
        stated = len(node.inputs) < 2 or self._values(node.inputs[1]) is not None
        if not stated or not shape or not self._grows(node.inputs[0]) or 0 in shape:
            return node
        wanted = (-1, *shape[1:])
        if len(node.inputs) < 2:
            return replace(node, op=with_options(node.op, new_shape=wanted))
        self.tensors.append(
            Tensor(None, (len(wanted),), TensorType.INT32, Buffer(pack(np.array(wanted, np.int32), TensorType.INT32)))
        )
        return self._with(node, 1, len(self.tensors) - 1)

    def _sized(self, node: Node, position: int) -> Node:
        values = self._values(node.inputs[position])
        if values is None or len(values) == 0 or values[0] != self.before:
            return node
        changed = values.copy()
        changed[0] = self.after
        return self._with(node, position, self._constant(node.inputs[position], changed))

    def _slice(self, node: Node) -> Node:
        begin, size = self._values(node.inputs[1]), self._values(node.inputs[2])
        if begin is None or size is None or len(size) == 0 or begin[0] != 0 or size[0] != self.before:
            return node
        changed = size.copy()
        changed[0] = -1
        return self._with(node, 2, self._constant(node.inputs[2], changed))

    def _strided_slice(self, node: Node) -> Node:
        op, (begin, end) = node.op, (self._values(node.inputs[i]) for i in (1, 2))
        shrinks = op.shrink_axis_mask & 1 or op.new_axis_mask & 1 or op.ellipsis_mask & 1  # type: ignore[attr-defined]
        shape = self.shapes[node.inputs[0]]
        if begin is None or end is None or len(begin) == 0 or shrinks or not shape or shape[0] != self.before:
            return node
        if begin[0] in (0, -self.before) and end[0] >= self.before:
            return replace(node, op=with_options(op, end_mask=op.end_mask | 1))  # type: ignore[attr-defined]
        return node

    def _concatenation(self, node: Node) -> Node:
        axis, inputs = node.op.axis, list(node.inputs)  # type: ignore[attr-defined]
        rank = len(self.shapes[node.outputs[0]] or ())
        if rank == 0 or axis % rank == 0:
            return node
        for position, index in enumerate(node.inputs):
            values = self._values(index)
            if values is not None and values.shape[0] == self.before:
                rows = np.repeat(values, self.after // self.before, axis=0)
                inputs[position] = self._constant(index, np.ascontiguousarray(rows))
        return replace(node, inputs=tuple(inputs))
