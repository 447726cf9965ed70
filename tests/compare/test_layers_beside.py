"""A float model beside what was quantized of it: folded nodes, balanced channels and other names are no faults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from compared import image_network, with_changed_weight

from qengine.build import Builder
from qengine.compare.allot import budget_of
from qengine.compare.layers import layers_of
from qengine.compare.session import compare
from qengine.compare.sides import counterparts
from qengine.compare.verdict import Verdict
from qengine.model import Model
from qengine.op import Array
from qengine.ops.add import Add
from qengine.ops.conv_2d import Conv2D
from qengine.ops.depthwise_conv_2d import DepthwiseConv2D
from qengine.ops.fully_connected import FullyConnected
from qengine.ops.mean import Mean
from qengine.ops.mul import Mul
from qengine.ops.pad import Pad
from qengine.ops.relu import Relu
from qengine.options import ActivationFunctionType, Padding
from qengine.ptq.quantize import Quantized, quantize
from qengine.samples import samples_of

RNG = np.random.default_rng(11)
SAMPLES = RNG.normal(0, 1, (16, 8, 8, 3)).astype(np.float32)
RELU = ActivationFunctionType.RELU
ONE = {"stride_w": 1, "stride_h": 1}


def network(margin: int = 1) -> Model:
    """As a trainer leaves it, nothing folded: convolution, batch normalization, RELU, PAD, depthwise, dense.

    margin: zeros around what the depthwise convolution reads; with 1 its padding is SAME, with 2 PAD stays.
    """
    rng = np.random.default_rng(7)
    b = Builder()
    x = b.input("x", (1, 8, 8, 3))
    spread = np.geomspace(0.02, 1, 16)  # channels of very different size
    weights = rng.normal(0, 0.3, (16, 3, 3, 3))
    y = b.add(
        Conv2D(**ONE, padding=Padding.SAME), [x, weights.astype(np.float32), np.zeros(16, np.float32)], name="conv"
    )
    y = b.add(Mul(), [y, (spread * rng.uniform(0.5, 1, 16)).astype(np.float32)], name="scaled")
    y = b.add(Add(), [y, (spread * rng.normal(0, 0.2, 16)).astype(np.float32)], name="shifted")
    y = b.add(Relu(), [y], name="relu")
    y = b.add(Pad(), [y, np.int32([[0, 0], [margin] * 2, [margin] * 2, [0, 0]])], name="pad")
    filters = (rng.normal(0, 0.3, (1, 3, 3, 16)) / spread).astype(np.float32)
    op = DepthwiseConv2D(**ONE, depth_multiplier=1, padding=Padding.VALID, fused_activation_function=RELU)
    y = b.add(op, [y, filters, rng.normal(0, 0.1, 16).astype(np.float32)], name="depthwise")
    y = b.add(Mean(keep_dims=False), [y, np.int32([1, 2])], name="mean")
    return b.model([b.add(FullyConnected(), [y, rng.normal(0, 0.3, (5, 16)).astype(np.float32), None], name="dense")])


FLOAT = network()
INT8 = quantize(FLOAT, "static_wi8_ai8", SAMPLES)


def test_what_was_folded_and_balanced_is_no_fault() -> None:
    result = compare(FLOAT, INT8, SAMPLES[:2])
    assert result.verdict == "quantized"
    reasons = {node.name: node.reason for node in result.nodes}
    assert list(reasons) == ["relu", "depthwise", "mean", "dense"]
    assert reasons["relu"] == "the tensors are on different grids, with channels balanced"
    assert "balanced" not in reasons["depthwise"]
    assert set(result.unmatched) == {"conv", "scaled", "shifted", "pad"}
    for node in result.nodes:
        assert node.sqnr_db > 25
        assert node.local is not None
        assert node.local.sqnr_db > 30


def test_it_does_not_matter_which_side_is_float() -> None:
    there, back = compare(FLOAT, INT8, SAMPLES[:2]), compare(INT8, FLOAT, SAMPLES[:2])
    assert back.verdict == "quantized"
    assert "relu/balanced" in [node.name for node in back.nodes]
    decibels = {node.name: node.sqnr_db for node in there.nodes} | {"relu/balanced": there.nodes[0].sqnr_db}
    for node in back.nodes:
        if node.name in decibels:
            assert node.sqnr_db == pytest.approx(decibels[node.name], abs=0.2)


@pytest.mark.parametrize("margin", [1, 2])
def test_a_changed_weight_of_any_layer_is_a_fault(margin: int) -> None:
    real = network(margin)
    made = quantize(real, "static_wi8_ai8", SAMPLES).model
    layers = [k for k, node in enumerate(made.graphs[0].nodes) if node.op.weights]
    for k, name in zip(layers, ("relu", "depthwise", "dense"), strict=True):
        bad = with_changed_weight(made, k)
        for sides in ((real, bad), (bad, real)):
            faults = compare(*sides, SAMPLES[:1]).faults
            assert [fault.name.removesuffix("/balanced") for fault in faults] == [name]
            assert "1 of the weights" in faults[0].reason


def test_without_balancing_nothing_is_divided() -> None:
    made = quantize(FLOAT, "static_wi8_ai8", SAMPLES, refine=False)
    result = compare(FLOAT, made, SAMPLES[:2])
    assert result.verdict == "quantized"
    assert not any("balanced" in node.reason for node in result.nodes)
    assert layers_of(FLOAT, made.model).factors == ({},)


def test_the_layers_of_a_balanced_model_compute_what_the_float_model_does() -> None:
    layers = layers_of(FLOAT, INT8.model)
    (factors,) = layers.factors
    tidy = layers.model
    names = {tidy.graphs[0].tensors[i].name: s for i, s in factors.items()}
    assert list(names) == ["relu"]
    assert names["relu"].shape == (16,)
    assert names["relu"].min() < 0.2 < names["relu"].max()
    result = compare(FLOAT, tidy, SAMPLES[:1])
    ends = {node.name: node for node in result.nodes}
    assert ends["dense"].sqnr_db > 100
    assert ends["relu"].sqnr_db < 10  # both are float: nothing is divided there


def test_the_budget_of_a_balanced_model_is_small() -> None:
    few = list(samples_of(FLOAT, SAMPLES[:2]))
    found = budget_of(FLOAT, INT8.model, few)
    assert found is not None
    assert [layer.name for layer in found.layers] == ["relu", "depthwise", "mean", "dense"]
    local = {node.name: node.local for node in compare(FLOAT, INT8, SAMPLES[:2]).nodes}
    for layer in found.layers:
        errors = local[layer.name]
        assert errors is not None
        assert sum(layer.parts.values()) == pytest.approx(layer.noise, rel=1e-9)
        assert layer.sqnr_db == pytest.approx(errors.sqnr_db, abs=0.1)
        assert layer.sqnr_db > 30


def test_an_unprepared_model_keeps_its_own_layers() -> None:
    made = quantize(FLOAT, "static_wi8_ai8", SAMPLES, prepare=False)
    result = compare(FLOAT, made, SAMPLES[:2])
    assert result.verdict == "quantized"
    assert [node.name for node in result.nodes][:4] == ["conv", "scaled", "shifted", "relu"]
    found = result.budget
    assert found is not None
    assert {layer.name for layer in found.layers} >= {"conv", "scaled", "shifted", "relu", "pad", "depthwise"}


@pytest.mark.parametrize("recipe", ["float16", "dynamic_wi8_afp32", "weight_only_wi8_afp32"])
def test_rounded_weights_are_no_fault_and_changed_ones_are(recipe: str) -> None:
    changes: dict[str, Any] = {} if recipe == "float16" else {"min_weight_elements": 0}
    made = quantize(FLOAT, recipe, **changes).model
    assert compare(FLOAT, made, SAMPLES[:1]).verdict == "quantized"
    graph = made.graphs[0]
    held = max(
        (i for i, t in enumerate(graph.tensors) if t.is_constant and t.type.name in ("FLOAT16", "INT8")), key=int
    )
    values = graph.tensors[held].array.copy()
    values.reshape(-1)[0] += np.asarray(3).astype(values.dtype)
    tensors = list(graph.tensors)
    tensors[held] = replace(tensors[held], data=type(tensors[held].data)(values.tobytes()))  # type: ignore[call-arg,arg-type]
    bad = replace(made, graphs=(replace(graph, tensors=tuple(tensors)),))
    assert len(compare(FLOAT, bad, SAMPLES[:1]).faults) == 1


def renamed(model: Model) -> Model:
    """Every tensor under a name that another tensor had before, as converters number them."""
    graph = model.graphs[0]
    names = [tensor.name for tensor in graph.tensors]
    constant = [tensor.is_constant for tensor in graph.tensors]
    order = sorted(range(len(names)), key=lambda i: not constant[i])
    tensors = list(graph.tensors)
    for i, j in zip(order, order[1:] + order[:1], strict=True):
        tensors[i] = replace(tensors[i], name=names[j] if constant[i] != constant[j] else f"{names[i]}_1")
    return replace(model, graphs=(replace(graph, tensors=tuple(tensors)),))


def test_names_given_anew_do_not_lead_astray() -> None:
    real, made = image_network("float32"), renamed(image_network())
    there = counterparts(real, made, 0)
    for one, two in zip(real.graphs[0].nodes, made.graphs[0].nodes, strict=True):
        assert [there[i] for i in one.outputs] == list(two.outputs)
    result = compare(real, made, SAMPLES[:1])
    assert result.verdict is Verdict.QUANTIZED
    assert not result.unmatched


def test_pools_that_became_means_have_a_budget() -> None:
    samples = np.abs(RNG.normal(0, 1, (16, 8, 8, 3))).astype(np.float32)
    made: Quantized = quantize(pooled(), "static_wi8_ai8", samples)
    assert "MEAN" in {node.op.name for node in made.model.graphs[0].nodes}
    found = budget_of(pooled(), made.model, list(samples_of(pooled(), samples[:2])))
    assert found is not None
    layer = next(layer for layer in found.layers if layer.name == "pool")
    assert layer.sqnr_db > 30


def pooled() -> Model:
    from qengine.ops.average_pool_2d import AveragePool2D

    rng = np.random.default_rng(5)
    b = Builder()
    x = b.input("x", (1, 8, 8, 3))
    weights: Array = rng.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32)
    y = b.add(
        Conv2D(**ONE, padding=Padding.SAME, fused_activation_function=RELU),
        [x, weights, np.zeros(8, np.float32)],
        name="conv",
    )
    y = b.add(AveragePool2D(stride_w=8, stride_h=8, filter_width=8, filter_height=8), [y], name="pool")
    return b.model([y])
