"""The placement walk: which tensors share a grid, and where conversions stand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from networks import NONE, conv, dense, images, op

from qengine.build import Builder, Operand
from qengine.errors import Unsupported
from qengine.model import Model, Quantization, Tensor
from qengine.ptq.quantize import quantize

RNG = np.random.default_rng(4)


def made(model: Model, recipe: str = "static_wi8_ai8", **changes: Any) -> Model:
    return quantize(model, recipe, images(8), measure=0, **changes).model


def names(model: Model) -> list[str]:
    return [node.op.name for node in model.graphs[0].nodes]


def tensor(model: Model, name: str) -> Tensor:
    return next(tensor for tensor in model.graphs[0].tensors if tensor.name == name)


def grid(model: Model, name: str) -> Quantization | None:
    return tensor(model, name).quantization


def start() -> tuple[Builder, Operand]:
    b = Builder()
    return b, b.input("x", (1, 8, 8, 3))


def test_an_operator_with_one_input_hands_its_grid_on() -> None:
    b, x = start()
    y = b.add(op("MAX_POOL_2D", stride_w=2, stride_h=2, filter_width=2, filter_height=2), [x], name="pooled")
    y = b.add(op("RESHAPE"), [y, np.array([1, 48], np.int32)], name="flat")
    model = made(b.model([dense(b, y, 4, RNG)]))
    assert names(model) == ["QUANTIZE", "MAX_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "DEQUANTIZE"]
    assert grid(model, "x_int8") == grid(model, "pooled") == grid(model, "flat")


def test_concatenation_imposes_its_grid_in_8_bits() -> None:
    b, x = start()
    one, two = conv(b, x, 3, RNG, fused=NONE), conv(b, x, 4, RNG)
    y = b.add(op("CONCATENATION", axis=3), [one, two], name="joined")
    model = made(b.model([conv(b, y, 2, RNG)]))
    assert names(model) == ["QUANTIZE", "CONV_2D", "CONV_2D", "CONCATENATION", "CONV_2D", "DEQUANTIZE"]
    assert grid(model, one.name) == grid(model, two.name) == grid(model, "joined")


def test_in_16_bits_concatenation_requantizes_what_comes_in() -> None:
    b, x = start()
    one, two = conv(b, x, 3, RNG, fused=NONE), conv(b, x, 4, RNG)
    y = b.add(op("CONCATENATION", axis=3), [one, two], name="joined")
    model = made(b.model([conv(b, y, 2, RNG)]), "static_wi8_ai16")
    assert names(model).count("QUANTIZE") in (2, 3)  # the input, and each operand with another scale than the result
    assert grid(model, one.name) != grid(model, two.name)


def test_a_prescribed_grid_is_kept_and_requantized_where_it_is_joined() -> None:
    b, x = start()
    one, two = b.add(op("LOGISTIC"), [x], name="sigmoid"), conv(b, x, 3, RNG)
    model = made(b.model([b.add(op("CONCATENATION", axis=3), [one, two], name="joined")]))
    assert names(model) == ["QUANTIZE", "LOGISTIC", "CONV_2D", "QUANTIZE", "CONCATENATION", "DEQUANTIZE"]
    assert grid(model, "sigmoid") == Quantization.of(1 / 256, -128)


def test_what_two_concatenations_read_is_requantized_once() -> None:
    b, x = start()
    shared, other = conv(b, x, 3, RNG), conv(b, x, 3, RNG, fused=NONE)
    first = b.add(op("CONCATENATION", axis=3), [shared, x])
    second = b.add(op("CONCATENATION", axis=3), [shared, other])
    model = made(b.model([conv(b, first, 2, RNG), conv(b, second, 2, RNG)]))
    assert names(model).count("QUANTIZE") == 2  # x from float, and `shared` for one of the two


def test_constants_of_arithmetic_have_a_grid_of_their_own() -> None:
    b, x = start()
    y = b.add(op("MUL"), [x, b.constant(np.array([0.5, 0.25, 2.0], np.float32), name="factors")])
    model = made(b.model([y]))
    factors = tensor(model, "factors")
    assert factors.quantization == Quantization.of(2.0 / 255, -128)
    assert factors.array.tolist() == [-64, -96, 127]


def test_a_table_that_is_looked_up_gives_the_grid() -> None:
    b = Builder()
    ids = b.input("ids", (5,), np.int32)
    table = b.constant(np.linspace(-1, 3, 40, dtype=np.float32).reshape(10, 4), name="table")
    y = b.add(op("GATHER"), [table, ids], name="rows")
    b.returns([dense(b, y, 2, RNG)])
    source = b.model()
    model = quantize(source, "static_wi8_ai8", [np.array([0, 1, 2, 3, 4])], measure=0).model
    assert grid(model, "table") == grid(model, "rows")
    assert tensor(model, "table").array.max() == 127


def test_the_input_and_output_types_are_the_recipes() -> None:
    b, x = start()
    source = b.model([conv(b, x, 3, RNG)])
    whole = made(source, input_type="int8", output_type="int8")
    assert names(whole) == ["CONV_2D"]
    unsigned = made(source, input_type="uint8", output_type="uint8")
    assert names(unsigned) == ["QUANTIZE", "CONV_2D", "QUANTIZE"]
    graph = unsigned.graphs[0]
    assert [graph.tensors[i].type.name for i in (*graph.inputs, *graph.outputs)] == ["UINT8", "UINT8"]
    assert [graph.tensors[i].name for i in (*graph.inputs, *graph.outputs)] == ["x", "conv_2d"]
    inner, outer = (grid(unsigned, name) for name in ("x_int8", "x"))
    assert inner is not None
    assert outer is not None
    assert inner.zero_point is not None
    assert outer == Quantization.of(inner.scale, inner.zero_point + 128)


@pytest.mark.parametrize("kept", ["SOFTMAX", "#2", "^scores$"])
def test_nodes_are_kept_in_float_by_operator_number_and_name(kept: str) -> None:
    b, x = start()
    y = b.add(op("MEAN", keep_dims=False), [conv(b, x, 4, RNG), np.array([1, 2], np.int32)])
    source = b.model([b.add(op("SOFTMAX", beta=1.0), [y], name="scores")])
    assert names(made(source, keep_in_float=[kept])) == ["QUANTIZE", "CONV_2D", "MEAN", "DEQUANTIZE", "SOFTMAX"]


def test_a_rule_finds_what_was_fused() -> None:
    b, x = start()
    y = b.add(
        op(
            "RELU",
        ),
        [conv(b, x, 4, RNG, fused=NONE)],
        name="activation",
    )
    source = b.model([conv(b, y, 2, RNG)])
    for kept in ("^conv_2d$", "^activation$", "RELU", "#0", "#1"):
        assert names(made(source, keep_in_float=[kept])) == ["CONV_2D", "QUANTIZE", "CONV_2D", "DEQUANTIZE"]


def test_what_only_moves_numbers_between_float_nodes_stays_float() -> None:
    b, x = start()
    y = b.add(op("TANH"), [x])
    y = b.add(op("TANH"), [b.add(op("RESHAPE"), [y, np.array([1, 192], np.int32)])])
    model = made(b.model([dense(b, y, 3, RNG)]), keep_in_float=["TANH"])
    assert names(model) == ["TANH", "RESHAPE", "TANH", "QUANTIZE", "FULLY_CONNECTED", "DEQUANTIZE"]


def test_one_dequantize_serves_all_float_readers() -> None:
    b, x = start()
    y = conv(b, x, 3, RNG)
    ends = [b.add(op("TANH"), [y]), b.add(op("LOGISTIC"), [y]), y]
    model = made(b.model(ends), keep_in_float=["TANH", "LOGISTIC"])
    assert names(model) == ["QUANTIZE", "CONV_2D", "DEQUANTIZE", "TANH", "LOGISTIC"]


def test_what_has_no_integer_kernel_is_refused_by_name() -> None:
    b, x = start()
    source = b.model([b.add(op("COS"), [conv(b, x, 3, RNG)])])
    with pytest.raises(Unsupported, match=r"node 1 COS of graph 0 .*keep_in_float.*unquantizable='float'"):
        made(source)
    assert names(made(source, unquantizable="float")) == ["QUANTIZE", "CONV_2D", "DEQUANTIZE", "COS"]
    assert names(made(source, keep_in_float=["COS"])) == ["QUANTIZE", "CONV_2D", "DEQUANTIZE", "COS"]


def test_rules_mix_schemes() -> None:
    from qengine.ptq.recipe import Recipe, Rule

    b, x = start()
    y = conv(b, x, 8, RNG)
    y = b.add(op("RESHAPE"), [y, np.array([1, 512], np.int32)])
    source = b.model([dense(b, y, 8, RNG)])
    recipe = Recipe.named("static_wi8_ai8", rules=[Rule("dynamic_wi8_afp32", operator="FULLY_CONNECTED")])
    model = quantize(source, recipe, images(4), measure=0).model
    assert names(model) == ["QUANTIZE", "CONV_2D", "RESHAPE", "DEQUANTIZE", "FULLY_CONNECTED"]
    last = model.graphs[0].nodes[-1]
    assert [model.graphs[0].tensors[i].type.name for i in last.inputs] == ["FLOAT32", "INT8", "FLOAT32"]


def test_what_a_composite_computes_stays_float_and_is_watched_all_the_same() -> None:
    b, x = start()
    y = conv(b, x, 3, RNG)
    inner = b.graph("how")
    z = inner.input("z", (1, 8, 8, 3))
    inner.returns([inner.add(op("TANH"), [z], name="inner tanh")])
    y = b.add(
        op("STABLEHLO_COMPOSITE", composite_name="squash", decomposition_subgraph_index=1), [y], shape=(1, 8, 8, 3)
    )
    made_ = quantize(b.model([conv(b, y, 2, RNG)]), "static_wi8_ai8", images(4))
    names_ = [[node.op.name for node in graph.nodes] for graph in made_.model.graphs]
    assert names_ == [
        ["QUANTIZE", "CONV_2D", "DEQUANTIZE", "STABLEHLO_COMPOSITE", "QUANTIZE", "CONV_2D", "DEQUANTIZE"],
        ["TANH"],
    ]
    seen = made_.ranges["1/inner tanh"]
    assert (seen.samples, seen.low) == (4, 0.0)
    assert 0.5 < seen.high < 1


def test_16_bits_and_8_bits_meet_in_a_requantize() -> None:
    from qengine.ptq.recipe import Recipe, Rule

    b, x = start()
    source = b.model([conv(b, conv(b, x, 3, RNG), 3, RNG, size=1)])
    recipe = Recipe.named("static_wi8_ai8", rules=[Rule("static_wi8_ai16", node=1)])
    model = quantize(source, recipe, images(4), measure=0).model
    assert names(model) == ["QUANTIZE", "CONV_2D", "QUANTIZE", "CONV_2D", "DEQUANTIZE"]
    last = model.graphs[0].nodes[3]
    assert [model.graphs[0].tensors[i].type.name for i in last.inputs] == ["INT16", "INT8", "INT64"]


def ends_of(model: Model) -> list[tuple[str | None, str]]:
    graph = model.graphs[0]
    return [(graph.tensors[i].name, graph.tensors[i].type.name) for i in (*graph.inputs, *graph.outputs)]


def test_an_output_that_is_named_twice_is_converted_once() -> None:
    b, x = start()
    y = conv(b, x, 3, RNG)
    model = made(b.model([y, y]), input_type="uint8", output_type="uint8")
    assert names(model) == ["QUANTIZE", "CONV_2D", "QUANTIZE"]
    assert ends_of(model) == [("x", "UINT8"), ("conv_2d", "UINT8"), ("conv_2d", "UINT8")]


def test_an_input_that_is_an_output_stays_what_it_is() -> None:
    b, x = start()
    model = made(b.model([conv(b, x, 3, RNG), x]), input_type="uint8", output_type="uint8")
    assert names(model) == ["QUANTIZE", "CONV_2D", "QUANTIZE"]
    assert ends_of(model)[2] == ("x", "UINT8")


@pytest.mark.parametrize("kind", ["int8", "uint8"])
def test_integer_ends_of_float_nodes_cost_one_conversion(kind: str) -> None:
    b, x = start()
    y = b.add(op("COS"), [conv(b, b.add(op("COS"), [x]), 3, RNG)], name="y")
    model = made(b.model([y]), unquantizable="float", input_type=kind, output_type=kind)
    assert names(model) == ["DEQUANTIZE", "COS", "QUANTIZE", "CONV_2D", "DEQUANTIZE", "COS", "QUANTIZE"]
    assert ends_of(model) == [("x", kind.upper()), ("y", kind.upper())]


def test_an_input_that_nobody_reads_has_the_asked_type() -> None:
    b, x = start()
    b.input("unused", (1, 8, 8, 3))
    source = b.model([conv(b, x, 3, RNG)])
    data = [[sample, sample] for sample in images(4)]
    model = quantize(source, "static_wi8_ai8", data, measure=0, input_type="int8", output_type="int8").model
    assert names(model) == ["CONV_2D"]
    assert ends_of(model)[1] == ("unused", "INT8")
