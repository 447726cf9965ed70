"""The way back: float models of quantized ones, and quantizing those again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from networks import Array, classifier, dense, images, op

from qengine.build import Builder
from qengine.errors import Unsupported
from qengine.interpreter import Interpreter
from qengine.model import Model, Node, TensorType
from qengine.ptq.dequantize import dequantize_model
from qengine.ptq.quantize import quantize
from qengine.ptq.ranges import Ranges
from qengine.ptq.recipe import SCHEMES

RNG = np.random.default_rng(8)


def run(model: Model, samples: Array) -> Array:
    interpreter = Interpreter(model=model)
    interpreter.allocate_tensors()
    entry, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    outputs = []
    for x in samples:
        interpreter.set_tensor(entry["index"], x[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(result["index"]))
    return np.concatenate(outputs)


def ends(model: Model) -> list[tuple[str | None, str]]:
    graph = model.graphs[0]
    return [(graph.tensors[i].name, graph.tensors[i].type.name) for i in (*graph.inputs, *graph.outputs)]


@pytest.mark.parametrize("name", [name for name in SCHEMES if name != "float"])
def test_every_scheme_comes_back_as_float(name: str) -> None:
    source, samples = classifier(), images(5, seed=4)
    made = quantize(source, name, images(20), measure=0).model
    back = dequantize_model(made)
    assert [node.op.name for node in back.graphs[0].nodes] == [node.op.name for node in source.graphs[0].nodes]
    assert ends(back) == [("image", "FLOAT32"), ("scores", "FLOAT32")]
    real = {"FLOAT32", "INT32"}  # INT32: the axes of MEAN
    assert {tensor.type.name for tensor in back.graphs[0].tensors} <= real
    want = run(source, samples)
    assert run(back, samples) == pytest.approx(want, abs=0.2 if "wi4" in name else 0.01)


@pytest.mark.parametrize("ends_type", ["int8", "uint8"])
def test_integer_ends_become_float(ends_type: str) -> None:
    made = quantize(
        classifier(), "static_wi8_ai8", images(20), measure=0, input_type=ends_type, output_type=ends_type
    ).model
    assert ends(dequantize_model(made)) == [("image", "FLOAT32"), ("scores", "FLOAT32")]


def constants(model: Model) -> dict[str, Any]:
    return {
        str(tensor.name): (tensor.type, tensor.quantization, tensor.array.tolist())
        for tensor in model.graphs[0].tensors
        if tensor.is_constant
    }


@pytest.mark.parametrize("name", ["static_wi8_ai8", "static_wi8_ai16", "static_wi4_ai8"])
def test_quantizing_again_with_its_ranges_gives_the_same_file(name: str) -> None:
    made = quantize(classifier(), name, images(20), measure=0).model
    back = dequantize_model(made)
    again = quantize(back, name, ranges=Ranges.of(back)).model
    before, after = made.graphs[0], again.graphs[0]
    assert [node.op for node in after.nodes] == [node.op for node in before.nodes]
    for node, other in zip(before.nodes, after.nodes, strict=True):
        for i, j in zip((*node.inputs, *node.outputs), (*other.inputs, *other.outputs), strict=True):
            a, b = before.tensors[i], after.tensors[j]
            assert a.type is b.type
            if a.quantization is not None and a.quantization.is_affine:
                assert b.quantization is not None
                assert a.quantization.scale == pytest.approx(b.quantization.scale, rel=1e-5)
                assert (a.quantization.zero_point == b.quantization.zero_point).all()
            if a.is_constant and a.type.name in ("INT8", "INT4"):
                assert (a.array == b.array).all()


def test_activations_keep_the_range_that_they_had() -> None:
    made = quantize(classifier(), "static_wi8_ai8", images(20), measure=0).model
    back = dequantize_model(made)
    entry = back.graphs[0].tensors[back.graphs[0].inputs[0]]
    assert entry.quantization is not None
    assert entry.quantization.low is not None
    assert entry.quantization.high is not None
    seen = images(20)
    assert entry.quantization.low[0] == pytest.approx(seen.min(), abs=0.05)
    assert entry.quantization.high[0] == pytest.approx(seen.max(), abs=0.05)


def test_a_float_model_comes_back_as_it_was() -> None:
    source = classifier()
    back = dequantize_model(source)
    assert back.graphs[0].tensors == source.graphs[0].tensors
    assert [node.op for node in back.graphs[0].nodes] == [node.op for node in source.graphs[0].nodes]


def test_blocks_come_back() -> None:
    b = Builder()
    source = b.model([dense(b, b.input("x", (1, 64)), 4, RNG)])
    made = quantize(source, "dynamic_wi4_afp32", granularity="blockwise").model
    x = RNG.normal(size=(4, 64)).astype(np.float32)
    assert run(dequantize_model(made), x) == pytest.approx(run(source, x), abs=0.5)


def test_operators_that_read_the_integers_are_refused() -> None:
    b = Builder()
    x = b.input("x", (1, 4), np.int8, scale=0.5, zero_point=3)
    model = b.model([b.add(op("CAST"), [x], type=np.int32)])
    with pytest.raises(Unsupported, match=r"CAST of quantized ones - at `\$.subgraphs\[0\].operators\[0\]`"):
        dequantize_model(model)


def test_a_requantize_in_the_middle_disappears() -> None:
    b = Builder()
    x = b.input("x", (1, 4), np.int8, scale=0.5, zero_point=3)
    y = b.add(op("QUANTIZE"), [x], scale=0.25, zero_point=-3, type=np.int8)
    z = b.add(op("TANH"), [y], name="z")
    back = dequantize_model(b.model([z]))
    assert [node.op.name for node in back.graphs[0].nodes] == ["TANH"]
    assert ends(back) == [("x", "FLOAT32"), ("z", "FLOAT32")]


def test_an_output_in_int32_becomes_float() -> None:
    made = quantize(classifier(), "static_wi8_ai8", images(20), measure=0, output_type="int8").model
    (graph,) = made.graphs
    last = graph.tensors[graph.outputs[0]]
    wide = replace(last, name="wide", type=TensorType.INT32)
    nodes = (*graph.nodes, Node(op("QUANTIZE"), graph.outputs, (len(graph.tensors),)))
    widened = replace(graph, tensors=(*graph.tensors, wide), nodes=nodes, outputs=(len(graph.tensors),))
    back = dequantize_model(replace(made, graphs=(widened,), signatures=None))
    assert ends(back) == [("image", "FLOAT32"), ("wide", "FLOAT32")]
    assert run(back, images(3)) == pytest.approx(run(classifier(), images(3)), abs=0.01)


def test_a_bias_may_say_the_axis_of_its_weights() -> None:
    made = quantize(classifier(), "static_wi8_ai8", images(20), measure=0).model
    (graph,) = made.graphs
    (depthwise,) = (node for node in graph.nodes if node.op.name == "DEPTHWISE_CONV_2D")
    bias = graph.tensors[depthwise.inputs[2]]
    assert bias.quantization is not None
    tensors = list(graph.tensors)
    tensors[depthwise.inputs[2]] = replace(bias, quantization=replace(bias.quantization, axis=3))
    changed = replace(made, graphs=(replace(graph, tensors=tuple(tensors)),))
    assert constants(dequantize_model(changed)) == constants(dequantize_model(made))
