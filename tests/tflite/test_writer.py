"""What a file that we write looks like, to us and to the runtime."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import types
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import everything, node, tiny

from qengine.errors import ModelError
from qengine.model import (
    Blockwise,
    Buffer,
    Dimension,
    DimensionType,
    External,
    Graph,
    Metadata,
    Model,
    Node,
    Quantization,
    Signature,
    Sparsity,
    Tensor,
    TensorType,
)
from qengine.op import CustomOp, Op, Specs, UnknownOp
from qengine.tflite import load, schema, to_bytes
from qengine.tflite.flat import Flat


def root(blob: bytes) -> tuple[Flat, dict[str, Any]]:
    flat = Flat(memoryview(blob))
    return flat, flat.read("Model", flat.root(), "$")


def tables(blob: bytes, field: str, table: str) -> list[dict[str, Any]]:
    flat, values = root(blob)
    return flat.each(values[field], "$", lambda at, where: flat.read(table, at, where))


def constants(count: int, length: int) -> Model:
    """A model with so many constants, each of so many bytes (and as many more as it has predecessors)."""
    rng = np.random.default_rng(5)
    held = [rng.integers(0, 256, length + i, np.uint8).tobytes() for i in range(count)]
    tensors = [Tensor(f"c{i}", (len(data),), TensorType.UINT8, Buffer(data)) for i, data in enumerate(held)]
    return Model((Graph(tuple(tensors), (), (), ()),))


@pytest.mark.parametrize("limit", [2**31 - 1, 0])
def test_constants_are_aligned_to_16_bytes(limit: int) -> None:
    for length in range(1, 40):
        blob = to_bytes(constants(3, length), limit=limit)
        start = np.frombuffer(blob, np.uint8).ctypes.data
        for tensor in load(blob).graphs[0].tensors:
            assert isinstance(tensor.data, Buffer)
            assert (np.frombuffer(tensor.data.data, np.uint8).ctypes.data - start) % 16 == 0


def test_the_first_buffer_is_empty_and_shared_buffers_are_written_once() -> None:
    shared = Buffer(b"0123456789abcdef")
    tensors = tuple(Tensor(None, (16,), TensorType.UINT8, shared) for _ in range(3))
    blob = to_bytes(Model((Graph(tensors, (), (), ()),), metadata=(Metadata("same", shared),)))
    first, second = tables(blob, "buffers", "Buffer")
    assert first == {"data": None, "offset": 0, "size": 0}
    assert bytes(second["data"]) == shared.data
    assert blob.count(b"0123456789abcdef") == 1


@pytest.mark.parametrize(
    "values",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.arange(12, dtype=np.int16)[::2],
        np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
        np.zeros((0, 3), np.int8),
    ],
    ids=["matrix", "every other", "columns first", "none"],
)
def test_a_buffer_may_be_a_view_of_any_array(values: np.ndarray) -> None:
    tensor = Tensor("c", values.shape, type_of(values.dtype), Buffer(memoryview(values)))
    again = load(to_bytes(Model((Graph((tensor,), (), (), ()),)))).graphs[0].tensors[0]
    assert again.data == Buffer(values.tobytes())
    assert again.array.tolist() == values.tolist()


def type_of(dtype: np.dtype[Any]) -> TensorType:
    return next(type_ for type_ in TensorType if type_.dtype == dtype)


def test_both_operator_code_fields_are_set_and_equal_codes_are_written_once() -> None:
    nodes = (
        node(UnknownOp(3, "CONV_2D"), 0, 1, version=1),
        node(UnknownOp(150, "GELU"), 0, 1, version=2),
        node(UnknownOp(3, "CONV_2D"), 0, 1, version=1),
        node(UnknownOp(3, "CONV_2D"), 0, 1, version=3),
        node(CustomOp("mine"), 0, 1, version=1),
    )
    blob = to_bytes(Model((Graph((), nodes, (), ()),)))
    codes = [tuple(values.values()) for values in tables(blob, "operator_codes", "OperatorCode")]
    assert codes == [(3, None, 1, 3), (127, None, 2, 150), (3, None, 3, 3), (32, "mine", 1, 32)]


@dataclass(frozen=True, eq=False)
class Versioned(Op):
    """Stands in for RELU: its version is 7 for two inputs of which the first is the constant 5."""

    @property
    def name(self) -> str:
        return "RELU"

    def version(self, specs: Specs) -> int:
        assert [spec is None for spec in specs.inputs] == [False, True]
        assert specs.input(0).value is not None
        assert specs.input(0).value == [5]
        assert specs.output().type is TensorType.INT8
        return 7


def test_a_node_without_a_version_gets_what_its_operator_says() -> None:
    tensors = (Tensor("x", (1,), TensorType.INT8, Buffer(b"\5")), Tensor("y", (1,), TensorType.INT8))
    graph = Graph(tensors, (node(Versioned(), 0, -1, 1),), (), (1,))
    assert load(to_bytes(Model((graph,)))).graphs[0].nodes[0].version == 7
    kept = replace(graph, nodes=(node(Versioned(), 0, -1, 1, version=2),))
    assert load(to_bytes(Model((kept,)))).graphs[0].nodes[0].version == 2


def test_a_version_needs_tensors_that_are_there() -> None:
    graph = Graph((), (node(Versioned(), 5, -1, 1),), (), (1,))
    with pytest.raises(
        ModelError, match=r"one of 0 tensors, got 5 - at `\$.subgraphs\[0\].operators\[0\].inputs\[0\]`"
    ):
        to_bytes(Model((graph,)))


# --- files over the limit of a FlatBuffer's offsets


def test_past_the_limit_buffers_are_found_by_their_offset() -> None:
    model = constants(4, 100)
    length = len(to_bytes(model))
    inside = tables(to_bytes(model, limit=length), "buffers", "Buffer")
    outside = tables(to_bytes(model, limit=length - 1), "buffers", "Buffer")
    assert all(values["offset"] == 0 and values["data"] is not None for values in inside[1:])
    assert all(values["offset"] > 1 and values["data"] is None for values in outside[1:])
    assert load(to_bytes(model, limit=length - 1)) == model


def test_large_options_of_a_custom_operator_lie_behind_the_tables() -> None:
    op = CustomOp("mine", Buffer(b"far away"), large_options=True)
    model = Model((Graph((), (node(op, 0, 1, version=1),), (), ()),))
    blob = to_bytes(model)
    assert blob.endswith(b"far away")
    assert load(blob) == model


# --- to the last bit


@pytest.mark.usefixtures("no_operators")
@pytest.mark.parametrize("value", [-0.0, float("nan"), float("inf"), float(np.float32(1e-45))])
def test_a_number_that_equals_its_default_but_is_another_is_written(value: float) -> None:
    op = UnknownOp(98, "LEAKY_RELU", "LeakyReluOptions", {"alpha": value})
    model = Model((Graph((), (node(op, 0, 1, version=1),), (), ()),))
    assert load(to_bytes(model)) == model


# --- what can't be said


def with_node(op: Any, **others: Any) -> Model:
    return Model((Graph((), (Node(op, (), (), version=1, **others),), (), ()),))


def with_tensor(**fields: Any) -> Model:
    return Model((Graph((replace(Tensor("x", (1,), TensorType.INT8), **fields),), (), (), ()),))


NODE, TENSOR = "$.subgraphs[0].operators[0]", "$.subgraphs[0].tensors[0]"
UNSAYABLE: dict[str, tuple[Model, str]] = {
    "operator": (with_node(UnknownOp(210, "LATER")), f"expected an operator of the schema, got LATER - at `{NODE}`"),
    "code": (with_node(UnknownOp(4, "CONV_2D")), f"expected an operator of the schema, got CONV_2D - at `{NODE}`"),
    "table": (
        with_node(UnknownOp(3, "CONV_2D", "LaterOptions", {})),
        f"expected options that the schema has for CONV_2D, got LaterOptions - at `{NODE}.builtin_options`",
    ),
    "second": (
        with_node(UnknownOp(3, "CONV_2D", "Conv2DOptions", {}, second=True)),
        f"expected options that the schema has for CONV_2D, got Conv2DOptions - at `{NODE}.builtin_options_2`",
    ),
    "option": (
        with_node(UnknownOp(3, "CONV_2D", "Conv2DOptions", {"groups": 2})),
        f"expected options that the schema has for CONV_2D, got groups in Conv2DOptions - at `{NODE}.builtin_options`",
    ),
    "range": (
        with_node(UnknownOp(3, "CONV_2D", "Conv2DOptions", {"stride_w": 2**31})),
        f"expected int32, got 2147483648 - at `{NODE}.builtin_options.stride_w`",
    ),
    "version": (
        Model((Graph((), (Node(CustomOp("a"), (), (), version=2**31),), (), ()),)),
        "expected int32, got 2147483648 - at `$.operator_codes[0].version`",
    ),
    "custom": (with_node(CustomOp(5)), "expected a string, got 5 - at `$.operator_codes[0].custom_code`"),  # type: ignore[arg-type]
    "scale": (
        with_tensor(quantization=Quantization(np.ones((2, 2), np.float32))),
        f"expected a vector of float32, got float32[2, 2] - at `{TENSOR}.quantization.scale`",
    ),
    "zero_point": (
        with_tensor(quantization=Quantization(zero_point=np.ones(2, np.int32))),  # type: ignore[arg-type]
        f"expected a vector of int64, got int32[2] - at `{TENSOR}.quantization.zero_point`",
    ),
    "block": (
        with_tensor(quantization=Quantization(details=Blockwise(2**31))),
        f"expected int32, got 2147483648 - at `{TENSOR}.quantization.details.scales`",
    ),
    "sparsity": (
        with_tensor(sparsity=Sparsity((0,), None, (Dimension(DimensionType.SPARSE_CSR, 0, np.ones(1)),))),
        f"expected int32, uint16 or uint8, got float64 - at `{TENSOR}.sparsity.dim_metadata[0].array_segments`",
    ),
    "shape": (with_tensor(shape=(2**31,)), f"expected a vector of int32, got (2147483648,) - at `{TENSOR}.shape`"),
    "external": (
        with_tensor(data=External("f", -1, 0)),
        "expected uint64, got -1 - at `$.external_buffers[0].offset`",
    ),
    "signature": (
        Model((), signatures=(Signature("s", (("x", -1),), ()),)),
        "expected uint32, got -1 - at `$.signature_defs[0].inputs[0].tensor_index`",
    ),
    "unknown": (
        replace(tiny(), unknown=("$: field 99 of Model",)),
        "expected a model that the schema can say, got one that also has $: field 99 of Model",
    ),
}


@pytest.mark.parametrize("name", UNSAYABLE)
def test_what_the_schema_cannot_say_is_refused_by_name(name: str) -> None:
    model, message = UNSAYABLE[name]
    with pytest.raises(ModelError) as error:
        to_bytes(model)
    assert message in str(error.value)


# --- as the runtime sees it


@pytest.fixture
def opened(litert: types.ModuleType) -> Callable[[bytes], Any]:
    def interpreter(blob: bytes) -> Any:
        kernels = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        found = litert.Interpreter(model_content=blob, experimental_op_resolver_type=kernels)
        found.allocate_tensors()
        return found

    return interpreter


@pytest.mark.parametrize("limit", [2**31 - 1, 0])
def test_the_runtime_runs_what_we_write(limit: int, opened: Callable[[bytes], Any]) -> None:
    values = np.arange(6, dtype=np.float32)
    interpreter = opened(to_bytes(tiny(values.tobytes()), limit=limit))
    interpreter.invoke()
    (detail,) = interpreter.get_output_details()
    assert detail["name"] == "flat"
    assert interpreter.get_tensor(detail["index"]).tolist() == values.tolist()


@pytest.mark.parametrize("limit", [2**31 - 1, 0])
def test_the_runtime_s_generated_reader_finds_everything(limit: int) -> None:
    runtime = pytest.importorskip("ai_edge_litert.schema_py_generated")
    model = everything()
    blob = to_bytes(model, limit=limit)
    found = runtime.ModelT.InitFromPackedBuf(blob, 0)
    assert found.version == schema.VERSION
    assert [len(graph.tensors) for graph in found.subgraphs] == [len(graph.tensors) for graph in model.graphs]
    assert next(code.customCode for code in found.operatorCodes if code.builtinCode == schema.CUSTOM) == b"mine"
    tensor = found.subgraphs[0].tensors[0]
    buffer = found.buffers[tensor.buffer]
    data = bytes(buffer.data) if limit else blob[buffer.offset : buffer.offset + buffer.size]
    assert data == b"\1\2\3\4\5\6"
    assert tensor.quantization.scale.tolist() == [np.float32(0.1), np.float32(0.2)]
    external = found.externalBuffers[found.subgraphs[0].tensors[7].externalBuffer - 1]
    assert (external.offset, external.length) == (2**33, 5)
    assert found.externalBufferGroups[external.group].name == b"weights.bin"


def test_without_a_table_the_runtime_does_not_see_the_schema_s_defaults(opened: Callable[[bytes], Any]) -> None:
    """So the reader doesn't either. UNIQUE says by `idx_out_type`, INT32 by default, what type its indices have."""

    def blob(table: str | None, options: dict[str, Any] | None) -> bytes:
        types_ = (TensorType.FLOAT32, TensorType.FLOAT32, TensorType.INT32)
        tensors = tuple(Tensor(name, (4,), type_) for name, type_ in zip("xyi", types_, strict=True))
        unique = Node(UnknownOp(103, "UNIQUE", table, options), (0,), (1, 2), version=1)
        return to_bytes(Model((Graph(tensors, (unique,), (0,), (1, 2)),)))

    opened(blob("UniqueOptions", {}))
    with pytest.raises(RuntimeError, match="can only be Int32 or Int64, requested: NOTYPE"):
        opened(blob(None, None))


def test_a_file_is_the_same_each_time_and_in_each_process() -> None:
    """Nothing in it depends on where objects lie or how sets are ordered."""
    code = "import models, qengine.tflite as t, zlib; print(zlib.crc32(t.to_bytes(models.everything())))"
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | environment
        )
        assert int(done.stdout) == zlib.crc32(to_bytes(everything()))


def test_the_identifier_stands_in_its_place() -> None:
    blob = to_bytes(tiny())
    assert blob[4:8] == b"TFL3"
    assert struct.unpack_from("<I", blob)[0] < len(blob)
