"""Error budgets: parts add up to each layer's error, planted causes are found, advice leads to what was asked for."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compared import image_network

import qengine as qe
from qengine.build import Builder
from qengine.cli import status_of
from qengine.compare.allot import budget_of
from qengine.compare.budget import PARTS, Advice, Budget, Layer
from qengine.compare.improve import outputs_sqnr, quantize_until
from qengine.compare.session import compare
from qengine.compare.split import Inputs, Step, split
from qengine.model import Model, Tensor, TensorType
from qengine.ops.fully_connected import FullyConnected
from qengine.ops.unidirectional_sequence_lstm import UnidirectionalSequenceLstm
from qengine.options import ActivationFunctionType
from qengine.ptq.quantize import quantize
from qengine.samples import samples_of
from qengine.tflite import save

FLOAT = image_network("float32")
SAMPLES = np.random.default_rng(1).normal(0, 1, (12, 8, 8, 3)).astype(np.float32)
FEW = list(samples_of(FLOAT, SAMPLES[:2]))


def budget(recipe: str = "static_wi8_ai8", model: Model = FLOAT, samples: Any = SAMPLES, **changes: Any) -> Budget:
    found = budget_of(model, quantize(model, recipe, samples, **changes).model, list(samples_of(model, samples[:2])))
    assert found is not None
    return found


def named(found: Budget, name: str) -> Layer:
    return next(layer for layer in found.layers if layer.name == name)


@pytest.mark.parametrize(
    ("recipe", "changes"),
    [
        ("static_wi8_ai8", {}),
        ("static_wi8_ai8", {"observer": "percentile"}),
        ("static_wi8_ai16", {}),
        ("static_wi4_ai8", {"granularity": "tensorwise"}),
        ("dynamic_wi8_afp32", {"min_weight_elements": 0}),
        ("weight_only_wi8_afp32", {"min_weight_elements": 0}),
    ],
)
def test_parts_add_up_to_each_layer_s_error(recipe: str, changes: dict[str, Any]) -> None:
    made = quantize(FLOAT, recipe, SAMPLES, **changes)
    result = compare(FLOAT, made, SAMPLES[:2])
    assert result.budget is not None
    local = {node.name: node.local for node in result.nodes}
    assert len(result.budget.layers) >= 3
    for layer in result.budget.layers:
        assert set(layer.parts) == set(PARTS)
        assert sum(layer.parts.values()) == pytest.approx(layer.noise, rel=1e-9)
        errors = local[layer.name]
        assert errors is not None
        assert layer.noise == pytest.approx(errors.noise, rel=0.01)  # measured by comparing, in another way
        assert layer.sqnr_db == pytest.approx(errors.sqnr_db, abs=0.05)


def test_each_cause_by_hand() -> None:
    """y = 2 * x with x 0.3 and 9, on grids of step 1 that end at 4 for x and at 7 for y."""
    tensor = Tensor("y", (2,), TensorType.INT8)
    x, w, b = np.float64([0.3, 9]), np.float64([2.0]), np.float64([0.1])
    inputs = Inputs([x, w, b], {0: Step(1.0, -4, 4)}, {1: np.float64([1.75])}, {2: np.float64([0.0])})

    def compute(arguments: Any) -> Any:
        return arguments[0] * arguments[1] + arguments[2]

    wanted, errors = split(compute, inputs, Step(1.0, -8, 7), np.float64([0, 6]))
    assert tensor.name == "y"
    np.testing.assert_allclose(wanted, [0.7, 18.1])
    np.testing.assert_allclose(errors["activation_rounding"], [-0.6, 0])
    np.testing.assert_allclose(errors["clipping"], [0, -10])
    np.testing.assert_allclose(errors["weight_rounding"], [0, -1])
    np.testing.assert_allclose(errors["bias"], [-0.1, -0.1])
    np.testing.assert_allclose(errors["requantization"], [0, -1])  # 7 is computed as 6 there
    np.testing.assert_allclose(sum(errors.values()), [-0.7, -12.1])


def test_a_bias_that_corrects_rounded_weights_is_no_fault_of_the_bias() -> None:
    x, w = np.float64([[1.0, 1.0], [1.0, 0.9]]), np.float64([1.0, 1.0])

    def compute(arguments: Any) -> Any:
        return arguments[0] @ arguments[1] + arguments[2]

    weights, bias = {1: np.float64([1.1, 1.1])}, np.float64([0.0])
    right = Inputs([x, w, bias], {}, weights, {2: np.float64([-0.2])}, {2: bias})
    wrong = Inputs([x, w, bias], {}, weights, {2: np.float64([0.2])}, {2: bias})
    parts = [split(compute, inputs, None, np.float64([2.0, 1.89]))[1] for inputs in (right, wrong)]
    np.testing.assert_allclose(parts[0]["bias"], 0)
    np.testing.assert_allclose(parts[0]["weight_rounding"], [0.0, -0.01], atol=1e-12)
    np.testing.assert_allclose(parts[1]["bias"], 0.2)


def test_int4_weights_are_where_the_error_is() -> None:
    found = budget("static_wi4_ai8", granularity="tensorwise")
    for name in ("conv", "dense"):
        layer = named(found, name)
        assert layer.largest == "weight_rounding"
        assert layer.parts["weight_rounding"] > 0.9 * layer.noise
        assert [advice.kind for advice in layer.advices] == ["per_channel", "int8_weights", "float"]
    assert found.worst(1)[0].name == "conv"


def test_too_narrow_a_range_is_clipping() -> None:
    narrow = quantize(FLOAT, "static_wi8_ai8", SAMPLES * np.float32(0.2)).model
    found = budget_of(FLOAT, narrow, FEW)
    assert found is not None
    layer = named(found, "conv")
    assert layer.largest == "clipping"
    assert layer.advice == Advice("min_max", layer.advices[0].text)


def test_an_outlier_asks_for_another_observer() -> None:
    samples = SAMPLES.copy()
    samples[0, 0, 0, 0] = 60
    layer = named(budget(samples=samples), "conv")
    assert layer.largest in ("activation_rounding", "requantization")
    assert [advice.kind for advice in layer.advices] == ["mse", "16x8", "float"]


def test_sixteen_bits_leave_the_rounding_of_weights() -> None:
    layer = named(budget("static_wi8_ai16"), "conv")
    assert layer.parts["weight_rounding"] == pytest.approx(layer.noise, rel=0.02)


def test_a_good_layer_gets_no_advice() -> None:
    assert named(budget(), "answer").advice is None


def test_folded_layers_are_matched() -> None:
    """A MUL by a constant behind a dense layer is folded into its weights when quantized."""
    from qengine.ops.mul import Mul

    rng = np.random.default_rng(3)
    b = Builder()
    x = b.input("x", (1, 16))
    weights = rng.normal(size=(8, 16)).astype(np.float32)
    y = b.add(FullyConnected(), [x, weights, np.zeros(8, np.float32)], name="dense")
    model = b.model([b.add(Mul(), [y, rng.uniform(0.5, 2, 8).astype(np.float32)], name="scaled")])
    (layer,) = budget(model=model, samples=rng.normal(size=(8, 16)).astype(np.float32)).layers
    assert (layer.name, layer.operator) == ("scaled", "FULLY_CONNECTED")
    assert 30 < layer.sqnr_db < 60


def test_models_of_one_grid_have_no_budget() -> None:
    model = image_network()
    assert compare(model, "qengine:reference", SAMPLES[:1]).budget is None
    assert compare(FLOAT, FLOAT, SAMPLES[:1]).budget is None


@pytest.mark.parametrize(("recipe", "wanted"), [("static_wi8_ai8", 50.0), ("static_wi4_ai8", 45.0)])
def test_advice_is_followed_until_the_outputs_are_good_enough(recipe: str, wanted: float) -> None:
    plain = quantize(FLOAT, recipe, SAMPLES)
    few = list(samples_of(FLOAT, SAMPLES[:8]))
    assert outputs_sqnr(FLOAT, plain.model, few) < wanted
    told: list[Any] = []
    found = quantize_until(FLOAT, wanted, recipe, SAMPLES, tell=told.append)
    assert found.reached
    assert found.sqnr_db >= wanted
    assert outputs_sqnr(FLOAT, found.quantized.model, few) == pytest.approx(found.sqnr_db)
    assert told == list(found.changes)
    assert found.changes[-1].sqnr_db == found.sqnr_db
    again = quantize(FLOAT, found.recipe, SAMPLES)
    assert outputs_sqnr(FLOAT, again.model, few) == pytest.approx(found.sqnr_db, abs=1)
    kinds = {advice.kind for change in found.changes for _, advice in change.advice}
    assert kinds & ({"int8_weights", "per_channel"} if recipe == "static_wi4_ai8" else {"16x8"})


def test_a_model_that_is_good_enough_is_left_alone() -> None:
    found = quantize_until(FLOAT, 10.0, "static_wi8_ai8", SAMPLES)
    assert (found.reached, found.changes) == (True, ())
    assert found.quantized.model == quantize(FLOAT, "static_wi8_ai8", SAMPLES).model


def test_what_cannot_be_reached_is_said() -> None:
    found = quantize_until(FLOAT, 300.0, "static_wi8_ai8", SAMPLES, trials=2)
    assert not found.reached
    assert found.sqnr_db < 300
    with pytest.raises(ValueError, match="expected samples"):
        quantize_until(FLOAT, 40.0)


def test_the_commands_speak_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "float.tflite", tmp_path / "int8.tflite"
    save(FLOAT, source)
    np.savez(tmp_path / "x.npz", x=SAMPLES)
    data = ["--data", str(tmp_path / "x.npz")]
    assert status_of(["quantize", str(source), "-o", str(out), *data, "--until", "50", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["until"]["reached"] is True
    assert facts["until"]["sqnr_db"] >= 50
    assert qe.load(out) is not None
    assert status_of(["compare", str(source), str(out), *data, "--limit", "2", "--budget"]) == 0
    printed = capsys.readouterr().out
    assert "weight rounding" in printed
    assert status_of(["compare", str(source), str(out), *data, "--limit", "2", "--budget", "--json"]) == 0
    layers = json.loads(capsys.readouterr().out)["budget"]["layers"]
    for layer in layers:
        assert math.isclose(sum(layer["parts"].values()), layer["noise"], rel_tol=1e-9)
    assert status_of(["compare", str(out), str(out), *data, "--limit", "1", "--budget"]) == 2
    assert "expected a float model as A" in capsys.readouterr().err


def test_a_layer_s_advice_is_plain_text() -> None:
    layer = replace(budget().layers[0], noise=0.0)
    assert layer.sqnr_db == math.inf
    assert layer.advice is None
    assert "advice" in str(budget())


@pytest.mark.parametrize("prepare", [True, False])
def test_layers_name_the_float_model_s_own_nodes(prepare: bool) -> None:
    from qengine.ops.mul import Mul

    rng = np.random.default_rng(3)
    b = Builder()
    x = b.input("x", (1, 16))
    y = b.add(Mul(), [x, rng.uniform(0.5, 2, 16).astype(np.float32)], name="before")
    y = b.add(FullyConnected(), [y, rng.normal(size=(8, 16)).astype(np.float32), np.zeros(8, np.float32)], name="dense")
    y = b.add(Mul(), [y, rng.uniform(0.5, 2, 8).astype(np.float32)], name="scaled")
    model = b.model([b.add(FullyConnected(), [y, rng.normal(size=(4, 8)).astype(np.float32), None], name="answer")])
    samples = rng.normal(size=(8, 16)).astype(np.float32)
    found = {layer.name: layer.source for layer in budget(model=model, samples=samples, prepare=prepare).layers}
    assert found == ({"before": 0, "scaled": 1, "answer": 3} if prepare else dict(zip(found, range(4), strict=True)))
    better = quantize_until(model, 60.0, "static_wi8_ai8", samples, trials=20)
    assert better.changes


def test_a_state_begins_anew_for_every_part() -> None:
    rng = np.random.default_rng(0)
    b = Builder()
    x = b.input("x", (2, 6, 4), "float32")  # time, batch, features

    def weights(*shape: int) -> Any:
        return b.constant(rng.normal(0, 0.4, shape).astype(np.float32))

    inputs, recurrent = [weights(5, 4) for _ in range(4)], [weights(5, 5) for _ in range(4)]
    biases = [weights(5) for _ in range(4)]
    states = [b.variable(name, (6, 5)) for name in ("h", "c")]
    none: list[Any] = [None]
    op = UnidirectionalSequenceLstm(time_major=True, fused_activation_function=ActivationFunctionType.TANH)
    y = b.add(op, [x, *inputs, *recurrent, *none * 3, *biases, *none * 2, *states, *none * 4], name="y")
    model = b.model([y])
    samples = [rng.normal(size=(2, 6, 4)).astype(np.float32) for _ in range(6)]
    made = quantize(model, "static_wi8_ai8", samples).model
    found = budget_of(model, made, list(samples_of(model, samples[:2])))
    assert found is not None
    (layer,) = found.layers
    assert sum(layer.parts.values()) == pytest.approx(layer.noise, rel=1e-9)
    assert layer.sqnr_db > 25
