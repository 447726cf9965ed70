"""Files appear whole or not at all, and are mapped, not copied."""

from __future__ import annotations

import mmap
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from models import tiny

from qengine.errors import ModelError
from qengine.model import Buffer, Graph, Model, Tensor, TensorType
from qengine.tflite import files, load, replacing, save, to_bytes, writer


def test_a_saved_file_is_what_to_bytes_gives(tmp_path: Path) -> None:
    path = tmp_path / "tiny.tflite"
    save(tiny(), path)
    assert path.read_bytes() == to_bytes(tiny())
    assert load(path) == load(str(path)) == tiny()
    assert [child.name for child in tmp_path.iterdir()] == ["tiny.tflite"]


def test_a_file_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "tiny.tflite"
    save(tiny(), path)
    data = load(path).graphs[0].tensors[0].data
    assert isinstance(data, Buffer)
    assert isinstance(data.data, memoryview)
    assert isinstance(data.data.obj, mmap.mmap)


@pytest.mark.skipif(sys.platform == "win32", reason="a mapped file can't be replaced there")
def test_a_model_can_be_saved_over_the_file_it_came_from(tmp_path: Path) -> None:
    path = tmp_path / "tiny.tflite"
    save(tiny(), path)
    model = load(path)
    save(replace(model, description="again"), path)
    assert model == tiny()
    assert load(path) == replace(tiny(), description="again")


def test_a_model_that_cannot_be_said_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "tiny.tflite"
    save(tiny(), path)
    with pytest.raises(ModelError):
        save(replace(tiny(), unknown=("$: something",)), path)
    assert load(path) == tiny()
    assert [child.name for child in tmp_path.iterdir()] == ["tiny.tflite"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "tiny.tflite"
    save(tiny(), path)

    def parts() -> Iterator[bytes]:
        yield b"half"
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        replacing.replace(path, parts())
    assert load(path) == tiny()
    assert [child.name for child in tmp_path.iterdir()] == ["tiny.tflite"]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are of another kind there")
def test_permissions_are_those_of_any_new_file_or_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "tiny.tflite"
    before = os.umask(0o027)
    try:
        save(tiny(), path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o600)
    save(tiny(), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        save(tiny(), tmp_path / "none" / "tiny.tflite")


@pytest.mark.skipif(not hasattr(os, "SEEK_HOLE"), reason="needs files with holes, which take no space")
def test_a_file_over_2_gb(tmp_path: Path) -> None:
    """Zeros that are mapped from a file with a hole: nothing of this size is ever in memory."""
    size = 2**31
    hole = tmp_path / "hole"
    with hole.open("wb") as file:
        file.truncate(size)
    tensors = (
        Tensor("many", (2, size // 2), TensorType.UINT8, Buffer(files.mapped(hole))),
        Tensor("few", (4,), TensorType.UINT8, Buffer(b"last")),
    )
    pieces = writer.pieces(Model((Graph(tensors, (), (), ()),)))
    path = tmp_path / "large.tflite"
    with path.open("wb") as file:
        for piece in pieces:
            if len(piece) == size:
                file.seek(size, os.SEEK_CUR)
            else:
                file.write(piece)
    many, few = load(path).graphs[0].tensors
    assert isinstance(many.data, Buffer)
    assert isinstance(few.data, Buffer)
    assert len(many.data) == size
    assert bytes(many.data.data[-16:]) == bytes(16)
    assert few.data == Buffer(b"last")
    assert path.stat().st_size > size
