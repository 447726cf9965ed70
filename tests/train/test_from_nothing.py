"""A float network from random weights: layers, operators of training, one call that trains, and what a file gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qengine as qe
from qengine.build import Builder
from qengine.errors import ModelError
from qengine.interpreter import Interpreter
from qengine.model import Model
from qengine.options import ActivationFunctionType
from qengine.train.batch_normalization import BatchNormalization
from qengine.train.data import data_of
from qengine.train.dropout import Dropout
from qengine.train.export import for_export
from qengine.train.fit import fit
from qengine.train.initializers import glorot_uniform, he_normal
from qengine.train.layers import Layers
from qengine.train.losses import CrossEntropy
from qengine.train.network import Network
from qengine.train.optimizers import SGD, Adam

Array = np.ndarray[Any, Any]
NONE, RELU6 = ActivationFunctionType.NONE, ActivationFunctionType.RELU6
OPERANDS = ("gamma", "beta", "mean", "variance")


def shapes(seed: int = 0, *, normalize: bool = True, rate: float = 0.2) -> Model:
    """(1, 8, 8, 1) -> (1, 3): every kind of layer."""
    b = Builder("shapes")
    layers = Layers(b, seed)
    y = layers.conv(b.input("image", (1, 8, 8, 1), shape_signature=(-1, 8, 8, 1)), 6, stride=2, normalize=normalize)
    y = layers.depthwise(y, normalize=normalize, activation=RELU6)
    y = layers.transposed(y, 4, normalize=normalize, name="grown")
    y = layers.dense(layers.flatten(y), 12, normalize=normalize)
    y = layers.dense(layers.dropout(y, rate), 3, activation=NONE, name="scores")
    return b.model([y])


def bars(count: int, seed: int = 0) -> tuple[Array, Array]:
    """Noisy images of one bright row (0), one bright column (1), or neither (2)."""
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(count, 8, 8, 1)).astype(np.float32) * 0.3
    labels = rng.integers(0, 3, count)
    for image, label in zip(images, labels, strict=True):
        if label == 0:
            image[rng.integers(8)] += 1
        elif label == 1:
            image[:, rng.integers(8)] += 1
    return images, labels


def answers(model: Model, images: Array) -> Array:
    """What a model's float arithmetic gives for a batch."""
    network = Network(model)
    return network.run({0: images}).value(network.program.ends[0])


def test_initializers_have_the_spread_that_they_state() -> None:
    rng = np.random.default_rng(0)
    filters = he_normal(rng, (64, 3, 3, 32))
    assert filters.std() == pytest.approx(np.sqrt(2 / 288), rel=0.02)
    assert he_normal(rng, (1, 3, 3, 512), 9).std() == pytest.approx(np.sqrt(2 / 9), rel=0.03)
    matrix = glorot_uniform(rng, (100, 200))
    limit = np.sqrt(6 / 300)
    assert np.abs(matrix).max() <= limit
    assert matrix.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)


def test_a_seed_makes_the_same_weights() -> None:
    assert shapes(3) == shapes(3)
    assert shapes(3) != shapes(4)


def test_an_activation_that_cannot_be_is_refused() -> None:
    b = Builder()
    with pytest.raises(ValueError, match="got TANH"):
        Layers(b).dense(b.input("x", (1, 4)), 2, activation=ActivationFunctionType.TANH)


def test_training_learns_and_the_file_computes_what_was_trained() -> None:
    images, labels = bars(300)
    made = fit(shapes(), images, labels, epochs=8, batch_size=30, optimizer=Adam(1e-2), seed=1)
    assert [epoch.number for epoch in made.history.epochs] == list(range(1, 9))
    assert made.history.epochs[-1].loss < made.history.epochs[0].loss / 2
    fresh, truth = bars(150, seed=1)
    assert (answers(made.model, fresh).argmax(axis=1) == truth).mean() > 0.9
    written = qe.load(qe.to_bytes(made.model))
    np.testing.assert_allclose(answers(written, fresh), answers(made.trained, fresh), rtol=1e-3, atol=1e-4)
    interpreter = Interpreter(model=written)
    interpreter.allocate_tensors()
    for image, expected in zip(fresh[:5], answers(written, fresh[:5]), strict=True):
        interpreter.set_tensor(0, image[None])
        interpreter.invoke()
        (end,) = interpreter.get_output_details()
        np.testing.assert_allclose(interpreter.get_tensor(end["index"])[0], expected, rtol=1e-4, atol=1e-5)


