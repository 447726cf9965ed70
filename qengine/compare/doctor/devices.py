"""Rules of devices: Edge TPU, and memory of microcontrollers."""

from __future__ import annotations

from collections.abc import Iterator

from ...arena import Life, place
from ...model import Graph, Model
from ...shapes import volume
from .finding import Finding, Severity
from .opened import CONVERSIONS, Opened, T, computed

# fmt: off
EDGE_TPU = frozenset(
    (
        "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "EXPAND_DIMS",
        "FULLY_CONNECTED", "L2_NORMALIZATION", "LOGISTIC", "MAX_POOL_2D", "MAXIMUM", "MEAN", "MINIMUM", "MUL",
        "PACK", "PAD", "PRELU", "QUANTIZE", "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6", "RELU_N1_TO_1",
        "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SLICE", "SOFTMAX",
        "SPACE_TO_DEPTH", "SPLIT", "SQUARED_DIFFERENCE", "SQUEEZE", "STRIDED_SLICE", "SUB", "SUM", "TANH",
        "TRANSPOSE", "TRANSPOSE_CONV", "UNIDIRECTIONAL_SEQUENCE_LSTM",
    )
)
# fmt: on
"""The operators that Edge TPU's compiler maps, as Coral lists them for its runtime 13 and later."""


def edge_tpu_types(opened: Opened) -> Iterator[Finding]:
    """Edge TPU computes in 8 bits: int8, or uint8 throughout."""
    if opened.target != "edgetpu":
        return
    for alone in opened.nodes:
        wrong = next((s for s in computed(alone) if s.type in (T.FLOAT32, T.FLOAT16, T.INT16)), None)
        if wrong is not None and alone.node.op.name not in CONVERSIONS:
            reason = f"{wrong.name!r} is {wrong.type.name}: from here on the network runs on the processor"
            yield opened.finding(alone, Severity.WARNING, reason, "quantize activations and weights to 8 bits")


def edge_tpu_operators(opened: Opened) -> Iterator[Finding]:
    """Operators that Edge TPU's compiler doesn't map; what follows the first of them isn't mapped either."""
    if not _meant_for_edge_tpu(opened):
        return
    for alone in opened.nodes:
        if alone.node.op.name not in EDGE_TPU and alone.node.op.name not in CONVERSIONS:
            reason = f"Edge TPU has no {alone.node.op.name}: from here on the network runs on the processor"
            yield opened.finding(alone, Severity.NOTE, reason, "replace it by operators that Edge TPU has")


def edge_tpu_shapes(opened: Opened) -> Iterator[Finding]:
    """Edge TPU wants lengths known when the file is compiled, and no more than three dimensions longer than 1."""
    if not _meant_for_edge_tpu(opened):
        return
    for number, graph in enumerate(opened.model.graphs):
        for alone in (node for node in opened.nodes if node.graph == number):
            reason = next(
                filter(None, (_shape_problem(graph, i) for i in (*alone.node.inputs, *alone.node.outputs))), None
            )
            if reason is None and any(spec.shape is None for spec in alone.specs.outputs):
                reason = "the shape of its output is known only while running"
            if reason is not None:
                remedy = "convert the model with a fixed batch size and fixed lengths"
                yield opened.finding(alone, Severity.NOTE, f"Edge TPU needs fixed shapes: {reason}", remedy)
                break


def _shape_problem(graph: Graph, index: int) -> str | None:
    if index < 0 or graph.tensors[index].is_constant:
        return None
    tensor = graph.tensors[index]
    if tensor.shape_signature is not None and -1 in tensor.shape_signature:
        return f"{tensor.name!r} has the shape signature {list(tensor.shape_signature)}"
    if tensor.shape is not None and any(length != 1 for length in tensor.shape[:-3]):
        return f"{tensor.name!r} has the shape {list(tensor.shape)}, with more than three dimensions longer than 1"
    return None


def _meant_for_edge_tpu(opened: Opened) -> bool:
    return opened.target == "edgetpu" or (opened.target is None and opened.is_int8)


def arena(opened: Opened) -> Iterator[Finding]:
    """Tensors that need more memory together than there is."""
    if opened.arena is None:
        return
    needed, peak = arena_of(opened.model)
    if needed > opened.arena:
        at = next(alone for alone in opened.nodes if alone.graph == 0 and alone.index == peak)
        live = ", ".join(f"{s.name!r} {list(s.shape or ())}" for s in computed(at) if s.shape is not None)
        reason = f"tensors need {needed:,} bytes, {opened.arena:,} are there; most are alive here: {live}"
        remedy = "shrink the tensors of this node (a smaller image, fewer channels), or reorder what lives beside it"
        yield opened.finding(at, Severity.WARNING, reason, remedy)


def arena_of(model: Model) -> tuple[int, int]:
    """Bytes that the first graph's tensors need together, for the shapes in the file, those that don't live at the same
    time sharing memory; and the node at which most is alive. Scratch memory of kernels isn't counted."""
    graph = model.graphs[0]
    last = len(graph.nodes)
    spans: dict[int, list[int]] = {i: [0, 0] for i in graph.inputs}
    for number, node in enumerate(graph.nodes):
        for i in (*node.inputs, *node.outputs):
            if i >= 0:
                spans.setdefault(i, [number, number])[1] = number
    for i in graph.outputs:
        spans.setdefault(i, [0, 0])[1] = last
    lives = []
    for i, (first, end) in spans.items():
        tensor = graph.tensors[i]
        if tensor.is_constant:
            continue
        size = -(-volume([max(length, 1) for length in tensor.shape or ()]) * tensor.type.bits // 8)
        lives.append(Life(size, 0, last) if tensor.is_variable else Life(size, first, end))
    if not lives:
        return 0, 0
    alive = [sum(life.size for life in lives if life.first <= number <= life.last) for number in range(max(last, 1))]
    return place(lives)[1], max(range(len(alive)), key=alive.__getitem__)
