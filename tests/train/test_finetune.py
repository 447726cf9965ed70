"""Fine-tuning in one call: what is trained is what the file computes, in every recipe, and it is better for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_networks import conv, everything, normal, op

from qengine.affine import fake_quant, fake_quant_gradient
from qengine.build import Builder
from qengine.errors import Unsupported
from qengine.interpreter import Interpreter
from qengine.model import Model, TensorType
from qengine.ptq.quantize import quantize
from qengine.tflite import load, to_bytes
from qengine.train.finetune import Finetuned, finetune
from qengine.train.network import Network

IMAGES = np.random.default_rng(1).normal(size=(64, 6, 6, 2)).astype(np.float32)
OTHERS = np.random.default_rng(9).normal(size=(60, 6, 6, 2)).astype(np.float32)
ENDS = {"input_type": "float32", "output_type": "float32"}
THREE_BITS: dict[str, Any] = {"weight_bits": 3, "refine": False, **ENDS}
RECIPES = [
    "static_wi8_ai8",
    "static_wi4_ai8",
    "static_wi8_ai16",
    "dynamic_wi8_afp32",
    "weight_only_wi4_afp32",
    "float16",
]


def answers(model: Model, x: Any, profile: str = "xnnpack") -> Any:
    """The first output for each sample, as a real number."""
    it = Interpreter(model=model, profile=profile)
    it.allocate_tensors()
    first, last = it.get_input_details()[0], it.get_output_details()[0]
    found = []
    for row in x:
        it.set_tensor(first["index"], row[None])
        it.invoke()
        found.append(np.array(it.get_tensor(last["index"])))
    return np.concatenate(found)


@pytest.fixture(scope="module")
def made() -> Finetuned:
    return finetune(everything(), "static_wi4_ai8", IMAGES, epochs=6, batch_size=8, **THREE_BITS)


def test_three_bits_come_nearer_to_the_float_network_than_without_training(made: Finetuned) -> None:
    plain = quantize(everything(), "static_wi4_ai8", IMAGES, **THREE_BITS).model
    wanted = answers(everything(), OTHERS)
    before, after = (np.square(answers(model, OTHERS) - wanted).mean() for model in (plain, made.model))
    assert after < before / 2
    assert made.report.sqnr["scores"] > 0
    assert made.history.best > 0


def test_weights_keep_to_their_bits_and_the_file_to_its_types(made: Finetuned) -> None:
    (graph,) = load(to_bytes(made.model)).graphs
    weights = [t.array for t in graph.tensors if t.type is TensorType.INT4 and t.is_constant]
    assert weights
    assert all(np.abs(array).max() <= 3 for array in weights)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_file_says_what_was_trained(recipe: str) -> None:
    made = finetune(everything(), recipe, IMAGES, epochs=1, batch_size=16, measure=0, **ENDS)
    fake, exact = made.forward(OTHERS)[0], answers(made.model, OTHERS)
    assert (fake.argmax(axis=1) != exact.argmax(axis=1)).sum() <= 1
    # Two steps of the output's grid of 1/256; float kernels sum in another order.
    assert np.abs(fake - exact).max() <= (2 / 256 if "ai8" in recipe else 1e-3)


@pytest.mark.parametrize("profile", ["xnnpack", "optimized", "reference"])
def test_the_exact_forward_pass_is_the_interpreter_s(made: Finetuned, profile: str) -> None:
    np.testing.assert_array_equal(made.forward(OTHERS[:4], exact=profile)[0], answers(made.model, OTHERS[:4], profile))


def test_partings_are_told_layer_by_layer(made: Finetuned) -> None:
    parts = finetune(everything(), "static_wi8_ai8", IMAGES, epochs=1, measure=0).partings(OTHERS[:8])
    assert [part.operator for part in parts][:3] == ["CONV_2D", "DEPTHWISE_CONV_2D", "DEPTHWISE_CONV_2D"]
    assert parts[0].elements == 8 * 6 * 6 * 4
    assert all(part.apart <= part.elements / 50 for part in parts)
    assert all(part.furthest < 1.5 for part in parts if part.step is not None)
    assert str(parts[0]).startswith("  0 CONV_2D conv_2d: ")
    # Weights of 3 bits make sums of which a step of the output is only 5: there the kernels' rounding twice shows.
    coarse = made.partings(OTHERS[:8])
    assert 0.02 < coarse[0].apart / coarse[0].elements < 0.13
    assert coarse[0].furthest == pytest.approx(1, abs=1e-4)


def test_training_may_go_through_the_exact_kernels() -> None:
    changes: dict[str, Any] = {"epochs": 1, "batch_size": 8, "measure": 0, "weight_bits": 3, **ENDS}
    plain = finetune(everything(), "static_wi4_ai8", IMAGES[:24], **changes)
    exact = finetune(everything(), "static_wi4_ai8", IMAGES[:24], exact="xnnpack", **changes)
    # Weights of 3 bits: there the kernels' rounding twice is seen.
    assert exact.history.column("loss") == pytest.approx(plain.history.column("loss"), rel=0.05)
    assert exact.history.start_loss == pytest.approx(plain.history.start_loss, rel=0.05)
    assert exact.history.column("loss") != plain.history.column("loss")


@pytest.mark.parametrize("changes", [{"range_rule": "lsq", "learn_weights": True}, {"range_rule": "pact"}])
def test_learned_steps_and_ends_move_and_are_exported(changes: dict[str, Any]) -> None:
    changes = {**changes, "validation": 0, "freeze_ranges": 1.0, **ENDS}
    made = finetune(everything(), "static_wi4_ai8", IMAGES, epochs=3, **changes)
    start = finetune(everything(), "static_wi4_ai8", IMAGES, epochs=0, **changes)
    learned, before = made.network.learned, start.network.learned
    moved = [key for key in learned if key.startswith("grid") and (learned[key] != before[key]).any()]
    assert moved
    fake, exact = made.forward(OTHERS)[0], answers(made.model, OTHERS)
    assert np.abs(fake - exact).max() <= 2 / 256


def test_scores_that_arg_max_chooses_from_are_taught() -> None:
    rng = np.random.default_rng(0)
    b = Builder("main")
    y = b.add(op("FULLY_CONNECTED"), [b.input("x", (1, 8)), normal(rng, 4, 8) * 2, normal(rng, 4)])
    model = b.model([b.add(op("ARG_MAX", output_type=2), [y, np.array(-1, np.int32)])])
    x = rng.normal(size=(40, 8)).astype(np.float32)
    made = finetune(model, "static_wi4_ai8", x, epochs=8, batch_size=8, weight_bits=2, measure=0)
    history = made.history
    assert history.start_loss is not None
    assert min(history.column("validation_loss")) < history.start_loss
    unranked = b.model([b.add(op("CAST", in_data_type=0, out_data_type=2), [y])])
    with pytest.raises(ValueError, match="expected outputs of real numbers"):
        finetune(unranked, "static_wi4_ai8", x, epochs=1, measure=0)


def test_fake_quant_operators_are_read_run_trained_through_and_written() -> None:
    rng = np.random.default_rng(3)
    fake = op("FAKE_QUANT", min=-0.7, max=0.9, num_bits=5)
    b = Builder("main")
    x = b.input("x", (1, 16))
    weights = b.constant(normal(rng, 16, 16))
    model = b.model([b.add(fake, [b.add(op("FULLY_CONNECTED"), [x, weights, None])])])
    assert load(to_bytes(model)) == model
    network, samples = Network(model), rng.normal(size=(3, 16)).astype(np.float32)
    run = network.run({0: samples}, training=True)
    (end,) = network.program.ends
    sums = samples @ model.graphs[0].tensors[weights.index].array.T
    np.testing.assert_allclose(run.value(end), fake_quant(sums, -0.7, 0.9, bits=5), atol=1e-6)
    np.testing.assert_allclose(run.value(end), answers(model, samples), atol=1e-6)
    g = rng.normal(size=(3, 16)).astype(np.float32)
    (gradient,) = network.back(run, {end: g}).values()
    through = fake_quant_gradient(g, sums, -0.7, 0.9, bits=5)[0]
    np.testing.assert_allclose(gradient, through.T @ samples, rtol=1e-4, atol=1e-5)
    narrow = b.model([b.add(op("FAKE_QUANT", min=-1.0, max=1.0, num_bits=8, narrow_range=True), [x])])
    again = load(to_bytes(narrow)).graphs[0].nodes[-1]
    assert again.op == op("FAKE_QUANT", min=-1.0, max=1.0, num_bits=8, narrow_range=True)
    assert again.version == 2


def test_what_can_not_be_trained_is_named() -> None:
    with pytest.raises(Unsupported, match="TOPK_V2"):
        finetune(_ranked(), "static_wi8_ai8", IMAGES[:, :2, :2, :1], epochs=1)
    quantized = quantize(everything(), "static_wi8_ai8", IMAGES).model
    with pytest.raises(ValueError, match="expected a float model, got QUANTIZE"):
        finetune(quantized, "static_wi8_ai8", IMAGES)


def _ranked() -> Model:
    from qengine.output import Output

    rng = np.random.default_rng(0)
    b = Builder("main")
    x = b.input("image", (1, 2, 2, 1))
    y = b.add(op("FULLY_CONNECTED"), [b.add(op("RESHAPE"), [x, np.array([1, 4], np.int32)]), normal(rng, 6, 4), None])
    wanted = [Output("best"), Output("places", type=np.int32)]
    y = b.add(op("TOPK_V2"), [y, np.array(2, np.int32)], outputs=wanted)[0]
    return b.model([b.add(op("FULLY_CONNECTED"), [y, normal(rng, 2, 2), normal(rng, 2)])])


@pytest.mark.parametrize("recipe", ["static_wi8_ai8", "static_wi4_ai8", "dynamic_wi8_afp32"])
def test_it_begins_with_what_post_training_quantization_gives(recipe: str) -> None:
    """Balanced channels, corrected biases and all; a bias that two operators share begins as it was."""
    rng = np.random.default_rng(0)
    b = Builder("main")
    y = conv(b, b.input("image", (1, 6, 6, 2)), rng, 6)
    y = b.add(op("AVERAGE_POOL_2D", filter_width=6, filter_height=6, stride_w=6, stride_h=6, padding=1), [y])
    y = b.add(op("FULLY_CONNECTED"), [b.add(op("RESHAPE"), [y, np.array([1, 6], np.int32)]), normal(rng, 4, 6) * 9])
    model = b.model([b.add(op("SOFTMAX", beta=1.0), [y])])
    samples = IMAGES + np.float32(1)
    begun = finetune(model, recipe, samples, epochs=0, validation=0, measure=0, **ENDS)
    plain = quantize(model, recipe, samples, measure=0, **ENDS)
    np.testing.assert_array_equal(answers(begun.model, samples[:20]), answers(plain.model, samples[:20]))
    if recipe != "dynamic_wi8_afp32":
        untouched = quantize(model, recipe, samples, measure=0, refine=False, **ENDS)
        assert (answers(untouched.model, samples[:20]) != answers(plain.model, samples[:20])).any()
