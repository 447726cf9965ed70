"""Damaged files: whatever the bytes, a Model or a ModelError, soon and in little memory."""

from __future__ import annotations

import struct
import time
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import everything, tiny
from raw import Raw

from qengine.errors import ModelError
from qengine.model import Model
from qengine.tflite import load, to_bytes
from qengine.tflite.check import check_model
from qengine.tflite.flat import Flat

EXAMPLES = 400
SECONDS = 20.0  # of the processor: what hangs takes more; how fast it is, benchmarks say
BYTES_PER_BYTE = 150
BYTES = 2**18


@cache
def sound() -> tuple[bytes, ...]:
    """Files that are mutilated."""
    plain = replace(everything(), appended=None)
    return (to_bytes(tiny()), to_bytes(everything()), to_bytes(plain), to_bytes(plain, limit=0))


def opened(blob: bytes) -> Model | None:
    """The model, None where it is refused. Time and memory are bounded by the length of the file."""
    tracemalloc.start()
    began = time.process_time()
    try:
        model = load(blob)
    except ModelError:
        model = None
    finally:
        taken = time.process_time() - began
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert taken < SECONDS
    assert peak < BYTES + BYTES_PER_BYTE * len(blob)
    return model


def check(blob: bytes) -> None:
    model = opened(blob)
    if model is None:
        return
    with suppress(ModelError):
        check_model(model)
    if model.unknown or any(node.op.name.startswith("UNKNOWN_") for graph in model.graphs for node in graph.nodes):
        with pytest.raises(ModelError):
            to_bytes(model)
    else:
        assert load(to_bytes(model)) == model


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """A file with some bits, numbers or stretches replaced, or cut short."""
    held = bytearray(draw(st.sampled_from(sound())))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(held) - 1))
        kind = draw(st.sampled_from(["bit", "number", "short", "copy", "splice", "cut"]))
        if kind == "bit":
            held[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "number" and at + 4 <= len(held):
            number = draw(st.sampled_from([0, 1, 4, 127, 2**16, 2**31 - 1, 2**32 - 1]) | st.integers(0, 2 * len(held)))
            struct.pack_into("<I", held, at // 4 * 4 if draw(st.booleans()) else at, number)
        elif kind == "short" and at + 2 <= len(held):
            struct.pack_into("<H", held, at, draw(st.sampled_from([0, 3, 4, 6, 2**16 - 1]) | st.integers(0, 64)))
        elif kind == "copy":
            other, length = draw(st.integers(0, len(held) - 1)), draw(st.integers(1, 64))
            held[at : at + length] = held[other : other + length]
        elif kind == "splice":
            other = draw(st.sampled_from(sound()))
            held[at:] = other[min(at, len(other) - 1) :]
        elif kind == "cut" and at > 8:
            del held[at:]
    return bytes(held)


@pytest.mark.usefixtures("no_operators")
@settings(max_examples=EXAMPLES)
@given(mutilated())
def test_a_mutilated_file(blob: bytes) -> None:
    check(blob)


@given(st.binary(max_size=200))
def test_bytes_at_random(tail: bytes) -> None:
    check(tail)
    check(b"\x08\0\0\0TFL3" + tail)


@pytest.mark.usefixtures("no_operators")
def test_a_file_cut_anywhere() -> None:
    """Nothing that a file needs lies in its last bytes but for the padding behind its tables."""
    whole = sound()[2]
    for length in range(0, len(whole), 7):
        check(whole[:length])
    assert opened(whole[: len(whole) - 64]) is None


def test_every_bit_of_a_small_file() -> None:
    whole = to_bytes(tiny())
    for at in range(len(whole)):
        for bit in range(8):
            held = bytearray(whole)
            held[at] ^= 1 << bit
            try:
                load(bytes(held))
            except ModelError:
                continue


def test_long_vtables_that_overlap_take_little_time() -> None:
    """A hundred tables, each with a vtable of 64 KB of its own, which are 64 bytes apart."""
    raw = Raw()
    metadata = [raw.table("Metadata", name=f"t{i}") for i in range(100)]
    blob = bytearray(raw.file(Model={"metadata": metadata}))
    vtables = len(blob)
    blob += (struct.pack("<H", 2**16 - 2) + bytes(62)) * 100 + bytes(2**20)
    flat = Flat(memoryview(bytes(blob)))
    for i, table in enumerate(flat.read("Model", flat.root(), "$")["metadata"]):
        struct.pack_into("<i", blob, table, table - vtables - 64 * i)
    model = opened(bytes(blob))
    assert model is not None
    assert len(model.unknown) == 99, "each has the beginnings of the next as fields that the schema doesn't have"


@pytest.mark.parametrize("table", ["Tensor", "Operator", "SubGraph", "Metadata", "SignatureDef", "Buffer"])
def test_a_file_of_tables_with_nothing_in_them(table: str) -> None:
    """As many as the file can say, all of them one: the model isn't larger than the file justifies."""
    raw = Raw()
    many = [raw.table(table)] * 30_000
    place = {"Tensor": "tensors", "Operator": "operators", "SubGraph": "subgraphs", "Metadata": "metadata"}
    place |= {"SignatureDef": "signature_defs", "Buffer": "buffers"}
    holder = "SubGraph" if table in ("Tensor", "Operator") else "Model"
    check(raw.file(**{holder: {place[table]: many}}))
