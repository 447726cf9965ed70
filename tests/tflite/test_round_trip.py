"""What is written is read back equal, whatever a model says; and it is written the same each time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models import everything, node, tiny

from qengine.model import Buffer, External, Graph, Metadata, Model, Quantization, Signature, Tensor, TensorType
from qengine.op import CustomOp
from qengine.tflite import load, to_bytes

TEXT = st.none() | st.text(
    st.characters(exclude_categories=["Cs"]) | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)
)
INT32 = st.integers(-(2**31), 2**31 - 1)
INTS = st.lists(INT32, max_size=5).map(tuple)


def test_a_small_model_survives() -> None:
    assert load(to_bytes(tiny())) == tiny()


@pytest.mark.usefixtures("no_operators")
def test_everything_that_the_format_can_say_survives() -> None:
    model = everything()
    again = load(to_bytes(model))
    assert again.graphs[0].tensors == model.graphs[0].tensors
    assert again.graphs[0].nodes == model.graphs[0].nodes
    assert again == model


@pytest.mark.usefixtures("no_operators")
@pytest.mark.parametrize("limit", [2**31 - 1, 0])
def test_writing_what_was_read_gives_the_same_bytes(limit: int) -> None:
    blob = to_bytes(everything(), limit=limit)
    assert to_bytes(load(blob), limit=limit) == blob
    assert to_bytes(everything(), limit=limit) == blob


def test_an_empty_model_survives() -> None:
    for model in (Model(()), Model((), signatures=(), metadata=(), metadata_buffers=())):
        assert load(to_bytes(model)) == model


@st.composite
def quantizations(draw: st.DrawFn) -> Quantization:
    def array(dtype: str) -> np.ndarray | None:
        values = draw(st.none() | st.binary(max_size=24))
        width = np.dtype(dtype).itemsize
        return None if values is None else np.frombuffer(values[: len(values) // width * width], dtype)

    return Quantization(array("<f4"), array("<i8"), draw(INT32), array("<f4"), array("<f4"))


@st.composite
def models(draw: st.DrawFn) -> Model:
    data = st.none() | st.binary(max_size=20).map(Buffer)
    external = st.builds(External, st.text(max_size=3), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
    tensor = st.builds(
        Tensor,
        TEXT,
        st.none() | INTS,
        st.sampled_from(TensorType),
        data | external,
        st.none() | quantizations(),
        st.none() | INTS,
        st.booleans(),
        has_rank=st.booleans(),
    )
    custom = st.builds(CustomOp, st.text(max_size=4), st.none() | st.binary(max_size=5).map(Buffer))
    nodes = st.builds(node, custom, INT32, INT32, version=INT32)
    graph = st.builds(
        Graph, st.lists(tensor, max_size=3).map(tuple), st.lists(nodes, max_size=3).map(tuple), INTS, INTS, TEXT, INT32
    )
    argument = st.tuples(st.text(max_size=3), st.integers(0, 2**32 - 1))
    arguments = st.lists(argument, max_size=2).map(tuple)
    signature = st.builds(Signature, TEXT, arguments, arguments, st.integers(0, 2**32 - 1))
    metadata = st.builds(Metadata, TEXT, data)
    return Model(
        graphs=tuple(draw(st.lists(graph, max_size=2))),
        description=draw(TEXT),
        signatures=draw(st.none() | st.lists(signature, max_size=2).map(tuple)),
        metadata=draw(st.none() | st.lists(metadata, max_size=2).map(tuple)),
        metadata_buffers=draw(st.none() | st.lists(data, max_size=2).map(tuple)),
        unreferenced=tuple(draw(st.lists(st.binary(max_size=5).map(Buffer), max_size=2))),
        appended=draw(st.none() | st.binary(min_size=1).filter(any).map(Buffer)),
    )


@given(models())
def test_any_model_survives(model: Model) -> None:
    assert load(to_bytes(model)) == model
    assert load(to_bytes(model, limit=0)) == model


def test_a_shared_buffer_is_one_buffer_again() -> None:
    shared = Buffer(b"\0" * 24)
    model = tiny()
    tensors = tuple(replace(tensor, data=shared) for tensor in model.graphs[0].tensors)
    again = load(to_bytes(replace(model, graphs=(replace(model.graphs[0], tensors=tensors),))))
    first, second = again.graphs[0].tensors
    assert first.data is second.data


def test_equal_buffers_that_are_two_stay_two() -> None:
    model = tiny()
    tensors = tuple(replace(tensor, data=Buffer(b"\0" * 24)) for tensor in model.graphs[0].tensors)
    again = load(to_bytes(replace(model, graphs=(replace(model.graphs[0], tensors=tensors),))))
    first, second = again.graphs[0].tensors
    assert first.data == second.data
    assert first.data is not second.data
