"""The way back: any quantized model as a float one, so that a published file can be quantized again otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..affine import dequantize
from ..errors import Unsupported
from ..model import Blockwise, Buffer, Graph, Model, MultiAxis, Node, Quantization, Tensor, TensorType
from ..op import Array, CustomOp, UnknownOp
from ..packing import integer_range, pack
from .draft import Draft, Placed, rewritten
from .fuse import has_option, with_options

REAL = TensorType.FLOAT32
_NUMBERS = (TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.INT4, TensorType.UINT4, TensorType.INT2)
_BITWISE = ("BITCAST", "BITWISE_XOR", "CAST", "LEFT_SHIFT", "RIGHT_SHIFT")


def dequantize_model(model: Model) -> Model:
    """A float model that computes what the quantized one stands for.

    Constants become the real numbers that they stand for (weights, biases, float16, blocks), activations become float,
    QUANTIZE and DEQUANTIZE disappear. What quantizing lost is not brought back, but nothing is rounded or clipped any
    more. Each activation keeps, as min and max, the range that it could represent. Dynamic range, weight-only, float16,
    int8, uint8, 16x8 and mixed files, and float ones, which come back as they are but for float16 constants.
    Unsupported where an operator reads the integers themselves (CAST of quantized numbers), or is not known.
    """
    drafts, stands = [], []
    for number, graph in enumerate(model.graphs):
        work = _Reals(number, graph)
        work.run()
        drafts.append(work.draft)
        stands.append(work.same)
    return rewritten(model, drafts, stands)[0]


class _Reals:
    """One graph becoming float."""

    def __init__(self, number: int, graph: Graph) -> None:
        self.number, self.graph = number, graph
        self.draft = Draft(graph)
        self.same: dict[int, int] = {}
        self.wide = _biases(graph) | {node.outputs[0] for node in graph.nodes if _widens(graph, node)}

    def run(self) -> None:
        """Rewrites the draft."""
        for i, tensor in enumerate(self.graph.tensors):
            if self._is_quantized(i):
                self.draft.tensors[i] = self._real(tensor)
        kept: list[Placed] = []
        for at, placed in enumerate(self.draft.nodes):
            node = placed.node
            self._check(node, at)
            if node.op.name in ("QUANTIZE", "DEQUANTIZE") and self._disappears(node):
                source = self.same.get(node.inputs[0], node.inputs[0])
                self._merge(node.outputs[0], source)
                continue
            inputs = tuple(self.same.get(i, i) for i in node.inputs)
            kept.append(replace(placed, node=self._float_node(replace(node, inputs=inputs))))
        self.draft.nodes = kept
        self._ends()

    def _is_quantized(self, index: int) -> bool:
        tensor = self.graph.tensors[index]
        q = tensor.quantization
        if tensor.type is TensorType.FLOAT16:
            return tensor.is_constant and not self._holds_scales(index)
        if q is None or not (q.is_affine or isinstance(q.details, Blockwise | MultiAxis)):
            return False
        return tensor.type in _NUMBERS or index in self.wide

    def _holds_scales(self, index: int) -> bool:
        details = [tensor.quantization.details for tensor in self.graph.tensors if tensor.quantization is not None]
        return any(isinstance(d, Blockwise | MultiAxis) and index in (d.scales, d.zero_points) for d in details)

    def _real(self, tensor: Tensor) -> Tensor:
        """The tensor with real numbers: a constant's values, else the range that it could represent."""
        if tensor.is_constant:
            values = self._values(tensor)
            return replace(tensor, type=REAL, data=Buffer(pack(values, REAL)), quantization=None, sparsity=None)
        q = tensor.quantization
        assert q is not None
        low, high = q.low, q.high
        if (low is None or high is None) and q.scale is not None and tensor.type in _NUMBERS:
            least, most = integer_range(tensor.type)
            least += tensor.type is TensorType.INT16
            points = np.zeros(len(q.scale), np.int64) if q.zero_point is None else q.zero_point
            low = ((least - points) * q.scale).astype(np.float32)
            high = ((most - points) * q.scale).astype(np.float32)
        return replace(tensor, type=REAL, quantization=Quantization(low=low, high=high))

    def _values(self, tensor: Tensor) -> Array:
        """A constant's real numbers, float32."""
        if tensor.sparsity is not None:
            raise Unsupported(f"expected dense constants, got sparse {tensor.name!r}", f"$.subgraphs[{self.number}]")
        if tensor.type is TensorType.FLOAT16:
            return tensor.array.astype(np.float32)
        q = tensor.quantization
        assert q is not None
        if isinstance(q.details, Blockwise):
            return self._of_blocks(tensor, q.details)
        if q.scale is None:
            raise Unsupported(f"expected scales for {tensor.name!r}, got {q.details!r}", f"$.subgraphs[{self.number}]")
        points = np.zeros(len(q.scale), np.int64) if q.zero_point is None else q.zero_point
        if len(q.scale) == 1:
            return dequantize(tensor.array, float(q.scale[0]), int(points[0]))
        # Of a bias kernels don't read the axis: files have that of the weights there.
        return dequantize(tensor.array, q.scale, points, axis=q.axis if q.axis < tensor.array.ndim else 0)

    def _of_blocks(self, tensor: Tensor, blocks: Blockwise) -> Array:
        scales = self.graph.tensors[blocks.scales].array.astype(np.float32)
        points = np.zeros_like(scales) if blocks.zero_points < 0 else self.graph.tensors[blocks.zero_points].array
        rows = tensor.array.reshape(-1, blocks.block_size).astype(np.float32)
        real = (rows - points.reshape(-1, 1)) * scales.reshape(-1, 1)
        return np.asarray(real, np.float32).reshape(tensor.shape or ())

    def _check(self, node: Node, at: int) -> None:
        touches = any(i >= 0 and self._is_quantized(i) for i in (*node.inputs, *node.outputs))
        unknown = isinstance(node.op, CustomOp | UnknownOp)
        if touches and (unknown or node.op.name in _BITWISE):
            raise Unsupported(
                f"expected operators that compute with real numbers, got {node.op.name} of quantized ones",
                f"$.subgraphs[{self.number}].operators[{at}]",
            )

    def _disappears(self, node: Node) -> bool:
        """Whether both ends are real numbers now."""
        return all(self.draft.tensors[i].type is REAL for i in (node.inputs[0], node.outputs[0]))

    def _merge(self, gone: int, source: int) -> None:
        """Tensor `gone` is `source` from here on; its range stays, where `source` has none."""
        self.same[gone] = source
        if self.draft.tensors[source].quantization is None and not self.draft.tensors[source].is_constant:
            kept = replace(self.draft.tensors[source], quantization=self.draft.tensors[gone].quantization)
            self.draft.tensors[source] = kept

    def _float_node(self, node: Node) -> Node:
        op = node.op
        if has_option(op, "quantized_bias_type"):
            op = with_options(op, quantized_bias_type=TensorType.FLOAT32)
        if has_option(op, "asymmetric_quantize_inputs"):
            op = with_options(op, asymmetric_quantize_inputs=False)
        return replace(node, op=op, version=None)

    def _ends(self) -> None:
        """The graph's outputs: their own tensors and names, although the conversions that made them are gone."""
        producers = self.draft.producers()
        outputs = []
        for i in self.draft.outputs:
            source = self.same.get(i, i)
            at = producers.get(source)
            if source != i and at is not None and source not in self.draft.outputs:
                self.draft.tensors[source] = replace(self.draft.tensors[source], name=self.graph.tensors[i].name)
            outputs.append(source)
        self.draft.outputs = outputs


def _widens(graph: Graph, node: Node) -> bool:
    """Whether a QUANTIZE gives int32, as some files' last one does."""
    return node.op.name == "QUANTIZE" and graph.tensors[node.outputs[0]].type is TensorType.INT32


def _biases(graph: Graph) -> set[int]:
    """Integer constants that an operator adds to its sums."""
    found = set()
    for node in graph.nodes:
        positions = {weights.bias for weights in node.op.weights if weights.bias is not None}
        positions |= set(range(12, 16)) | {17} if node.op.name == "UNIDIRECTIONAL_SEQUENCE_LSTM" else set()
        positions |= {3} if node.op.name == "SVDF" else set()
        found |= {node.inputs[p] for p in positions if p < len(node.inputs) and node.inputs[p] >= 0}
    return {i for i in found if graph.tensors[i].type in (TensorType.INT32, TensorType.INT64)}
