"""The ZIP of associated files behind a model's tables."""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from models import archive, tiny

from qengine.model import Buffer
from qengine.tflite import load, to_bytes
from qengine.tflite.appended import appended


def with_files(blob: bytes, **files: str) -> bytes:
    """The file with a ZIP appended in place, whose offsets count from the start of the file."""
    held = io.BytesIO(blob)
    with zipfile.ZipFile(held, "a") as writer:
        for name, text in files.items():
            writer.writestr(zipfile.ZipInfo(name), text)
    return held.getvalue()


def files_of(blob: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(blob)) as reader:
        assert reader.testzip() is None
        return {name: reader.read(name) for name in reader.namelist()}


def test_files_are_found_in_the_model_and_in_each_rewriting_of_it() -> None:
    blob = with_files(to_bytes(tiny()), labels="cat\ndog\n", vocabulary="a b c")
    files = {"labels": b"cat\ndog\n", "vocabulary": b"a b c"}
    assert files_of(blob) == files
    model = load(blob)
    assert model.appended is not None
    assert files_of(bytes(model.appended.data)) == files
    longer = to_bytes(replace(model, description="x" * 1000))
    assert files_of(longer) == files
    assert load(to_bytes(model)) == model
    assert load(longer).appended == model.appended


def test_the_bytes_are_a_zip_file_on_their_own() -> None:
    model = load(with_files(to_bytes(tiny()), labels="cat\ndog\n"))
    assert model.appended == Buffer(archive(labels="cat\ndog\n"))


def test_an_empty_zip() -> None:
    model = load(with_files(to_bytes(tiny())))
    assert model.appended == Buffer(archive())
    assert load(to_bytes(model)) == model


def test_a_zip_with_a_comment() -> None:
    held = io.BytesIO(to_bytes(tiny()))
    with zipfile.ZipFile(held, "a") as writer:
        writer.writestr(zipfile.ZipInfo("labels"), "cat")
        writer.comment = b"two animals"
    model = load(held.getvalue())
    assert model.appended is not None
    assert files_of(bytes(model.appended.data)) == {"labels": b"cat"}
    assert load(to_bytes(model)) == model


@pytest.mark.parametrize("at", [4, 6, 8, 10, 12, 16])
def test_a_damaged_zip_is_kept_as_it_is(at: int) -> None:
    zipped = bytearray(with_files(to_bytes(tiny()), labels="cat"))
    struct.pack_into("<H", zipped, len(zipped) - 22 + at, 60000)
    model = load(bytes(zipped))
    assert model.appended == Buffer(bytes(zipped[len(to_bytes(tiny())) :]))
    assert load(to_bytes(model)) == model


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_can_be_appended(between: bytes, after: bytes) -> None:
    data = memoryview(between + archive(labels="cat") + after)
    for end in (0, len(between)):
        found = appended(data, end)
        assert found is not None
        assert bytes(data).endswith(bytes(found.data)) or files_of(bytes(found.data)) == {"labels": b"cat"}
        assert appended(memoryview(found.data), 0) == found
