"""Autoencoders: a code of so many bits in the file itself, errors against float, and what is unusual told by them."""

from __future__ import annotations

import types
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import qengine as qe
from qengine.digits import load_digits
from qengine.errors import Unsupported
from qengine.model import Model
from qengine.ptq.recipe import Recipe, Rule
from qengine.train.autoencoder import (
    CODE,
    area_under_curve,
    code_recipe,
    convolutional_autoencoder,
    dense_autoencoder,
    reconstruction_errors,
)

Array = np.ndarray[Any, Any]
UNITS = 8


def images() -> tuple[Array, Array]:
    """Digits to learn from and to test on, grey levels from 0 to 1."""
    train, test = load_digits()
    return train.images / 16, test.images / 16


@dataclass(frozen=True)
class Kind:
    """An autoencoder trained on digits. error: the mean over the test images."""

    model: Model
    error: float


@pytest.fixture(scope="module", params=["dense", "convolutional"])
def kind(request: pytest.FixtureRequest) -> Kind:
    train, test = images()
    dense = request.param == "dense"
    made = (dense_autoencoder if dense else convolutional_autoencoder)((8, 8, 1), UNITS)
    count, epochs = (len(train), 15) if dense else (600, 20)
    model = qe.fit(made, train[:count], train[:count], epochs=epochs, optimizer=qe.Adam(5e-3)).model
    return Kind(model, float(reconstruction_errors(model, test).mean()))


def test_it_learns_to_make_its_input_again(kind: Kind) -> None:
    test = images()[1]
    assert kind.error < 0.8 * np.square(test - images()[0].mean(axis=0)).mean()
    names = [kind.model.graphs[0].tensors[i].name for node in kind.model.graphs[0].nodes for i in node.outputs]
    assert CODE in names
    assert names[-1] == "reconstruction"


def test_8_bits_cost_less_than_2_percent(kind: Kind) -> None:
    train, test = images()
    after = qe.quantize(kind.model, code_recipe(8), train[:100], measure=0).model
    assert reconstruction_errors(after, test).mean() < 1.02 * kind.error
    aware = qe.finetune(kind.model, code_recipe(8), train[:600], train[:600], epochs=1, measure=0).model
    assert reconstruction_errors(aware, test).mean() < 1.02 * kind.error


def test_training_with_a_narrow_code_gives_back_much_of_what_it_costs(kind: Kind) -> None:
    train, test = images()
    recipe = code_recipe(1)
    after = reconstruction_errors(qe.quantize(kind.model, recipe, train[:100], measure=0).model, test).mean()
    how = {"epochs": 3, "optimizer": qe.Adam(2e-3), "measure": 0}
    aware = qe.finetune(kind.model, recipe, train[:600], train[:600], **how)  # type: ignore[arg-type]
    assert after > 1.2 * kind.error
    assert reconstruction_errors(aware.model, test).mean() < after - 0.3 * (after - kind.error)


