"""Files that must be refused: with a ModelError that says what was expected, what came, and where."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from refusals import FOLDER, REFUSALS

from qengine.errors import ModelError
from qengine.tflite import load


def test_the_folder_holds_what_is_described() -> None:
    assert {path.stem for path in FOLDER.glob("*.tflite")} == REFUSALS.keys()
    for make, message in REFUSALS.values():
        with pytest.raises(ModelError) as error:
            load(make())
        assert re.sub(r"\d+", "n", str(error.value)) == re.sub(r"\d+", "n", message), "but for places in the file"


@pytest.mark.parametrize("name", REFUSALS)
def test_a_file_is_refused_by_name(name: str) -> None:
    path = FOLDER / f"{name}.tflite"
    began = time.process_time()
    with pytest.raises(ModelError) as from_file:
        load(path)
    with pytest.raises(ModelError) as from_bytes:
        load(path.read_bytes())
    assert time.process_time() - began < 20, "it hangs"
    assert str(from_file.value) == str(from_bytes.value) == REFUSALS[name][1]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"expected a readable file, got .*No such file"):
        load(tmp_path / "none.tflite")
    with pytest.raises(ModelError, match="expected a readable file, got a folder, a device or a pipe"):
        load(tmp_path)
    with pytest.raises(ModelError, match="expected a readable file, got"):
        load("with\0zero.tflite")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_that_nobody_writes_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelError, match="expected a readable file, got a folder, a device or a pipe"):
        load(tmp_path / "pipe")
