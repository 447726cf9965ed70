"""A whole network there and back: the interpreter's numbers, finite differences, samples that don't mix."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from small_networks import conv, everything, normal, op

from qengine.build import Builder
from qengine.errors import Unsupported
from qengine.interpreter import Interpreter
from qengine.model import Model
from qengine.output import Output
from qengine.ptq.prepare import prepared
from qengine.tflite import load
from qengine.train.network import Network

ROOT = Path(os.environ.get("QENGINE_MODELS") or Path(__file__).resolve().parents[3] / "shared" / "models")
TRAINED = ["ad01_fp32", "pretrainedResnet", "hello_world_float", "trained_lstm", "conv_fc_mnist"]


def images(count: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, 6, 6, 2)).astype(np.float32)


def difference(network: Network, inputs: dict[int, np.ndarray], seed: int = 5) -> tuple[float, float]:
    """The loss' slope along a random direction of all parameters: by the way back, and by finite differences."""
    rng = np.random.default_rng(seed)
    run = network.run(inputs, training=True)
    (end,) = network.program.ends
    weights = rng.normal(size=run.value(end).shape)
    gradients = network.back(run, {end: weights})
    assert set(gradients) == set(network.parameters)
    start = {key: array.copy() for key, array in network.parameters.items()}
    way = {key: rng.normal(size=array.shape) * np.abs(array).mean() for key, array in start.items()}

    def loss(step: float) -> float:
        for key, array in network.parameters.items():
            array[...] = start[key] + step * way[key]
        return float(np.vdot(weights, network.run(inputs).value(end)))

    slopes = [(loss(h) - loss(-h)) / (2 * h) for h in (1e-6, 5e-7)]
    return sum(float(np.vdot(gradients[key], way[key])) for key in way), (4 * slopes[1] - slopes[0]) / 3


def test_it_computes_what_the_interpreter_computes() -> None:
    model = everything()
    x = images(1)
    interpreter = Interpreter(model=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, x)
    interpreter.invoke()
    network = Network(model)
    wanted = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(network.run({0: x}).value(network.program.ends[0]), wanted, rtol=1e-5, atol=1e-6)


def test_its_gradient_is_the_slope() -> None:
    network = Network(everything(), dtype=np.float64)
    found, expected = difference(network, {0: images(3)})
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_batch_is_its_samples_though_constants_name_a_batch_of_1() -> None:
    network, x = Network(everything()), images(4)
    (end,) = network.program.ends
    together = network.run({0: x}).value(end)
    one_by_one = [network.run({0: x[i : i + 1]}).value(end) for i in range(4)]
    np.testing.assert_allclose(together, np.concatenate(one_by_one), rtol=1e-5, atol=1e-6)


def test_the_current_model_has_the_parameters_and_nothing_else_changed() -> None:
    model = everything()
    network = Network(model)
    assert network.current() == model
    key = next(iter(network.parameters))
    network.parameters[key] += 1
    changed = network.current()
    index = network.tensor(key)
    np.testing.assert_array_equal(changed.graphs[0].tensors[index].array, model.graphs[0].tensors[index].array + 1)
    others = [i for i in range(len(model.graphs[0].tensors)) if i != index]
    assert all(changed.graphs[0].tensors[i] is model.graphs[0].tensors[i] for i in others)


def ranked() -> Model:
    """A network with an operator in the middle that has no gradient."""
    rng = np.random.default_rng(0)
    b = Builder("main")
    y = conv(b, b.input("image", (1, 2, 2, 1)), rng, 3)
    wanted = [Output("best"), Output("places", type=np.int32)]
    y = b.add(op("TOPK_V2"), [y, np.array(2, np.int32)], outputs=wanted)[0]
    y = b.add(op("RESHAPE"), [y, np.array([1, -1], np.int32)])
    return b.model([b.add(op("FULLY_CONNECTED"), [y, normal(rng, 2, 8), normal(rng, 2)])])


def test_a_node_without_gradient_is_refused_unless_what_comes_before_is_frozen() -> None:
    network = Network(ranked())
    x = {0: np.ones((1, 2, 2, 1), np.float32)}
    with pytest.raises(
        Unsupported, match=r"got TOPK_V2: freeze what comes before it - at `\$.subgraphs\[0\].operators\[1\]`"
    ):
        network.run(x, training=True)
    behind = [key for key in network.parameters if network.parameters[key].shape in ((2, 8), (2,))]
    network.train_only(behind)
    run = network.run(x, training=True)
    gradients = network.back(run, {network.program.ends[0]: np.ones((1, 2), np.float32)})
    assert sorted(gradients) == sorted(behind)


def corpus() -> list[Path]:
    manifest = ROOT / "real" / "manifest.json"
    if not manifest.is_file():
        return []
    entries = json.loads(manifest.read_text(encoding="utf-8"))["models"]
    return [ROOT / "real" / entry["file"] for entry in entries if entry["id"].split("/")[-1] in TRAINED]


@pytest.mark.parametrize("path", corpus(), ids=lambda path: path.stem)
def test_trained_networks_have_gradients_throughout(path: Path) -> None:
    model = prepared(load(path))[0]
    network = Network(model, dtype=np.float64)
    rng = np.random.default_rng(2)
    graph = model.graphs[0]
    inputs = {i: rng.normal(size=(2, *(graph.tensors[i].shape or ())[1:])) for i in graph.inputs}
    found, expected = difference(network, inputs)
    assert found == pytest.approx(expected, rel=1e-4)