def codes(model: Model, samples: Array) -> Array:
    """What the code layer of a quantized file holds, in integers."""
    interpreter = qe.Interpreter(model=model, experimental_preserve_all_tensors=True)
    interpreter.resize_tensor_input(model.graphs[0].inputs[0], samples.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(model.graphs[0].inputs[0], samples)
    interpreter.invoke()
    (index,) = (i for i, tensor in enumerate(model.graphs[0].tensors) if tensor.name == CODE)
    return interpreter.get_tensor(index)


@pytest.mark.parametrize("bits", [1, 2, 3, 5, 8])
def test_a_code_has_as_many_numbers_as_its_bits_can_tell(bits: int) -> None:
    train, test = images()
    model = qe.fit(dense_autoencoder((8, 8, 1), UNITS), train[:200], train[:200], epochs=2).model
    made = qe.quantize(model, code_recipe(bits), train[:100], measure=0).model
    q = codes(made, 8 * test)  # far beyond what it was calibrated on
    assert q.dtype == np.int8
    assert q.min() == -128
    assert q.max() == -128 + 2**bits - 1
    (tensor,) = (tensor for tensor in made.graphs[0].tensors if tensor.name == CODE)
    assert tensor.quantization is not None
    assert tensor.quantization.scale == np.float32(6 / (2**bits - 1))


def test_a_clamp_to_minus_one_and_one_has_an_odd_count_of_numbers() -> None:
    from qengine.build import Builder
    from qengine.options import ActivationFunctionType
    from qengine.train.layers import Layers

    b = Builder()
    layers = Layers(b)
    y = layers.dense(b.input("x", (1, 4)), 6, activation=ActivationFunctionType.RELU_N1_TO_1, name=CODE)
    samples = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32) * 9
    made = qe.quantize(b.model([layers.dense(y, 2)]), code_recipe(3), samples, measure=0).model
    interpreter = qe.Interpreter(model=made, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    (index,) = (i for i, tensor in enumerate(made.graphs[0].tensors) if tensor.name == CODE)
    seen = set()
    for sample in samples:
        interpreter.set_tensor(0, sample[None])
        interpreter.invoke()
        seen |= set(interpreter.get_tensor(index).reshape(-1).tolist())
    assert seen == set(range(-3, 4))


def test_a_code_that_nothing_clamps_cannot_be_narrow() -> None:
    train = images()[0][:20]
    recipe = Recipe.named("static_wi8_ai8")
    narrow = Rule(replace(recipe.scheme, activation_bits=4), name="reconstruction")
    with pytest.raises(Unsupported, match="RELU6"):
        qe.quantize(dense_autoencoder_file(), replace(recipe, rules=(narrow,)), train)
    with pytest.raises(ValueError, match="activation_bits from 1 to 8"):
        code_recipe(9)
    with pytest.raises(ValueError, match="activation_bits"):
        code_recipe(4, "dynamic_wi8_afp32")


def dense_autoencoder_file() -> Model:
    from qengine.train.export import for_export

    return for_export(dense_autoencoder((8, 8, 1), 4, hidden=()))


def test_a_narrow_recipe_comes_back_from_json() -> None:
    recipe = code_recipe(3, "static_wi4_ai8")
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize("profile", ["AUTO", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "BUILTIN_REF"])
@pytest.mark.parametrize("bits", [2, 5])
def test_the_file_runs_in_the_runtime_to_the_same_bits(
    kind: Kind, bits: int, profile: str, litert: types.ModuleType
) -> None:
    train, test = images()
    recipe = code_recipe(bits, input_type="int8", output_type="int8")
    blob = qe.to_bytes(qe.quantize(kind.model, recipe, train[:100], measure=0).model)
    ours = qe.Interpreter(model_content=blob, experimental_op_resolver_type=qe.OpResolverType[profile])
    real = litert.Interpreter(
        model_content=blob, experimental_op_resolver_type=litert.OpResolverType[profile], num_threads=1
    )
    outputs = []
    for interpreter in (ours, real):
        interpreter.resize_tensor_input(0, (40, 8, 8, 1))
        interpreter.allocate_tensors()
        (entrance,) = interpreter.get_input_details()
        q = qe.affine.quantize(test[:40], *entrance["quantization"], np.int8)
        interpreter.set_tensor(entrance["index"], q)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    assert (outputs[0] == outputs[1]).all()


def test_what_is_unusual_has_the_greater_error() -> None:
    train, test = load_digits()
    usual = train.images[train.labels == 0] / 16
    model = qe.fit(dense_autoencoder((8, 8, 1), 4), usual, usual, epochs=30, optimizer=qe.Adam(5e-3)).model
    made = qe.finetune(model, code_recipe(4), usual, usual, epochs=5, optimizer=qe.Adam(2e-3), measure=0).model
    for each in (model, made):
        errors = reconstruction_errors(each, test.images / 16)
        assert area_under_curve(errors[test.labels == 0], errors[test.labels != 0]) > 0.97


def test_the_area_counts_pairs_and_ties_half() -> None:
    assert area_under_curve(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == 1
    assert area_under_curve(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 0
    usual, unusual = np.array([0.0, 1.0, 1.0, 2.0]), np.array([1.0, 3.0])
    pairs = [1.0 if b > a else 0.5 if a == b else 0.0 for a in usual for b in unusual]
    assert area_under_curve(usual, unusual) == np.mean(pairs)
    with pytest.raises(ValueError, match="of both kinds"):
        area_under_curve(usual, np.array([]))


def test_an_error_is_the_mean_of_squares() -> None:
    model = dense_autoencoder_file()
    test = images()[1][:3]
    interpreter = qe.Interpreter(model=model)
    interpreter.allocate_tensors()
    for image, found in zip(test, reconstruction_errors(model, test), strict=True):
        interpreter.set_tensor(0, image[None])
        interpreter.invoke()
        (end,) = interpreter.get_output_details()
        difference = interpreter.get_tensor(end["index"])[0].astype(np.float64) - image
        assert found == pytest.approx(np.square(difference).mean(), rel=1e-6)


def test_sides_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(ValueError, match="that 8 divides"):
        convolutional_autoencoder((12, 12, 1), 4, filters=(4, 4, 4))
