"""The demo: a classifier that is good enough, in integers through and through, and equal to the real runtime."""

from __future__ import annotations

import json
import types
from pathlib import Path

import numpy as np
import pytest

from qengine.cli import status_of
from qengine.cli.demo import make
from qengine.demo import answer, edges
from qengine.digits import load_digits
from qengine.interpreter import Interpreter
from qengine.model import TensorType
from qengine.tflite import load


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return dict(make(tmp_path_factory.mktemp("demo"), load_digits()[0], lambda _: None))


def test_filters_have_length_1_and_see_no_flat_ground() -> None:
    filters = edges().reshape(16, 9)
    np.testing.assert_allclose((filters**2).sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(filters.sum(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(filters[0], -filters[8], atol=1e-6)


def test_both_networks_are_right_about_most_digits(files: dict[str, Path]) -> None:
    _, test = load_digits()
    accuracy = {}
    for name, file in files.items():
        answers = answer(Interpreter(model_path=file), test.images)
        assert answers.outputs.shape == (599, 10)
        assert answers.seconds > 0
        accuracy[name] = answers.accuracy(test.labels)
    assert accuracy["float32"] > 0.97
    assert accuracy["int8"] > accuracy["float32"] - 0.01


def test_the_small_one_holds_nothing_but_integers(files: dict[str, Path]) -> None:
    (graph,) = load(files["int8"]).graphs
    assert {tensor.type for tensor in graph.tensors} == {TensorType.INT8, TensorType.INT32}
    assert files["int8"].stat().st_size < files["float32"].stat().st_size / 2


def test_a_batch_gives_what_its_images_give_one_by_one(files: dict[str, Path]) -> None:
    images = load_digits()[1].images[:7]
    one_by_one = answer(Interpreter(model_path=files["float32"]), images)
    together = Interpreter(model_path=files["float32"])
    together.resize_tensor_input(0, images.shape, strict=True)
    together.allocate_tensors()
    together.set_tensor(0, images)
    together.invoke()
    outputs = together.get_tensor(together.get_output_details()[0]["index"])
    np.testing.assert_allclose(outputs, one_by_one.outputs, atol=1e-6)


def test_it_leaves_the_files_where_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["demo", "--out", str(tmp_path / "new")]) == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "digits_float32.tflite",
        "digits_int8.tflite",
    ]
    assert f"the files are in {tmp_path / 'new'}" in capsys.readouterr().out


def test_every_int8_output_is_the_runtime_s(litert: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["demo", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {network["name"] for network in facts["networks"]} == {"float32", "int8"}
    assert [each["profile"] for each in facts["agreements"]] == ["xnnpack", "optimized", "reference"]
    for each in facts["agreements"]:
        assert (each["differing"], each["outputs"]) == (0, 5990)
        assert each["float_off_by"] < 1e-5


def test_a_runtime_that_differs_is_a_no(
    litert: types.ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from qengine.cli import demo

    def off_by_one(*arguments: object) -> demo.Agreement:
        return demo.Agreement("xnnpack", "AUTO", 1, 5990, 0.0)

    monkeypatch.setattr(demo, "agree", off_by_one)
    assert status_of(["demo"]) == 1
    assert "outputs differ" in capsys.readouterr().out
