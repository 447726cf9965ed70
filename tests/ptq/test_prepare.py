"""Preparation: the same function of the same inputs, with fewer nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from networks import NONE, RELU6, Array, conv, dense, images, op

from qengine.build import Builder, Operand
from qengine.interpreter import Interpreter
from qengine.model import Model
from qengine.options import ActivationFunctionType, Padding
from qengine.ptq.prepare import prepared

RNG = np.random.default_rng(3)


def names(model: Model) -> list[str]:
    return [node.op.name for node in model.graphs[0].nodes]


def outputs(model: Model, x: Array) -> list[Array]:
    interpreter = Interpreter(model=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def check(model: Model, expected: list[str]) -> Model:
    """Prepares, looks at what is left, and holds the outputs and their names to the source's."""
    tidy, origins = prepared(model)
    assert names(tidy) == expected
    assert [len(part) for part in origins] == [len(graph.nodes) for graph in tidy.graphs]
    for x in images(3, seed=9)[:, None]:
        for want, got in zip(outputs(model, x), outputs(tidy, x), strict=True):
            assert got == pytest.approx(want, rel=1e-5, abs=1e-5 * float(np.abs(want).max()))
    before, after = model.graphs[0], tidy.graphs[0]
    assert [before.tensors[i].name for i in before.outputs] == [after.tensors[i].name for i in after.outputs]
    return tidy


def scaled(b: Builder, x: Operand, name: str, values: Any, **options: Any) -> Operand:
    return b.add(op(name, **options), [x, np.asarray(values, np.float32)])


def test_batch_normalization_goes_into_the_convolution_and_the_activation_after_it() -> None:
    b = Builder()
    y = conv(b, b.input("x", (1, 8, 8, 3)), 6, RNG, fused=NONE)
    y = scaled(b, y, "MUL", RNG.normal(size=(6,)))
    y = scaled(b, y, "ADD", RNG.normal(size=(1, 1, 1, 6)))
    tidy = check(b.model([b.add(op("RELU6"), [y], name="y")]), ["CONV_2D"])
    fused: Any = tidy.graphs[0].nodes[0].op
    assert fused.fused_activation_function is RELU6
    assert prepared(b.model())[1][0][0] == (0, 1, 2, 3)


def test_depthwise_and_dense_layers_take_scales_too() -> None:
    b = Builder()
    x = b.input("x", (1, 8, 8, 3))
    weights = RNG.normal(size=(1, 3, 3, 3)).astype(np.float32)
    options = {"padding": Padding.VALID, "stride_w": 1, "stride_h": 1, "depth_multiplier": 1}
    y = b.add(op("DEPTHWISE_CONV_2D", **options), [x, weights, np.zeros(3, np.float32)])
    y = scaled(b, scaled(b, y, "MUL", [2.0, -1.0, 0.5]), "SUB", [0.1])
    y = dense(b, b.add(op("RESHAPE"), [y, np.array([1, 108], np.int32)]), 4, RNG)
    y = scaled(b, scaled(b, y, "DIV", [2.0, 4.0, 8.0, -1.0]), "ADD", 3.0)
    check(b.model([y]), ["DEPTHWISE_CONV_2D", "RESHAPE", "FULLY_CONNECTED"])


def test_a_layer_without_a_bias_gets_one() -> None:
    b = Builder()
    x = b.add(op("RESHAPE"), [b.input("x", (1, 8, 8, 3)), np.array([1, 192], np.int32)])
    y = b.add(op("FULLY_CONNECTED"), [x, RNG.normal(size=(4, 192)).astype(np.float32), None])
    check(b.model([scaled(b, y, "ADD", [1.0, 2.0, 3.0, 4.0])]), ["RESHAPE", "FULLY_CONNECTED"])


def test_shared_weights_are_scaled_only_where_they_are_scaled() -> None:
    b = Builder()
    x = b.input("x", (1, 8, 8, 3))
    weights = b.constant(RNG.normal(size=(5, 1, 1, 3)).astype(np.float32))
    bias = b.constant(RNG.normal(size=5).astype(np.float32))
    options = {"padding": Padding.SAME, "stride_w": 1, "stride_h": 1}
    one, two = (b.add(op("CONV_2D", **options), [x, weights, bias]) for _ in range(2))
    check(b.model([scaled(b, one, "MUL", RNG.normal(size=5)), two]), ["CONV_2D", "CONV_2D"])


