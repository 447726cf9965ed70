"""A TFLite model's layers as an ONNX model, so that onnxruntime can be timed on the same shapes.

Quantized tensors become uint8 between QuantizeLinear and DequantizeLinear, the form that onnxruntime fuses into its
integer kernels (int8 with zero point z is uint8 with z + 128, which it is fastest with). Images are NCHW there. The
twin rounds by onnxruntime's rules: it is for its time, and close to the model, not equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from qengine.model import Graph, Model, Node, Tensor, TensorType
from qengine.options import ActivationFunctionType, Padding

Array = NDArray[Any]
BYTES = (TensorType.INT8, TensorType.UINT8)
OPSET = 17


class NoTwin(Exception):
    """The model has something that is not translated here."""


class _Twin:
    """An ONNX graph being made: what each tensor is called there, and whether it lies as NCHW."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.names: dict[int, str] = {}
        self.images: set[int] = set()

    def node(self, kind: str, inputs: list[str], **options: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **options))
        return name

    def constant(self, array: Array) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def numbers(self, tensor: Tensor) -> tuple[str, str]:
        """Scale and zero point of a quantized activation, as uint8."""
        q = tensor.quantization
        if q is None or q.scale is None or q.zero_point is None or len(q.scale) != 1:
            raise NoTwin(f"activations of {tensor.name} are not quantized as a whole")
        point = int(q.zero_point[0]) + (128 if tensor.type is TensorType.INT8 else 0)
        return self.constant(np.float32(q.scale[0])), self.constant(np.uint8(point))

    def rounded(self, name: str, tensor: Tensor) -> str:
        """A float value as the output `tensor`: through its quantization where it has one."""
        if tensor.type is TensorType.FLOAT32:
            return name
        if tensor.type not in BYTES:
            raise NoTwin(f"{tensor.type.name} activations")
        numbers = self.numbers(tensor)
        return self.node("DequantizeLinear", [self.node("QuantizeLinear", [name, *numbers]), *numbers])

    def weights(self, tensor: Tensor, order: Callable[[Array], Array], axis: int) -> str:
        """Constant weights as floats, `axis` being that of output channels after `order`."""
        values = tensor.array
        if tensor.type is TensorType.FLOAT32:
            return self.constant(order(values))
        q = tensor.quantization
        if tensor.type not in BYTES or q is None or q.scale is None or q.zero_point is None:
            raise NoTwin(f"{tensor.type.name} weights")
        per_channel = len(q.scale) > 1
        points = q.zero_point.astype(values.dtype)
        scale, point = (q.scale, points) if per_channel else (np.float32(q.scale[0]), points.reshape(-1)[0])
        inputs = [self.constant(order(values)), self.constant(np.asarray(scale, np.float32))]
        inputs.append(self.constant(np.asarray(point, values.dtype)))
        return self.node("DequantizeLinear", inputs, axis=axis)

    def bias(self, node: Node) -> list[str]:
        if len(node.inputs) < 3 or node.inputs[2] < 0:
            return []
        tensor = self.graph.tensors[node.inputs[2]]
        if tensor.type is TensorType.FLOAT32:
            return [self.constant(tensor.array.reshape(-1))]
        x, w = (self.graph.tensors[i].quantization for i in node.inputs[:2])
        if x is None or w is None or x.scale is None or w.scale is None:
            raise NoTwin(f"the bias {tensor.name} belongs to numbers that aren't quantized")
        scale = np.broadcast_to(x.scale[0] * w.scale, tensor.array.size).astype(np.float32)
        zeros = self.constant(np.zeros(tensor.array.size, np.int32))
        inputs = [self.constant(tensor.array.reshape(-1)), self.constant(scale), zeros]
        return [self.node("DequantizeLinear", inputs, axis=0)]

    def image(self, index: int) -> str:
        """A tensor as NCHW."""
        self._see(index)
        if index in self.images:
            return self.names[index]
        return self.node("Transpose", [self.names[index]], perm=[0, 3, 1, 2])

    def plain(self, index: int) -> str:
        """A tensor with its axes in TFLite's order."""
        self._see(index)
        if index not in self.images:
            return self.names[index]
        return self.node("Transpose", [self.names[index]], perm=[0, 2, 3, 1])

    def _see(self, index: int) -> None:
        if index in self.names:
            return
        tensor = self.graph.tensors[index]
        if not tensor.is_constant or tensor.type is not TensorType.FLOAT32:
            raise NoTwin(f"tensor {tensor.name}")
        self.names[index] = self.constant(tensor.array)

    def activated(self, name: str, fused: ActivationFunctionType, output: Tensor) -> str:
        """A fused activation, where the output's quantization doesn't clamp as it does."""
        low, high = fused.bounds
        q = output.quantization
        if output.type in BYTES and q is not None and q.scale is not None and q.zero_point is not None:
            least = -128 if output.type is TensorType.INT8 else 0
            ends = [float(q.scale[0]) * (edge - int(q.zero_point[0])) for edge in (least, least + 255)]
            low, high = (low if low > ends[0] else -np.inf), (high if high < ends[1] else np.inf)
        if (low, high) == (0.0, np.inf):
            return self.node("Relu", [name])
        if low > -np.inf or high < np.inf:
            bounds = [self.constant(np.float32(max(low, -3e38))), self.constant(np.float32(min(high, 3e38)))]
            return self.node("Clip", [name, *bounds])
        return name


