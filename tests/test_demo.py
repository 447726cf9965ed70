"""The demo: a classifier that is trained well enough, small in every way, and equal to the real runtime."""

from __future__ import annotations

import json
import types
from pathlib import Path

import numpy as np
import pytest

from qengine.cli import status_of
from qengine.cli.demo import make
from qengine.demo.answers import answers, seconds_of_one
from qengine.demo.classifier import network, trained
from qengine.demo.story import FLOAT, WAYS, Story, Way, agree, tell
from qengine.digits import load_digits
from qengine.interpreter import Interpreter
from qengine.kernels.profile import Profile
from qengine.model import Model, TensorType
from qengine.tflite import load

TRAINED = Way("static_wi4_ai8", aware=True, bits=2)
CHOSEN = (Way("dynamic_wi8_afp32"), Way("static_wi8_ai8"), Way("static_wi4_ai8", bits=2), TRAINED)
EPOCHS = 5


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Some of the story's networks, trained less."""
    return make(tmp_path_factory.mktemp("demo"), load_digits()[0], ways=CHOSEN, epochs=EPOCHS)


@pytest.fixture(scope="module")
def story(files: dict[str, Path]) -> Story:
    return tell(files, load_digits()[1], Profile.XNNPACK)


def test_each_way_has_a_name_of_its_own() -> None:
    assert len({way.name for way in WAYS}) == len(WAYS)
    assert TRAINED.name == "static_wi2_ai8_trained"
    assert Way("static_wi8_ai16").chosen.types() == (TensorType.INT16, TensorType.INT16)


def test_every_recipe_and_training_at_8_and_4_bits_are_told_of() -> None:
    from qengine.ptq.recipe import SCHEMES

    assert {way.recipe for way in WAYS} == SCHEMES.keys() - {"float"}
    assert {way.recipe for way in WAYS if way.aware and not way.bits} == {"static_wi8_ai8", "static_wi4_ai8"}


def test_the_network_is_small_and_its_weights_are_the_seed_s() -> None:
    constants = [tensor for tensor in network().graphs[0].tensors if tensor.is_constant and len(tensor.shape or ()) > 1]
    weights = sum(tensor.array.size for tensor in constants if tensor.type is TensorType.FLOAT32)
    assert f"{weights:,} weights" in str(network.__doc__)
    assert network(1) == network(1) != network(2)


def test_training_is_reproducible() -> None:
    some = type(load_digits()[0])(*(part[:64] for part in load_digits()[0]))
    assert trained(some, epochs=1) == trained(some, epochs=1)


def test_the_networks_are_right_as_often_as_they_should(story: Story) -> None:
    accuracy = {each.evaluation.name: each.evaluation.accuracy or 0 for each in story.networks}
    assert list(accuracy) == [FLOAT, *(way.name for way in CHOSEN)]
    assert accuracy[FLOAT] > 0.97
    assert accuracy["dynamic_wi8_afp32"] > accuracy[FLOAT] - 0.005
    assert accuracy["static_wi8_ai8"] > accuracy[FLOAT] - 0.005
    assert accuracy[TRAINED.name] > 0.85
    assert accuracy[TRAINED.name] > accuracy["static_wi2_ai8"] + 0.1


def test_what_is_told_of_a_network_is_so(story: Story, files: dict[str, Path]) -> None:
    for each in story.networks:
        assert each.evaluation.size == files[each.evaluation.name].stat().st_size
        assert each.evaluation.latency > 0
        assert each.evaluation.samples == 599
        assert each.aware == each.evaluation.name.endswith("_trained")
    assert story.networks[0].evaluation.agreement == 1


def test_the_static_ones_hold_nothing_but_integers(files: dict[str, Path]) -> None:
    (graph,) = load(files["static_wi8_ai8"]).graphs
    assert {tensor.type for tensor in graph.tensors} == {TensorType.INT8, TensorType.INT32}
    (graph,) = load(files[TRAINED.name]).graphs
    kept = [tensor.array for tensor in graph.tensors if tensor.type is TensorType.INT4]
    assert len(kept) == 4
    assert all(np.abs(array).max() <= 1 for array in kept), "two bits without the smallest number"
    assert files["static_wi8_ai8"].stat().st_size < files[FLOAT].stat().st_size / 3


def test_a_batch_gives_what_its_images_give_one_by_one(files: dict[str, Path]) -> None:
    images = load_digits()[1].images[:7]
    for name, tolerance in ((FLOAT, 1e-6), ("static_wi8_ai8", 0)):
        together = answers(Interpreter(model_path=files[name]), images)
        apart = [answers(Interpreter(model_path=files[name]), images[i : i + 1]) for i in range(7)]
        np.testing.assert_allclose(together, np.concatenate(apart), atol=tolerance, rtol=0)


def test_a_time_is_measured_at_least_5_times(files: dict[str, Path]) -> None:
    assert seconds_of_one(Interpreter(model_path=files[FLOAT]), load_digits()[1].images[:2], limit=0.0) > 0


def test_it_leaves_the_files_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shortened(monkeypatch)
    assert status_of(["demo", "--epochs", "1", "--out", str(tmp_path / "new")]) == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "digits_float32.tflite",
        "digits_static_wi8_ai8.tflite",
    ]
    said = capsys.readouterr().out
    assert f"the files are in {tmp_path / 'new'}" in said
    assert "accuracy" in said


def test_every_integer_is_the_runtime_s(litert: types.ModuleType, story: Story) -> None:
    found = {(each.network, each.profile) for each in story.agreements}
    assert found == {(name, profile.value) for name in (FLOAT, *(way.name for way in CHOSEN)) for profile in Profile}
    assert story.equal
    for each in story.agreements:
        assert each.exact == each.network.startswith("static")
        assert each.outputs == 5990
        if each.exact:
            assert (each.differing, each.off_by) == (0, 0)
        elif each.network == FLOAT:
            assert each.off_by < 1e-5
    assert all(each.runtime is not None and each.runtime > 0 for each in story.networks)


def test_a_runtime_that_differs_is_a_no(
    litert: types.ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from qengine.demo import story

    def off_by_one(name: str, profile: Profile, ours: np.ndarray, theirs: np.ndarray) -> story.Agreement:
        return agree(name, profile, ours, theirs + (np.arange(theirs.size).reshape(theirs.shape) == 3))

    shortened(monkeypatch)
    monkeypatch.setattr(story, "agree", off_by_one)
    assert status_of(["demo", "--epochs", "1", "--json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in facts["networks"]] == [FLOAT, "static_wi8_ai8"]
    assert {each["differing"] for each in facts["agreements"] if each["exact"]} == {1}
    assert [each["profile"] for each in facts["agreements"]][::2] == ["xnnpack", "optimized", "reference"]


def test_a_figure_without_matplotlib_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    shortened(monkeypatch)
    assert status_of(["demo", "--epochs", "1", "--plot", str(tmp_path / "figure.png")]) == 2
    assert "install qengine[plot]" in capsys.readouterr().err


def shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo with one way alone, from the first few digits."""
    from qengine.cli import demo

    train, test = load_digits()
    few = type(train)(train.images[:100], train.labels[:100]), type(test)(test.images[:20], test.labels[:20])

    def one_way(folder: Path, digits: object, **how: object) -> dict[str, Path]:
        return make(folder, few[0], ways=(Way("static_wi8_ai8"),), **how)  # type: ignore[arg-type]

    monkeypatch.setattr(demo, "make", one_way)
    monkeypatch.setattr(demo, "load_digits", lambda: few)
    assert isinstance(trained(few[0], epochs=1), Model)