@pytest.mark.parametrize("kind", ["read twice", "an output", "clamped before", "by pixel", "computed"])
def test_scales_stay_where_they_must(kind: str) -> None:
    b = Builder()
    x = b.input("x", (1, 8, 8, 3))
    y = conv(b, x, 3, RNG, fused=RELU6 if kind == "clamped before" else NONE)
    factor: Any = np.full((1, 8, 1, 1) if kind == "by pixel" else (3,), 2.0, np.float32)
    z = b.add(op("MUL"), [y, x if kind == "computed" else factor])
    ends = [z, y] if kind == "an output" else [b.add(op("ADD"), [z, y])] if kind == "read twice" else [z]
    model = b.model(ends)
    check(model, [node.op.name for node in model.graphs[0].nodes])


@pytest.mark.parametrize("clamp", ["RELU", "RELU6", "RELU_N1_TO_1"])
def test_clamps_are_fused(clamp: str) -> None:
    b = Builder()
    x = b.input("x", (1, 8, 8, 3))
    y = b.add(op(clamp), [b.add(op("ADD"), [x, conv(b, x, 3, RNG, fused=NONE)])])
    tidy = check(b.model([y]), ["CONV_2D", "ADD"])
    fused: Any = tidy.graphs[0].nodes[1].op
    assert fused.fused_activation_function is ActivationFunctionType[clamp]


def test_a_clamp_stays_after_what_cannot_clamp() -> None:
    b = Builder()
    x = b.input("x", (1, 8, 8, 3))
    check(b.model([b.add(op("RELU"), [b.add(op("TANH"), [x])])]), ["TANH", "RELU"])


@pytest.mark.parametrize(("margins", "folds"), [((0, 1), True), ((1, 1), False), ((1, 0), False)])
def test_padding_that_is_the_same_as_same_is_folded(margins: tuple[int, int], folds: bool) -> None:
    b = Builder()
    x = b.input("x", (1, 8, 8, 3))
    amounts = np.array([[0, 0], margins, margins, [0, 0]], np.int32)
    y = b.add(op("PAD"), [x, amounts])
    weights = RNG.normal(size=(4, 3, 3, 3)).astype(np.float32)
    options = {"padding": Padding.VALID, "stride_w": 2, "stride_h": 2}
    y = b.add(op("CONV_2D", **options), [y, weights, np.zeros(4, np.float32)])
    check(b.model([y]), ["CONV_2D"] if folds else ["PAD", "CONV_2D"])


def test_constants_are_computed() -> None:
    b = Builder()
    x = b.input("x", (1, 8, 8, 3))
    half = b.constant(RNG.normal(size=(5, 1, 1, 3)).astype(np.float16))
    weights = b.add(op("DEQUANTIZE"), [half], type=np.float32)
    options = {"padding": Padding.SAME, "stride_w": 1, "stride_h": 1}
    y = b.add(op("CONV_2D", **options), [x, weights, np.zeros(5, np.float32)])
    tidy = check(b.model([y]), ["CONV_2D"])
    assert all(tensor.type.name == "FLOAT32" for tensor in tidy.graphs[0].tensors)


def test_a_constant_that_would_become_huge_is_left() -> None:
    b = Builder()
    x = b.input("x", (1, 8, 8, 3))
    big = b.add(op("FILL"), [np.array([1, 8, 1000, 1000], np.int32), np.float32(1)])
    least = b.add(op("REDUCE_MIN", keep_dims=False), [big, np.array([0, 1, 2, 3], np.int32)])
    tidy, _ = prepared(b.model([b.add(op("ADD"), [x, least])]))
    assert names(tidy) == ["FILL", "REDUCE_MIN", "ADD"]


def test_what_nobody_reads_goes() -> None:
    b = Builder()
    x = b.input("x", (1, 8, 8, 3))
    b.add(op("TANH"), [b.add(op("RELU"), [x])])
    tidy = check(b.model([b.add(op("LOGISTIC"), [x])]), ["LOGISTIC"])
    assert [tensor.name for tensor in tidy.graphs[0].tensors] == ["x", "logistic"]


def test_what_a_signature_names_stays() -> None:
    b = Builder()
    x = b.input("x", (1, 8, 8, 3))
    middle = conv(b, x, 3, RNG, fused=NONE)
    y = b.add(op("RELU"), [middle])
    b.signature("both", {"in": x}, {"middle": middle, "out": y})
    tidy, _ = prepared(b.model([y]))
    assert names(tidy) == ["CONV_2D", "RELU"]
    assert tidy.signatures is not None
    middle_name = dict(tidy.signatures[0].outputs)["middle"]
    assert tidy.graphs[0].tensors[middle_name].name == "conv_2d"
