"""Quantizing in one call: files that the runtime runs as we do, and errors that say what to do."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from networks import NONE, Array, classifier, conv, dense, images, op

import qengine as qe
from qengine.build import Builder
from qengine.errors import ModelError, Unsupported
from qengine.interpreter import Interpreter
from qengine.model import Blockwise, Model, Quantization, TensorType
from qengine.options import Padding
from qengine.ptq.quantize import calibrate, quantize
from qengine.ptq.ranges import Ranges
from qengine.ptq.recipe import SCHEMES
from qengine.tflite import to_bytes

RNG = np.random.default_rng(6)
RESOLVERS = {
    "xnnpack": "AUTO",
    "optimized": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "reference": "BUILTIN_REF",
}
NAMES = [name for name in SCHEMES if name != "float"]


def run(interpreter: Any, samples: Array) -> Array:
    interpreter.allocate_tensors()
    (entry,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    outputs = []
    for x in samples:
        interpreter.reset_all_variables()
        interpreter.set_tensor(entry["index"], x[None])
        interpreter.invoke()
        outputs.append(np.array(interpreter.get_tensor(result["index"])))
    return np.concatenate(outputs)


def types_of(model: Model, name: str) -> list[str]:
    """The types of the inputs of the first node of an operator."""
    graph = model.graphs[0]
    node = next(node for node in graph.nodes if node.op.name == name)
    return [graph.tensors[i].type.name for i in node.inputs]


# --- what is made


@pytest.mark.parametrize("profile", RESOLVERS)
@pytest.mark.parametrize("name", NAMES)
def test_the_runtime_computes_what_we_do(litert: types.ModuleType, name: str, profile: str) -> None:
    model = quantize(classifier(), name, images(20), measure=0).model
    blob, samples = to_bytes(model), images(6, seed=2)
    resolver = getattr(litert.OpResolverType, RESOLVERS[profile])
    want = run(litert.Interpreter(model_content=blob, experimental_op_resolver_type=resolver, num_threads=1), samples)
    got = run(Interpreter(model_content=blob, profile=profile), samples)
    if name.startswith("static"):
        assert (want == got).all()
    else:
        assert np.abs(want - got).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "conv_types", "dense_types"),
    [
        ("static_wi8_ai8", ["INT8", "INT8", "INT32"], ["INT8", "INT8", "INT32"]),
        ("static_wi8_ai16", ["INT16", "INT8", "INT64"], ["INT16", "INT8", "INT64"]),
        ("static_wi4_ai8", ["INT8", "INT4", "INT32"], ["INT8", "INT4", "INT32"]),
        ("dynamic_wi4_afp32", ["FLOAT32", "INT4", "FLOAT32"], ["FLOAT32", "INT4", "FLOAT32"]),
        ("weight_only_wi4_afp32", ["FLOAT32", "FLOAT32", "FLOAT32"], ["FLOAT32", "FLOAT32", "FLOAT32"]),
        ("float16", ["FLOAT32", "FLOAT32", "FLOAT32"], ["FLOAT32", "FLOAT32", "FLOAT32"]),
    ],
)
def test_a_scheme_decides_types(name: str, conv_types: list[str], dense_types: list[str]) -> None:
    model = quantize(classifier(), name, images(4), measure=0).model
    assert types_of(model, "CONV_2D") == conv_types
    assert types_of(model, "FULLY_CONNECTED") == dense_types
    if "weight_only" in name:
        assert types_of(model, "DEQUANTIZE") == ["INT4"]
    if name == "float16":
        assert types_of(model, "DEQUANTIZE") == ["FLOAT16"]


@pytest.mark.parametrize(
    ("name", "least"),
    [("static_wi8_ai8", 20), ("static_wi8_ai16", 30), ("float16", 55), ("weight_only_wi8_afp32", 30)],
)
def test_a_scheme_keeps_the_outputs(name: str, least: float) -> None:
    samples, source = images(10, seed=3), classifier()
    want = run(Interpreter(model=source), samples)
    got = run(Interpreter(model=quantize(source, name, images(40), measure=0).model), samples)
    assert 10 * np.log10((want**2).sum() / ((want - got) ** 2).sum()) > least


def test_weights_are_smaller_than_a_third() -> None:
    b = Builder()
    source = b.model([dense(b, dense(b, b.input("x", (1, 256)), 256, RNG), 256, RNG)])
    whole = len(to_bytes(source))
    assert len(to_bytes(quantize(source, "dynamic_wi8_afp32").model)) < whole / 3
    assert len(to_bytes(quantize(source, "dynamic_wi4_afp32").model)) < whole / 6


def test_blocks_have_their_scales_beside_them(litert: types.ModuleType) -> None:
    b = Builder()
    source = b.model([dense(b, b.input("x", (1, 128)), 8, RNG)])
    model = quantize(source, "dynamic_wi4_afp32", granularity="blockwise", block_size=64).model
    graph = model.graphs[0]
    weights = graph.tensors[graph.nodes[0].inputs[1]]
    assert weights.type is TensorType.INT4
    assert weights.quantization is not None
    details = weights.quantization.details
    assert isinstance(details, Blockwise)
    assert graph.tensors[details.scales].shape == (8, 2)
    x = RNG.normal(size=(3, 128)).astype(np.float32)
    want = run(litert.Interpreter(model_content=to_bytes(model), num_threads=1), x)
    assert run(Interpreter(model=model), x) == pytest.approx(want, abs=1e-4)
    assert want == pytest.approx(run(Interpreter(model=source), x), abs=0.4)


def test_shared_weights_stay_shared() -> None:
    b = Builder()
    x = b.input("x", (1, 8, 8, 4))
    weights = b.constant(RNG.normal(size=(4, 1, 1, 4)).astype(np.float32))
    bias = b.constant(RNG.normal(size=4).astype(np.float32))
    y = x
    for _ in range(2):
        y = b.add(op("CONV_2D", stride_w=1, stride_h=1), [y, weights, bias])
    samples = RNG.normal(size=(5, 8, 8, 4)).astype(np.float32)
    graph = quantize(b.model([y]), "static_wi8_ai8", samples, measure=0).model.graphs[0]
    first, second = (node for node in graph.nodes if node.op.name == "CONV_2D")
    assert first.inputs[1] == second.inputs[1]
    assert first.inputs[2] != second.inputs[2]  # biases are in units of their own input


def test_equal_constants_are_stored_once() -> None:
    b = Builder()
    x = b.input("x", (1, 64))
    matrix = RNG.normal(size=(64, 64)).astype(np.float32)
    y = b.add(op("FULLY_CONNECTED"), [b.add(op("FULLY_CONNECTED"), [x, matrix, None]), matrix.copy(), None])
    model = quantize(b.model([y]), "static_wi8_ai8", RNG.normal(size=(5, 64)).astype(np.float32), measure=0).model
    assert len(to_bytes(model)) < 2 * 64 * 64


def test_a_bias_that_would_overflow_widens_its_weights() -> None:
    b = Builder()
    x = b.input("x", (1, 4))
    weights = np.array([[1.0, 2, 3, 4], [1e-9, 0, 0, 0]], np.float32)
    y = b.add(op("FULLY_CONNECTED"), [x, weights, np.array([1.0, 1000.0], np.float32)])
    samples = RNG.normal(size=(5, 4)).astype(np.float32)
    model = quantize(b.model([y]), "static_wi8_ai8", samples, measure=0).model
    graph = model.graphs[0]
    node = next(node for node in graph.nodes if node.op.name == "FULLY_CONNECTED")
    assert np.abs(graph.tensors[node.inputs[2]].array).max() <= 2**30
    assert run(Interpreter(model=model), samples)[:, 1] == pytest.approx(1000, rel=0.01)


def test_a_convolution_between_float_and_integers_has_few_conversions() -> None:
    report = quantize(classifier(), "static_wi8_ai8", images(4)).report
    assert report.inserted == 2


# --- several graphs


def two_signatures() -> Model:
    b = Builder()
    x = b.input("x", (1, 8))
    y = dense(b, x, 4, RNG)
    b.returns([y])
    b.signature("encode", {"x": x}, {"y": y})
    other = b.graph("decode")
    z = other.input("z", (1, 4))
    w = dense(other, z, 8, RNG)
    other.returns([w])
    other.signature("decode", {"z": z}, {"w": w})
    return b.model()


def test_each_signature_is_calibrated_by_its_own_samples() -> None:
    model, rng = two_signatures(), np.random.default_rng(6)
    data = {"encode": rng.normal(size=(50, 8)), "decode": [{"z": rng.normal(size=4)} for _ in range(50)]}
    made = quantize(model, "static_wi8_ai8", data, measure=2).model
    assert [[node.op.name for node in graph.nodes] for graph in made.graphs] == [
        ["QUANTIZE", "FULLY_CONNECTED", "DEQUANTIZE"]
    ] * 2
    source, quantized = Interpreter(model=model), Interpreter(model=made)
    for key, name, size in (("encode", "x", 8), ("decode", "z", 4)):
        x = rng.uniform(-1, 1, size=(1, size)).astype(np.float32)
        want = source.get_signature_runner(key)(**{name: x})
        got = quantized.get_signature_runner(key)(**{name: x})
        for part, value in want.items():
            assert got[part] == pytest.approx(value, abs=0.1)


def test_pairs_of_signature_and_sample_will_do_too() -> None:
    def samples() -> Iterator[tuple[str, dict[str, Array]]]:
        for _ in range(3):
            yield "encode", {"x": RNG.normal(size=(1, 8))}
            yield "decode", {"z": RNG.normal(size=(1, 4))}

    assert quantize(two_signatures(), "static_wi8_ai8", samples).ranges.samples == 3


def test_a_signature_without_samples_is_named() -> None:
    with pytest.raises(ModelError, match=r"'z', given by the caller, got none.*each signature.*subgraphs\[1\]"):
        quantize(two_signatures(), "static_wi8_ai8", {"encode": RNG.normal(size=(5, 8))})


# --- ranges


def test_ranges_are_reused_by_another_recipe() -> None:
    first = quantize(classifier(), "static_wi8_ai8", images(10), measure=0)
    again = quantize(classifier(), "static_wi8_ai8", ranges=first.ranges)
    assert again.model == first.model
    assert quantize(classifier(), "static_wi8_ai16", ranges=first.ranges).model != first.model


def test_samples_add_to_given_ranges() -> None:
    half, rest = images(20)[:10], images(20)[10:]
    ranges = calibrate(classifier(), half)
    added = quantize(classifier(), "static_wi8_ai8", rest, ranges=ranges, measure=0)
    assert added.model == quantize(classifier(), "static_wi8_ai8", images(20), measure=0).model


def test_an_observer_decides_the_grids() -> None:
    samples = images(10)
    samples[0, 0, 0, 0] = 50.0
    scales = []
    for observer in (qe.Observer("min_max"), qe.Observer("percentile", 99)):
        graph = quantize(classifier(), "static_wi8_ai8", samples, observer=observer, measure=0).model.graphs[0]
        quantization = graph.tensors[graph.nodes[0].outputs[0]].quantization
        assert quantization is not None
        assert quantization.scale is not None
        scales.append(float(quantization.scale[0]))
    assert scales[0] > 3 * scales[1]


def test_progress_is_told() -> None:
    told: list[tuple[int, int | None]] = []
    quantize(classifier(), "static_wi8_ai8", images(3), measure=0, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_the_public_names_are_these() -> None:
    assert qe.quantize is quantize
    assert qe.calibrate is calibrate
    assert qe.quantize(to_bytes(classifier()), "float16", None).report.samples == 0


# --- what is refused


def test_samples_are_asked_for() -> None:
    with pytest.raises(ValueError, match="representative_dataset"):
        quantize(classifier())
    with pytest.raises(ValueError, match="at least one sample"):
        quantize(classifier(), "static_wi8_ai8", [])


def test_samples_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected samples of shape \[8, 8, 3\] for 'image', got \[9, 8, 3\]"):
        quantize(classifier(), "static_wi8_ai8", np.zeros((4, 9, 8, 3), np.float32))
    with pytest.raises(ValueError, match=r"sample 1: expected shape \[1, 8, 8, 3\]"):
        quantize(classifier(), "static_wi8_ai8", [np.zeros((8, 8, 3)), np.zeros((8, 8, 4))])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused_with_their_tensor(value: float) -> None:
    samples = images(3)
    samples[1, 0, 0, 0] = value
    with pytest.raises(ModelError, match=r"expected finite values of .*got \d+ that are NaN or infinite"):
        quantize(classifier(), "static_wi8_ai8", samples)


def test_weights_that_are_no_numbers_are_refused() -> None:
    b = Builder()
    y = b.add(op("FULLY_CONNECTED"), [b.input("x", (1, 2)), np.array([[1.0, np.nan]], np.float32), None])
    with pytest.raises(ModelError, match=r"NaN or infinity.*operators\[0\]"):
        quantize(b.model([y]), "dynamic_wi8_afp32", min_weight_elements=0)


def test_a_constant_beyond_float16_is_refused() -> None:
    b = Builder()
    y = b.add(op("FULLY_CONNECTED"), [b.input("x", (1, 2)), np.array([[1.0, 1e6]], np.float32), None])
    with pytest.raises(ModelError, match="within float16's 65504"):
        quantize(b.model([y]), "float16", min_weight_elements=0)


def test_a_quantized_model_is_refused() -> None:
    made = quantize(classifier(), "static_wi8_ai8", images(4), measure=0).model
    with pytest.raises(ModelError, match="dequantize_model"):
        quantize(made, "static_wi8_ai8", images(4))
    with pytest.raises(ModelError, match="dequantize_model"):
        quantize(made, "float16")


def test_a_bias_that_is_computed_is_refused() -> None:
    b = Builder()
    x, bias = b.input("x", (1, 4)), b.input("bias", (2,))
    y = b.add(op("FULLY_CONNECTED"), [x, np.ones((2, 4), np.float32), b.add(op("TANH"), [bias])])
    samples = [[np.ones(4), np.ones(2)]]
    with pytest.raises(Unsupported, match="its bias is computed"):
        quantize(b.model([y]), "static_wi8_ai8", samples)


def test_changes_belong_to_a_named_recipe() -> None:
    with pytest.raises(TypeError, match="observer"):
        quantize(classifier(), qe.Recipe(), images(2), observer="mse")


def test_wrong_ranges_are_refused_by_tensor() -> None:
    with pytest.raises(ModelError, match="expected a range for"):
        quantize(classifier(), "static_wi8_ai8", ranges=Ranges())


def test_several_inputs_are_named() -> None:
    b = Builder()
    x, y = b.input("x", (1, 4)), b.input("y", (1, 4))
    model = b.model([b.add(op("ADD"), [x, y])])
    one, two = RNG.normal(size=(6, 4)), 3 * RNG.normal(size=(6, 4))
    forms: list[Any] = [
        {"x": one, "y": two},
        [[a, b] for a, b in zip(one, two, strict=True)],
        [{"y": b, "x": a} for a, b in zip(one, two, strict=True)],
        lambda: ([a[None], b[None]] for a, b in zip(one, two, strict=True)),
    ]
    made = [quantize(model, "static_wi8_ai8", form, measure=0).model for form in forms]
    assert all(other == made[0] for other in made)
    with pytest.raises(ValueError, match="got one array"):
        quantize(model, "static_wi8_ai8", one)
    with pytest.raises(ValueError, match="named 'y'"):
        quantize(model, "static_wi8_ai8", {"x": one})


def test_a_batch_is_filled_with_the_first_samples() -> None:
    source = classifier()
    graph = source.graphs[0]
    b = Builder()
    x = b.input("image", (4, 8, 8, 3))
    batched = b.model([conv(b, x, 3, RNG, fused=NONE)])
    assert quantize(batched, "static_wi8_ai8", images(6), measure=0).ranges.samples == 2
    assert replace(graph) == graph


@pytest.mark.parametrize("padding", [-3.39e38, -np.inf])
def test_what_stands_for_infinity_stretches_no_range(padding: float) -> None:
    """The padding of a maximum: integers saturate there, as the least number of the grid."""
    b = Builder("main")
    x = b.input("x", (1, 4, 4, 1))
    y = b.add(op("PADV2"), [x, np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32), np.array(padding, np.float32)])
    pool = op("MAX_POOL_2D", filter_width=2, filter_height=2, stride_w=2, stride_h=2, padding=Padding.VALID)
    model = b.model([b.add(pool, [y], name="most")])
    made = quantize(model, "static_wi8_ai8", np.random.default_rng(0).normal(size=(20, 4, 4, 1)).astype(np.float32))
    assert made.report.sqnr["most"] > 35
    assert made.report.layers[0].low == pytest.approx(made.ranges["0/x"].low, rel=0.02)


def test_a_float_input_may_state_a_scale_that_means_nothing() -> None:
    model = classifier()
    graph = model.graphs[0]
    stated = replace(graph.tensors[graph.inputs[0]], quantization=Quantization.of(1.0, 0))
    tensors = tuple(stated if i == graph.inputs[0] else tensor for i, tensor in enumerate(graph.tensors))
    odd = replace(model, graphs=(replace(graph, tensors=tensors),))
    want = quantize(model, "static_wi8_ai8", images(8)).report
    assert quantize(odd, "static_wi8_ai8", images(8)).report.sqnr == want.sqnr
