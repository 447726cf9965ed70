"""Recurrent operators: state on grids that their kernels prescribe, and watched step by step."""

from __future__ import annotations

import types

import numpy as np
import pytest
from networks import Array, op

from qengine.build import Builder
from qengine.errors import Unsupported
from qengine.interpreter import Interpreter
from qengine.model import Model
from qengine.ptq.calibrate import calibrate
from qengine.ptq.quantize import quantize
from qengine.tflite import to_bytes

RNG = np.random.default_rng(2)
STEPS, DEPTH, CELLS = 6, 5, 4


def lstm(*, time_major: bool = False) -> Model:
    """x (1, steps, depth), or (steps, 1, depth), through a cell of 4 to the sequence of its outputs."""
    b = Builder()
    x = b.input("x", (STEPS, 1, DEPTH) if time_major else (1, STEPS, DEPTH))

    def matrix(*shape: int) -> Array:
        return RNG.normal(size=shape).astype(np.float32) / 2

    parts = [x, *(matrix(CELLS, DEPTH) for _ in range(4)), *(matrix(CELLS, CELLS) for _ in range(4))]
    parts += [None] * 3 + [matrix(CELLS) for _ in range(4)] + [None] * 2
    parts += [b.variable("output state", (1, CELLS)), b.variable("cell state", (1, CELLS))]
    options = {"fused_activation_function": 4, "time_major": time_major}
    return b.model([b.add(op("UNIDIRECTIONAL_SEQUENCE_LSTM", **options), [*parts, *[None] * 4], name="y")])


def samples(count: int, *, time_major: bool = False) -> Array:
    shape = (STEPS, 1, DEPTH) if time_major else (1, STEPS, DEPTH)
    return RNG.normal(size=(count, *shape)).astype(np.float32)


@pytest.mark.parametrize("time_major", [False, True])
def test_the_cell_state_is_watched_at_every_step(time_major: bool) -> None:
    seen = calibrate(lstm(time_major=time_major), samples(3, time_major=time_major))["0/cell state"]
    assert seen.values >= 3 * (STEPS + 1) * CELLS
    assert seen.low < 0 < seen.high


@pytest.mark.parametrize("time_major", [False, True])
def test_state_and_biases_are_kept_as_the_kernel_wants_them(time_major: bool) -> None:
    made = quantize(lstm(time_major=time_major), "static_wi8_ai8", samples(8, time_major=time_major)).model
    graph = made.graphs[0]
    node = next(node for node in graph.nodes if node.op.name == "UNIDIRECTIONAL_SEQUENCE_LSTM")
    kinds = [None if i < 0 else graph.tensors[i].type.name for i in node.inputs]
    assert kinds[0] == "INT8"
    assert set(kinds[1:9]) == {"INT8"}
    assert set(kinds[12:16]) == {"INT32"}
    assert kinds[18:20] == ["INT8", "INT16"]
    cell, output = (graph.tensors[i].quantization for i in (node.inputs[19], node.outputs[0]))
    assert cell is not None
    assert cell.scale is not None
    assert np.log2(cell.scale[0]) % 1 == 0
    assert graph.tensors[node.inputs[18]].quantization == output
    assert node.intermediates is not None
    assert len(node.intermediates) == 5
    assert graph.tensors[node.intermediates[4]].quantization == output


@pytest.mark.parametrize("resolver", ["AUTO", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "BUILTIN_REF"])
@pytest.mark.parametrize("recipe", ["static_wi8_ai8", "dynamic_wi8_afp32"])
def test_the_runtime_computes_what_we_do(litert: types.ModuleType, recipe: str, resolver: str) -> None:
    source, data = lstm(), samples(8)
    blob = to_bytes(quantize(source, recipe, data, measure=0, min_weight_elements=0).model)
    kernels = {"AUTO": "xnnpack", "BUILTIN_REF": "reference"}.get(resolver, "optimized")
    outputs = []
    for interpreter in (
        litert.Interpreter(
            model_content=blob, experimental_op_resolver_type=getattr(litert.OpResolverType, resolver), num_threads=1
        ),
        Interpreter(model_content=blob, profile=kernels),
        Interpreter(model=source),
    ):
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], data[0])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    assert outputs[1] == pytest.approx(outputs[0], abs=0 if recipe.startswith("static") else 1e-5)
    assert outputs[1] == pytest.approx(outputs[2], abs=0.05)


def test_there_is_no_cell_of_16_bits() -> None:
    with pytest.raises(Unsupported, match=r"UNIDIRECTIONAL_SEQUENCE_LSTM of graph 0 .*int8 activations and weights"):
        quantize(lstm(), "static_wi8_ai16", samples(2))


def test_4_bit_weights_become_8_bits_there() -> None:
    report = quantize(lstm(), "static_wi4_ai8", samples(4)).report
    assert report.layers[0].treatment == "integer"
    assert report.layers[0].why.startswith("int8 weights:")


def test_svdf_keeps_its_state_in_16_bits(litert: types.ModuleType) -> None:
    b = Builder()
    x = b.input("x", (1, 6))
    feature = RNG.normal(size=(8, 6)).astype(np.float32)
    time = RNG.normal(size=(8, 5)).astype(np.float32)
    state = b.variable("state", (1, 40))
    bias = RNG.normal(size=4).astype(np.float32)
    y = b.add(op("SVDF", rank=2, fused_activation_function=1), [x, feature, time, bias, state])
    data = RNG.normal(size=(20, 6)).astype(np.float32)
    made = quantize(b.model([y]), "static_wi8_ai8", data).model
    graph = made.graphs[0]
    node = next(node for node in graph.nodes if node.op.name == "SVDF")
    assert [graph.tensors[i].type.name for i in node.inputs] == ["INT8", "INT8", "INT16", "INT32", "INT16"]
    assert np.abs(graph.tensors[node.inputs[2]].array).max() == 511
    blob, outputs = to_bytes(made), []
    for interpreter in (litert.Interpreter(model_content=blob), Interpreter(model_content=blob)):
        interpreter.allocate_tensors()
        for row in data[:4]:
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], row[None])
            interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    assert (outputs[0] == outputs[1]).all()
