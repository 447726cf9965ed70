"""`qengine quantize` and `qengine evaluate`: what they print, what they write, and their exit status."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import classifier, images

from qengine.cli import status_of
from qengine.interpreter import Interpreter
from qengine.ptq.evaluate import evaluate
from qengine.ptq.quantize import quantize
from qengine.ptq.recipe import Recipe
from qengine.tflite import load, save, to_bytes

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A float model, samples and labelled samples."""
    save(classifier(), tmp_path / "float.tflite")
    np.savez(tmp_path / "samples.npz", image=images(12))
    x = images(20, seed=5)
    interpreter = Interpreter(model=classifier())
    interpreter.allocate_tensors()
    labels = []
    for row in x:
        interpreter.set_tensor(0, row[None])
        interpreter.invoke()
        labels.append(int(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).argmax()))
    np.savez(tmp_path / "labelled.npz", image=x, labels=np.array(labels))
    return tmp_path


def call(capsys: Captured, *arguments: Any) -> tuple[int, str, str]:
    status = status_of([str(part) for part in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_quantize_writes_what_the_function_makes(folder: Path, capsys: Captured) -> None:
    out = folder / "int8.tflite"
    status, text, _ = call(capsys, "quantize", folder / "float.tflite", "--data", folder / "samples.npz", "-o", out)
    assert status == 0
    assert load(out) == load(to_bytes(quantize(classifier(), "static_wi8_ai8", images(12)).model))
    assert "int8.tflite" in text
    assert "output scores:" in text
    assert "CONV_2D" in text
    assert sorted(path.name for path in folder.iterdir()) == [
        "float.tflite",
        "int8.tflite",
        "labelled.npz",
        "samples.npz",
    ]


def test_no_refine_does_as_the_converter(folder: Path, capsys: Captured) -> None:
    out = folder / "plain.tflite"
    arguments = ("--data", folder / "samples.npz", "-o", out, "--no-refine")
    assert call(capsys, "quantize", folder / "float.tflite", *arguments)[0] == 0
    plain, refined = (quantize(classifier(), "static_wi8_ai8", images(12), refine=r).model for r in (False, True))
    assert load(out) == load(to_bytes(plain)) != load(to_bytes(refined))


def test_quantize_takes_options(folder: Path, capsys: Captured) -> None:
    out = folder / "out.tflite"
    changes = ["--input-type", "uint8", "--keep-in-float", "SOFTMAX", "--keep-in-float", "#0", "--observer", "mse"]
    status, text, _ = call(
        capsys, "quantize", folder / "float.tflite", "--data", folder / "samples.npz", "-o", out, "--json", *changes
    )
    assert status == 0
    report = json.loads(text)
    assert {layer["operator"] for layer in report["layers"] if layer["treatment"] == "float"} == {"SOFTMAX", "CONV_2D"}
    graph = load(out).graphs[0]
    assert graph.tensors[graph.inputs[0]].type.name == "UINT8"


def test_quantize_reuses_ranges_and_recipes(folder: Path, capsys: Captured) -> None:
    model, ranges = folder / "float.tflite", folder / "ranges.npz"
    data = ["--data", folder / "samples.npz"]
    assert call(capsys, "quantize", model, *data, "-o", folder / "a.tflite", "--save-ranges", ranges)[0] == 0
    recipe = folder / "recipe.json"
    recipe.write_text(Recipe.named("static_wi8_ai16").to_json(), encoding="utf-8")
    arguments = ["--recipe", recipe, "--ranges", ranges, "-o", folder / "b.tflite", "--report", folder / "b.json"]
    assert call(capsys, "quantize", model, *arguments)[0] == 0
    assert json.loads((folder / "b.json").read_text(encoding="utf-8"))["recipe"] == "static_wi8_ai16"
    assert load(folder / "b.tflite").graphs[0].tensors[1].name is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected samples for a recipe"),
        (["--recipe", "int8"], "expected a recipe among"),
        (["--recipe", "float16", "--observer", "median"], "expected an observer among"),
        (["--data", "samples.npz", "--granularity", "blockwise"], "tensorwise or channelwise"),
        (["--ranges", "samples.npz"], "expected ranges as"),
        (["--data", "float.tflite"], "expected samples as .npz"),
        (["--data", "labelled.npz"], "expected arrays named ['image']"),
    ],
)
def test_quantize_says_what_is_wrong_and_writes_nothing(
    folder: Path, capsys: Captured, arguments: list[str], message: str
) -> None:
    paths = [str(folder / part) if (folder / part).exists() else part for part in arguments]
    status, out, err = call(capsys, "quantize", folder / "float.tflite", "-o", folder / "x.tflite", *paths)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not (folder / "x.tflite").exists()


