"""Constants that lie beside the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from models import tiny
from raw import Raw

from qengine.errors import ModelError
from qengine.model import Buffer, External, Graph, Model, Tensor, TensorType
from qengine.tflite import load, save, to_bytes
from qengine.tflite.external import detach, embed


def test_a_file_made_by_hand(tmp_path: Path) -> None:
    """Two tensors in one file, at bytes 3 and 8 of it; the ids are 9 and 4."""
    (tmp_path / "weights.bin").write_bytes(b"...AAAA.BB")
    raw = Raw()
    tensors = [
        raw.table("Tensor", name="a", shape=(4,), type=TensorType.UINT8, external_buffer=9),
        raw.table("Tensor", name="b", shape=(2,), type=TensorType.UINT8, external_buffer=4),
        raw.table("Tensor", name="a too", shape=(4,), type=TensorType.UINT8, external_buffer=9),
    ]
    group = raw.table("ExternalBufferGroup", name="weights.bin")
    blob = raw.file(
        SubGraph={"tensors": tensors},
        Model={
            "external_buffer_groups": [group],
            "external_buffers": [
                raw.table("ExternalBuffer", id=4, group=0, offset=8, length=2),
                raw.table("ExternalBuffer", id=9, group=0, offset=3, length=4),
            ],
        },
    )
    model = load(blob)
    a, b, again = model.graphs[0].tensors
    assert a.data == External("weights.bin", 3, 4)
    assert b.data == External("weights.bin", 8, 2)
    assert again.data is a.data
    assert load(to_bytes(model)) == model

    a, b, again = embed(model, tmp_path).graphs[0].tensors
    assert (a.data, b.data) == (Buffer(b"AAAA"), Buffer(b"BB"))
    assert again.data is a.data
    assert a.array.tolist() == [65, 65, 65, 65]


def test_detaching_and_embedding_are_inverse(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    shared = Buffer(rng.bytes(100))
    tensors = tuple(
        Tensor(f"c{i}", (len(data),), TensorType.UINT8, data)
        for i, data in enumerate([Buffer(rng.bytes(7)), shared, Buffer(b"small"), Buffer(b""), shared])
    )
    model = Model((Graph((*tensors, Tensor("x", (1,), TensorType.UINT8)), (), (5,), ()),))
    outside = detach(model, tmp_path, "weights.bin", at_least=6)
    data = [tensor.data for tensor in outside.graphs[0].tensors]
    moved = External("weights.bin", 16, 100)
    assert data == [External("weights.bin", 0, 7), moved, Buffer(b"small"), Buffer(b""), moved, None]
    assert (tmp_path / "weights.bin").stat().st_size == 116
    save(outside, tmp_path / "model.tflite")
    assert embed(load(tmp_path / "model.tflite"), tmp_path) == model


def external(data: External) -> Model:
    graph = tiny().graphs[0]
    first = replace(graph.tensors[0], data=data)
    return replace(tiny(), graphs=(replace(graph, tensors=(first, *graph.tensors[1:])),))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (External("none.bin", 0, 1), "expected a readable file, got"),
        (External("weights.bin", 8, 3), "expected bytes 8 to 11 in 'weights.bin', got 10 bytes"),
        (External("weights.bin", 2**63, 2**63), "expected bytes"),
        (External("weights.bin", 0, 1, "xnnpack"), "expected external data as it is, got packing 'xnnpack'"),
    ],
)
def test_external_data_that_is_not_there(data: External, message: str, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(10))
    with pytest.raises(ModelError, match=message) as error:
        embed(external(data), tmp_path)
    assert error.value.where.startswith("$.subgraphs[0].tensors[0]")


@pytest.mark.parametrize("name", ["../up", "/etc/hostname", "a/../../up", "", "C:\\x", "\\x", "..\\up", "C:x", "a\0b"])
def test_a_name_cannot_lead_out_of_the_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "up").write_bytes(bytes(10))
    with pytest.raises(ModelError, match="expected the name of a file beside the model, got"):
        embed(external(External(name, 0, 1)), folder)
    with pytest.raises(ModelError, match="expected the name of a file beside the model, got"):
        detach(tiny(), folder, name)


def test_a_name_may_lead_deeper(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    outside = detach(tiny(), tmp_path, "sub/weights.bin")
    assert (tmp_path / "sub" / "weights.bin").read_bytes() == bytes(range(24))
    assert embed(outside, tmp_path) == tiny()