def _window(op: Any, x: Tensor, taps: tuple[int, int], dilations: tuple[int, int] = (1, 1)) -> dict[str, Any]:
    strides = (op.stride_h, op.stride_w)
    pads = [0, 0, 0, 0]
    if op.padding is Padding.SAME:
        assert x.shape is not None
        for axis in (0, 1):
            reach = (taps[axis] - 1) * dilations[axis] + 1
            out = -(-x.shape[1 + axis] // strides[axis])
            whole = max((out - 1) * strides[axis] + reach - x.shape[1 + axis], 0)
            pads[axis], pads[axis + 2] = whole // 2, whole - whole // 2
    return {"strides": strides, "pads": pads}


def _add(twin: _Twin, node: Node) -> None:
    """One node more; its output is then known."""
    graph, op, kind = twin.graph, node.op, node.op.name
    (out,), fused = node.outputs[:1], getattr(node.op, "fused_activation_function", ActivationFunctionType.NONE)
    x, output = graph.tensors[node.inputs[0]], graph.tensors[out]
    as_image = True
    if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        w = graph.tensors[node.inputs[1]]
        if w.shape is None or x.shape is None:
            raise NoTwin("shapes known only while running")
        dilations = (op.dilation_h_factor, op.dilation_w_factor)
        deep = kind == "DEPTHWISE_CONV_2D"
        weights = twin.weights(w, lambda a: a.transpose(3, 0, 1, 2) if deep else a.transpose(0, 3, 1, 2), 0)
        group = x.shape[3] if deep else x.shape[3] // w.shape[3]
        options = _window(op, x, (w.shape[1], w.shape[2]), dilations)
        inputs = [twin.image(node.inputs[0]), weights, *twin.bias(node)]
        name = twin.node("Conv", inputs, group=group, dilations=dilations, **options)
    elif kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        taps = (op.filter_height, op.filter_width)
        pool = "MaxPool" if kind == "MAX_POOL_2D" else "AveragePool"
        name = twin.node(pool, [twin.image(node.inputs[0])], kernel_shape=taps, **_window(op, x, taps))
    elif kind == "FULLY_CONNECTED":
        flat = twin.constant(np.array([-1, graph.tensors[node.inputs[1]].array.shape[1]]))
        rows = twin.node("Reshape", [twin.plain(node.inputs[0]), flat])
        weights = twin.weights(graph.tensors[node.inputs[1]], lambda a: a, 0)
        name, as_image = twin.node("Gemm", [rows, weights, *twin.bias(node)], transB=1), False
    elif kind in ("ADD", "MUL", "SUB"):
        as_image = all(i in twin.images for i in node.inputs)
        operands = [twin.names[i] if as_image else twin.plain(i) for i in node.inputs[:2]]
        name = twin.node(kind.capitalize(), operands)
    elif kind == "MEAN":
        axes = graph.tensors[node.inputs[1]].array.reshape(-1)
        name = twin.node("ReduceMean", [twin.plain(node.inputs[0])], axes=axes.tolist(), keepdims=int(op.keep_dims))
        as_image = False
    elif kind in ("SOFTMAX", "LOGISTIC", "TANH", "RELU"):
        as_image = kind != "SOFTMAX" and node.inputs[0] in twin.images
        operand = twin.names[node.inputs[0]] if as_image else twin.plain(node.inputs[0])
        name = twin.node({"SOFTMAX": "Softmax", "LOGISTIC": "Sigmoid", "TANH": "Tanh", "RELU": "Relu"}[kind], [operand])
    elif kind in ("RESHAPE", "SQUEEZE"):
        shape = twin.constant(np.array(output.shape, np.int64))
        name, as_image = twin.node("Reshape", [twin.plain(node.inputs[0]), shape]), False
    elif kind in ("QUANTIZE", "DEQUANTIZE"):
        as_image = node.inputs[0] in twin.images
        name = twin.image(node.inputs[0]) if as_image else twin.plain(node.inputs[0])
    else:
        raise NoTwin(kind)
    name = twin.activated(name, fused, output)
    twin.names[out] = twin.rounded(name, output)
    if as_image:
        twin.images.add(out)


def twin(model: Model) -> ModelProto:
    """The first graph of a model. NoTwin where an operator or a type is not translated."""
    graph = model.graphs[0]
    made = _Twin(graph)
    inputs = []
    for index in graph.inputs:
        tensor = graph.tensors[index]
        bytes_ = tensor.type in BYTES
        if not bytes_ and tensor.type is not TensorType.FLOAT32:
            raise NoTwin(f"{tensor.type.name} inputs")
        kind = TensorProto.UINT8 if bytes_ else TensorProto.FLOAT
        inputs.append(helper.make_tensor_value_info(f"x{index}", kind, list(tensor.shape or ())))
        made.names[index] = f"x{index}"
        if bytes_:
            made.names[index] = made.node("DequantizeLinear", [f"x{index}", *made.numbers(tensor)])
    for node in graph.nodes:
        _add(made, node)
    outputs = []
    for index in graph.outputs:
        name = made.plain(index)
        if graph.tensors[index].type in BYTES:
            name = made.node("QuantizeLinear", [name, *made.numbers(graph.tensors[index])])
        kind = TensorProto.UINT8 if graph.tensors[index].type in BYTES else TensorProto.FLOAT
        outputs.append(helper.make_tensor_value_info(name, kind, None))
    whole = helper.make_graph(made.nodes, "twin", inputs, outputs, made.constants)
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
