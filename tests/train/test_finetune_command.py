"""`qengine finetune`: what it writes and prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_networks import everything

from qengine.cli import status_of
from qengine.tflite import load, save, to_bytes
from qengine.train.finetune import finetune

Captured = pytest.CaptureFixture[str]
IMAGES = np.random.default_rng(1).normal(size=(24, 6, 6, 2)).astype(np.float32)
LABELS = np.random.default_rng(2).integers(0, 5, 24)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A float model, and samples with labels."""
    save(everything(), tmp_path / "float.tflite")
    np.savez(tmp_path / "samples.npz", image=IMAGES, labels=LABELS)
    return tmp_path


def call(capsys: Captured, folder: Path, *arguments: Any) -> tuple[int, str, str]:
    files = ["finetune", folder / "float.tflite", "--data", folder / "samples.npz", "-o", folder / "out.tflite"]
    status = status_of([str(part) for part in (*files, *arguments)])
    out, err = capsys.readouterr()
    return status, out, err


def test_it_writes_what_the_function_makes(folder: Path, capsys: Captured) -> None:
    status, text, _ = call(capsys, folder, "--recipe", "static_wi4_ai8", "--epochs", 2, "--batch-size", 8)
    assert status == 0
    made = finetune(everything(), "static_wi4_ai8", IMAGES, epochs=2, batch_size=8)
    assert load(folder / "out.tflite") == load(to_bytes(made.model))
    assert "out.tflite" in text
    assert "static_wi4_ai8" in text
    assert "start" in text
    assert text.count("*") == 1, "one row is what was kept"
    assert "dB signal to quantization noise" in text


def test_programs_read_json(folder: Path, capsys: Captured) -> None:
    status, text, _ = call(capsys, folder, "--labels", "labels", "--epochs", 2, "--seed", 5, "--exact", "--json")
    assert status == 0
    content = json.loads(text)
    made = finetune(everything(), data=IMAGES, labels=LABELS, epochs=2, seed=5)
    assert [row["loss"] for row in content["history"]["epochs"]] == made.history.column("loss")
    assert content["report"]["recipe"]
    assert [part["operator"] for part in content["partings"]][:2] == ["CONV_2D", "DEPTHWISE_CONV_2D"]
    assert all(part["apart"] <= part["elements"] for part in content["partings"])


def test_all_that_can_be_said(folder: Path, capsys: Captured) -> None:
    arguments = ["--recipe", "static_wi4_ai8", "--labels", "labels", "--epochs", 3, "--rate", 0.01]
    arguments += ["--freeze", "^conv", "--range-rule", "lsq", "--learn-weights", "--validation", 0.25, "--patience", 1]
    arguments += ["--weight-bits", 3, "--input-type", "int8", "--checkpoint", folder / "training.npz"]
    arguments += ["--train-exact", "reference", "--exact"]
    status, text, _ = call(capsys, folder, *arguments)
    assert status == 0
    assert (folder / "training.npz").is_file()
    assert "fake quantization beside the file's kernels" in text
    model = load(folder / "out.tflite")
    assert model.graphs[0].tensors[model.graphs[0].inputs[0]].type.name == "INT8"
    assert call(capsys, folder, *arguments)[0] == 0, "it goes on from the checkpoint"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "classes"], "expected an array 'classes'"),
        (["--recipe", "int3"], "int3"),
        (["--freeze", "("], "expected regular expressions"),
        (["--weight-bits", 40], "bits"),
    ],
)
def test_mistakes_end_with_one_line_and_status_2(
    folder: Path, capsys: Captured, arguments: list[Any], message: str
) -> None:
    status, _, err = call(capsys, folder, *arguments)
    assert status == 2
    assert message in err
    assert not (folder / "out.tflite").exists()


def test_samples_that_do_not_fit_are_named(folder: Path, capsys: Captured) -> None:
    np.savez(folder / "samples.npz", image=IMAGES[:, :5])
    status, _, err = call(capsys, folder)
    assert status == 2
    assert "5" in err
    (folder / "samples.npz").write_bytes(b"nothing")
    status, _, err = call(capsys, folder)
    assert status == 2
    assert "expected arrays as .npz" in err