def test_evaluate_puts_models_side_by_side(folder: Path, capsys: Captured) -> None:
    call(capsys, "quantize", folder / "float.tflite", "--data", folder / "samples.npz", "-o", folder / "int8.tflite")
    paths = [folder / "float.tflite", folder / "int8.tflite"]
    status, text, _ = call(capsys, "evaluate", *paths, "--data", folder / "labelled.npz")
    assert status == 0
    lines = text.splitlines()
    assert "accuracy" in lines[0]
    assert lines[1].startswith("float.tflite")
    assert "100.00%" in lines[1]
    assert "20 samples" in lines[3]
    status, text, _ = call(capsys, "evaluate", *paths, "--data", folder / "labelled.npz", "--json", "--limit", 10)
    rows = json.loads(text)["models"]
    assert [row["samples"] for row in rows] == [10, 10]
    assert rows[0]["accuracy"] == 1
    assert rows[1]["size"] == (folder / "int8.tflite").stat().st_size
    assert rows[1]["accuracy"] == rows[1]["agreement"] >= 0.8
    assert all(row["latency"] > 0 for row in rows)


def test_evaluate_without_labels_measures_agreement(folder: Path, capsys: Captured) -> None:
    status, text, _ = call(
        capsys,
        "evaluate",
        folder / "float.tflite",
        "--data",
        folder / "samples.npz",
        "--json",
        "--profile",
        "reference",
    )
    row = json.loads(text)["models"][0]
    assert (status, row["accuracy"], row["agreement"]) == (0, None, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "labelled.npz", "--labels", "class"], "expected an array 'class'"),
        (["--data", "float.tflite"], "expected arrays as .npz"),
        (["--data", "nowhere.npz"], "nowhere.npz"),
        ([], "--data"),
    ],
)
def test_evaluate_says_what_is_wrong(folder: Path, capsys: Captured, arguments: list[str], message: str) -> None:
    paths = [str(folder / part) if part.endswith((".npz", ".tflite")) else part for part in arguments]
    status, out, err = call(capsys, "evaluate", folder / "float.tflite", *paths)
    assert (status, out) == (2, "")
    assert message in err


def test_evaluate_draws(folder: Path, capsys: Captured) -> None:
    figure = folder / "figure.png"
    drawn = call(
        capsys, "evaluate", folder / "float.tflite", "--data", folder / "labelled.npz", "--plot", figure, "--limit", 3
    )
    if importlib.util.find_spec("matplotlib") is None:
        assert drawn[0] == 2
        assert "qengine[plot]" in drawn[2]
    else:
        assert drawn[0] == 0
        assert figure.read_bytes().startswith(b"\x89PNG")


def test_a_single_output_answers_yes_above_one_half() -> None:
    from networks import op

    from qengine.build import Builder

    b = Builder()
    model = b.model([b.add(op("LOGISTIC"), [b.input("x", (1, 1))])])
    rows = evaluate({"yes": model}, np.array([[-2.0], [2.0], [0.5]]), np.array([False, True, False]))
    assert rows[0].answers.tolist() == [False, True, True]
    assert rows[0].accuracy == pytest.approx(2 / 3)


def test_labels_must_be_as_many_as_samples() -> None:
    with pytest.raises(ValueError, match="a label for each of 4 samples, got 3"):
        evaluate({"a": classifier()}, images(4), np.zeros(3))
