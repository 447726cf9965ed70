"""Models by hand that say all that the format can."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import numpy as np

from qengine.model import (
    Blockwise,
    Buffer,
    CustomQuantization,
    Dimension,
    DimensionType,
    External,
    Graph,
    Metadata,
    Model,
    MultiAxis,
    Node,
    Quantization,
    Signature,
    Sparsity,
    Tensor,
    TensorType,
    VariantSubtype,
)
from qengine.op import CustomOp, UnknownOp
from qengine.ops import find

FLOAT = TensorType.FLOAT32


def node(op: object, *tensors: int, version: int | None = None, **others: object) -> Node:
    """A node whose last tensor is its output."""
    return Node(op, tensors[:-1], tensors[-1:], version=version, **others)  # type: ignore[arg-type]


def tiny(data: bytes = bytes(range(24)), **fields: object) -> Model:
    """One RESHAPE of a constant: small enough to be read by eye."""
    reshape = find("RESHAPE")
    assert reshape is not None
    tensors = (
        Tensor("six", (2, 3), FLOAT, Buffer(data)),
        Tensor("flat", (6,), FLOAT),
    )
    graph = Graph(tensors, (node(reshape(new_shape=(6,)), 0, 1, version=1),), (), (1,), "main")
    return replace(Model((graph,), description="tiny"), **fields)


def archive(**files: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as writer:
        for name, text in files.items():
            writer.writestr(zipfile.ZipInfo(name), text)
    return held.getvalue()


def read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def quantizations() -> list[Quantization]:
    floats = read_only(np.array([0.5, 1e-30, np.nan, -0.0], np.float32))
    points = read_only(np.array([0, -128, 2**62, 7], np.int64))
    empty = read_only(np.array([], np.float32))
    return [
        Quantization(),
        Quantization(empty, read_only(np.array([], np.int64))),
        Quantization.of(0.25, 3),
        Quantization(floats, points, axis=2, low=floats, high=empty),
        Quantization(details=Blockwise(1, -1, 32)),
        Quantization(details=Blockwise(1, 2, 0, (1, 32))),
        Quantization(details=MultiAxis(1, 0, 16, (0, 1))),
        Quantization(details=MultiAxis(1)),
        Quantization(floats, details=CustomQuantization(b"\0\1\2")),
        Quantization(details=CustomQuantization(None)),
    ]


def sparsities() -> list[Sparsity]:
    def sparse(dtype: object) -> Dimension:
        indices = read_only(np.array([0, 1, 200], dtype))  # type: ignore[call-overload]
        return Dimension(DimensionType.SPARSE_CSR, 0, indices, indices)

    return [
        Sparsity(None, None, None),
        Sparsity((0, 1), (), ()),
        Sparsity((0, 1, 2), (0,), (Dimension(DimensionType.DENSE, 7), sparse(np.int32), sparse(np.uint16))),
        Sparsity((0,), None, (sparse(np.uint8),)),
    ]


def everything() -> Model:
    """Something in each place that the format has. The operators without a file load as UnknownOp."""
    shared = Buffer(b"shared by two tensors")
    external = External("weights.bin", 2**33, 5)
    first = [
        Tensor("", (1, 2, 3), TensorType.INT8, Buffer(b"\1\2\3\4\5\6"), Quantization.of([0.1, 0.2], [0, 0], axis=1)),
        Tensor(None, None, FLOAT, shape_signature=(-1, 2)),
        Tensor("caf\udce9 \N{SNOWMAN}", (), TensorType.BOOL, shared, has_rank=True),
        Tensor("empty", (0,), TensorType.STRING, Buffer(b"")),
        Tensor("state", (2,), TensorType.INT16, is_variable=True, shape_signature=()),
        Tensor(
            "list", (), TensorType.VARIANT, variants=(VariantSubtype((3,), FLOAT, True), VariantSubtype(None, FLOAT))
        ),
        Tensor("none", (), TensorType.VARIANT, variants=()),
        Tensor("outside", (5,), TensorType.UINT8, external),
        Tensor("packed", (8,), TensorType.INT4, External("other.bin", 0, 4, packing="xnnpack")),
        Tensor("again", (5,), TensorType.UINT8, external),
        *[Tensor(f"q{i}", (1,), TensorType.INT8, quantization=part) for i, part in enumerate(quantizations())],
        *[Tensor(f"s{i}", (1,), FLOAT, Buffer(b"\0"), sparsity=part) for i, part in enumerate(sparsities())],
        *[Tensor(type_.name, (1,), type_) for type_ in TensorType],
    ]
    second = [Tensor("x", (1,), FLOAT), Tensor("y", (1,), FLOAT, shared)]
    nodes = [
        node(UnknownOp(105, "REVERSE_V2"), 0, 1, version=1),
        node(UnknownOp(105, "REVERSE_V2", "ReverseV2Options", {}), 0, -1, 1, version=2),
        node(UnknownOp(147, "BUCKETIZE", "BucketizeOptions", {"boundaries": (-0.0, 0.5)}), 0, 1, version=1),
        node(UnknownOp(147, "BUCKETIZE", "BucketizeOptions", {"boundaries": None}), 0, 1, version=1),
        node(UnknownOp(80, "FAKE_QUANT", "FakeQuantOptions", FAKE_QUANT), 0, 1, version=1),
        node(UnknownOp(142, "VAR_HANDLE", "VarHandleOptions", {"container": "", "shared_name": None}), 1, version=1),
        node(UnknownOp(209, "STABLEHLO_CASE", "StablehloCaseOptions", CASE, second=True), 0, 1, version=1),
        node(
            UnknownOp(206, "STABLEHLO_COMPOSITE", "StableHLOCompositeOptions", COMPOSITE, second=True), 0, 1, version=1
        ),
        node(CustomOp("mine"), 0, 1, version=3, debug_metadata_index=4),
        node(CustomOp("mine", Buffer(b"")), 0, 1, version=3, intermediates=()),
        node(CustomOp("mine", Buffer(b"flex")), 0, 1, version=3, intermediates=(4,)),
        node(CustomOp("large", Buffer(b"far away"), large_options=True), 0, 1, version=1),
        node(CustomOp(""), 0, 4, 1, version=1, mutating_variable_inputs=(False, True)),
    ]
    return Model(
        graphs=(
            Graph(tuple(first), tuple(nodes), (0, 4), (1,), "main", debug_metadata_index=7),
            Graph(tuple(second), (), (0,), (0, 1)),
            Graph((), (), (), ()),
        ),
        description="",
        signatures=(
            Signature("serve", (("x", 0), ("state", 4)), (("y", 1),), 0),
            Signature(None, (), (), 1),
        ),
        metadata=(
            Metadata("min_runtime_version", Buffer(b"1.14.0\0\0")),
            Metadata(None, None),
            Metadata("same", shared),
        ),
        metadata_buffers=(Buffer(b"older"), None, shared),
        unreferenced=(Buffer(b"nobody's"), External("weights.bin", 1, 2)),
        appended=Buffer(archive(labels="cat\ndog\n")),
    )


FAKE_QUANT = {"min": -0.0, "max": float(np.float32(0.1)), "num_bits": 8, "narrow_range": True}
CASE = {"branch_subgraph_indices": (1, 2)}
COMPOSITE = {
    "name": "odml.rms_norm",
    "decomposition_subgraph_index": 1,
    "composite_attributes": b"\1\2",
    "composite_attributes_format": 0,
    "version": 2,
}