def test_a_file_has_no_operator_of_training() -> None:
    names = [node.op.name for node in for_export(shapes()).graphs[0].nodes]
    assert names == ["CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "RESHAPE", "FULLY_CONNECTED", "FULLY_CONNECTED"]
    unfolded = [node.op.name for node in for_export(shapes(), fold=False).graphs[0].nodes]
    assert unfolded.count("MUL") == unfolded.count("ADD") == 4
    with pytest.raises(ModelError, match="got BATCH_NORMALIZATION"):
        qe.to_bytes(shapes())


def test_the_last_operator_s_name_is_the_layer_s() -> None:
    graph = for_export(shapes()).graphs[0]
    names = {graph.tensors[i].name for node in graph.nodes for i in node.outputs}
    assert {"grown", "scores"} <= names


def test_training_goes_on_from_a_checkpoint_to_the_same_numbers(tmp_path: Path) -> None:
    images, labels = bars(60)

    def train(epochs: int, checkpoint: Path | None, told: list[int] | None = None) -> Model:
        def stop(step: int, total: int | None, row: object) -> None:
            if told is not None and row is not None:
                told.append(step)
                raise KeyboardInterrupt

        return fit(shapes(), images, labels, epochs=epochs, checkpoint=checkpoint, progress=stop, optimizer=SGD()).model

    whole = train(3, None)
    told: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        train(3, tmp_path / "half.npz", told)
    assert told == [2]
    assert train(3, tmp_path / "half.npz") == whole


def test_validation_samples_choose_the_epoch_that_is_kept() -> None:
    images, labels = bars(120)
    made = fit(shapes(), images, labels, epochs=4, validation=0.25, optimizer=Adam(3e-2))
    losses = made.history.column("validation_loss")
    assert made.history.best == int(np.argmin(losses)) + 1
    others = fit(shapes(), images[:90], labels[:90], epochs=1, validation=(images[90:], labels[90:]))
    assert others.history.epochs[0].validation_accuracy is not None


def test_class_numbers_mean_cross_entropy_without_a_softmax_too() -> None:
    images, labels = bars(40)
    plain = fit(shapes(), images, labels, epochs=1)
    assert plain.model == fit(shapes(), images, labels, epochs=1, loss=CrossEntropy()).model


def test_what_does_not_fit_is_refused() -> None:
    images, labels = bars(4)
    with pytest.raises(ValueError, match="expected labels"):
        fit(shapes(), images, None)
    with pytest.raises(ValueError, match="share"):
        fit(shapes(), images, labels, validation=1.5)
    with pytest.raises(ValueError, match="a label for each of 4"):
        fit(shapes(), images, labels[:3])


def normalized(dtype: Any = np.float32) -> tuple[Network, dict[str, Array]]:
    """Batch normalization alone: (4 6 3), and its operands by name."""
    rng = np.random.default_rng(2)
    b = Builder()
    x = b.input("x", (4, 6, 3))
    values = [rng.uniform(0.5, 1.5, 3).astype(np.float32) for _ in OPERANDS]
    operands = [b.constant(value, name=name) for name, value in zip(OPERANDS, values, strict=True)]
    network = Network(b.model([b.add(BatchNormalization(momentum=0.75), [x, *operands], name="y")]), dtype=dtype)
    return network, dict(zip(OPERANDS, values, strict=True))


def parameter(network: Network, name: str) -> Array:
    return next(array for key, array in network.parameters.items() if key.endswith(name))


def test_batch_normalization_follows_the_batch_in_training_alone() -> None:
    network, before = normalized()
    x = np.random.default_rng(3).normal(2, 3, (4, 6, 3)).astype(np.float32)
    (end,) = network.program.ends
    plain = network.run({0: x}).value(end)
    wanted = (x - before["mean"]) / np.sqrt(before["variance"] + 1e-3) * before["gamma"] + before["beta"]
    np.testing.assert_allclose(plain, wanted, rtol=1e-4, atol=1e-5)
    assert (parameter(network, "mean") == before["mean"]).all()
    trained = network.run({0: x}, training=True).value(end)
    np.testing.assert_allclose(trained.mean(axis=(0, 1)), before["beta"], atol=1e-4)
    np.testing.assert_allclose(trained.std(axis=(0, 1)), before["gamma"], rtol=1e-3)
    np.testing.assert_allclose(
        parameter(network, "mean"), 0.75 * before["mean"] + 0.25 * x.mean(axis=(0, 1)), rtol=1e-5
    )


def test_batch_normalization_s_gradient_is_the_slope() -> None:
    x = np.random.default_rng(4).normal(size=(4, 6, 3))
    weights = np.random.default_rng(5).normal(size=x.shape)
    network, _ = normalized(np.float64)
    (end,) = network.program.ends
    network.train_only([key for key in network.parameters if key.endswith(("gamma", "beta"))])
    gradients = network.back(network.run({0: x}, training=True), {end: weights})

    def loss() -> float:
        return float(np.vdot(weights, network.run({0: x}, training=True).value(end)))

    for name in ("gamma", "beta"):
        array = parameter(network, name)
        found = next(gradient for key, gradient in gradients.items() if key.endswith(name))
        for i in range(3):
            array[i] += 1e-6
            above = loss()
            array[i] -= 2e-6
            below = loss()
            array[i] += 1e-6
            assert found[i] == pytest.approx((above - below) / 2e-6, rel=1e-6)


def test_batch_normalization_s_gradient_goes_through_the_batch_s_mean_and_variance() -> None:
    b = Builder()
    x = b.input("x", (5, 3))
    shift = b.constant(np.array([0.1, -0.2, 0.3], np.float32), name="shift")
    scale = b.constant(np.arange(15, dtype=np.float32).reshape(5, 3) / 7 + 0.5, name="scale")
    y = b.add(qe_op("MUL"), [b.add(qe_op("ADD"), [x, shift]), scale])
    y = b.add(BatchNormalization(), [y, *(np.full(3, value, np.float32) for value in (1, 0, 0, 1))])
    network = Network(b.model([y]), dtype=np.float64)
    (end,) = network.program.ends
    rng = np.random.default_rng(6)
    inputs, weights = {0: rng.normal(size=(5, 3))}, rng.normal(size=(5, 3))
    gradients = network.back(network.run(inputs, training=True), {end: weights})
    for key in ("shift", "scale"):
        array = parameter(network, key)
        found = next(gradient for name, gradient in gradients.items() if name.endswith(key))
        for place in np.ndindex(array.shape):
            slopes = []
            for step in (1e-5, -1e-5):
                array[place] += step
                slopes.append(float(np.vdot(weights, network.run(inputs, training=True).value(end))))
                array[place] -= step
            assert found[place] == pytest.approx((slopes[0] - slopes[1]) / 2e-5, rel=1e-5, abs=1e-8)


def qe_op(name: str) -> Any:
    from qengine.ops import find

    found = find(name)
    assert found is not None
    return found()


def test_dropout_drops_its_share_and_keeps_the_mean_in_training_alone() -> None:
    b = Builder()
    x = b.input("x", (1, 1))
    network = Network(b.model([b.add(Dropout(0.25), [b.add(qe_op("MUL"), [x, np.ones((1, 2), np.float32)])])]))
    (end,) = network.program.ends
    ones = {0: np.ones((5000, 1), np.float32)}
    assert (network.run(ones).value(end) == 1).all()
    y = network.run(ones, training=True, seed=(1, 2)).value(end)
    assert set(np.unique(y).tolist()) == {0.0, float(np.float32(1 / 0.75))}
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.02)
    again = network.run(ones, training=True, seed=(1, 2)).value(end)
    assert (again == y).all()
    assert (network.run(ones, training=True, seed=(1, 3)).value(end) != y).any()
    gradients = network.back(network.run(ones, training=True, seed=(1, 2)), {end: np.ones_like(y)})
    (gradient,) = gradients.values()
    np.testing.assert_allclose(gradient.reshape(-1), y.sum(axis=0), rtol=1e-5)


def test_samples_may_come_from_a_function() -> None:
    images, labels = bars(20)
    made = fit(shapes(), lambda: iter(images), lambda: iter(labels), epochs=2, batch_size=10, loss=CrossEntropy())
    assert len(made.history.epochs) == 2
    assert len(data_of(shapes(), images, labels)) == 20  # type: ignore[arg-type]
