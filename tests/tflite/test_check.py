"""`check_model` refuses what the runtime's constructor refuses, and nothing else but what is said here."""

from __future__ import annotations

import types
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qengine.errors import ModelError
from qengine.model import (
    Blockwise,
    Buffer,
    CustomQuantization,
    Dimension,
    DimensionType,
    External,
    Graph,
    Model,
    MultiAxis,
    Quantization,
    Signature,
    Sparsity,
    Tensor,
    TensorType,
)
from qengine.tflite import load, to_bytes
from qengine.tflite.check import check_model

T = TensorType
ONE = np.ones(1, np.float32)
CSR = Dimension(DimensionType.SPARSE_CSR, 3)
INDEXED = replace(CSR, segments=np.zeros(2, np.int32), indices=np.zeros(2, np.int32))


def model(shape: tuple[int, ...] | None, type_: TensorType = T.INT8, data: Any = None, **fields: Any) -> Model:
    """A graph without operators whose first of two tensors is as told."""
    held = Buffer(data) if isinstance(data, bytes) else data
    tensors = (Tensor("x", shape, type_, held, **fields), Tensor("y", (2,), T.FLOAT32))
    return Model((Graph(tensors, (), (0,), (0,)),))


def scales(count: int, axis: int = 0, points: int | None = None) -> Quantization:
    zero_points = np.zeros(count if points is None else points, np.int64)
    return Quantization(np.ones(count, np.float32), zero_points, axis)


def sparse(order: tuple[int, ...] | None = (0,), dimensions: tuple[Dimension, ...] | None = (CSR,)) -> Sparsity:
    return Sparsity(order, None, dimensions)


ACCEPTED: dict[str, Model] = {
    "enough bytes": model((3,), data=b"abc"),
    "more bytes than needed": model((3,), data=b"abcdef"),
    "packed int4": model((3,), T.INT4, b"ab"),
    "packed int2": model((4,), T.INT2, b"a"),
    "float8": model((3,), T.FLOAT8_E5M2, b"abc"),
    "no elements": model((0,), data=b""),
    "a string's bytes": model((3,), T.STRING, b"a"),
    "a resource": model((3,), T.RESOURCE),
    "external": model((3,), data=External("w", 0, 1)),
    "just below 2**64": model((2**31 - 1, 2**31 - 1, 4)),
    "one scale": model((3, 2), quantization=scales(1, 1)),
    "one scale each": model((3, 2), quantization=scales(2, 1)),
    "scales without a shape": model((), quantization=scales(4, 5)),
    "no scales": model((3,), quantization=scales(0, 7, 2)),
    "a range only": model((3,), quantization=Quantization(low=ONE, high=ONE)),
    "blocks": model((3,), quantization=Quantization(details=Blockwise(5, -1, 3))),
    "axes": model((3,), quantization=Quantization(details=MultiAxis(1, -1, 0, (0,)))),
    "a sparse constant": model((3,), data=b"", sparsity=sparse((0,), (INDEXED,))),
    "a dense dimension": model((3,), data=b"", sparsity=sparse((0,), (Dimension(DimensionType.DENSE, 3),))),
    "sparsity of what is computed": model((3,), sparsity=sparse(None)),
    "a variable": model((3,), is_variable=True),
    "a signature of nothing": replace(model((3,)), signatures=(Signature("s", (("x", 77),), (), 7),)),
}
REFUSED: dict[str, tuple[Model, str]] = {
    "no graph": (Model(()), "$.subgraphs"),
    "too few bytes": (model((3,), data=b"ab"), "buffer"),
    "no bytes": (model((3,), data=b""), "buffer"),
    "a scalar without bytes": (model(None, data=b""), "buffer"),
    "too few bytes of int4": (model((3,), T.INT4, b"a"), "buffer"),
    "too few bytes of int2": (model((5,), T.INT2, b"a"), "buffer"),
    "too few bytes of uint4": (model((3,), T.UINT4, b"a"), "buffer"),
    "too few bytes of float8": (model((3,), T.FLOAT8_E5M2, b"ab"), "buffer"),
    "a negative dimension": (model((-1,)), "shape"),
    "a negative dimension beside none": (model((0, -1)), "shape"),
    "over 2**64": (model((2**31 - 1, 2**31 - 1, 4), T.FLOAT32), "shape"),
    "a variable with bytes": (model((3,), data=b"abc", is_variable=True), "buffer"),
    "a variable of strings": (model((3,), T.STRING, is_variable=True), "type"),
    "no zero point": (model((3,), quantization=Quantization(ONE)), "quantization.zero_point"),
    "too few zero points": (model((3,), quantization=scales(3, 0, 2)), "quantization.zero_point"),
    "too many zero points": (model((3,), quantization=scales(1, 0, 3)), "quantization.zero_point"),
    "an axis beyond": (model((3, 2), quantization=scales(2, 2)), "quantization.quantized_dimension"),
    "an axis beyond of one scale": (model((3,), quantization=scales(1, 3)), "quantization.quantized_dimension"),
    "a negative axis": (model((3,), quantization=scales(3, -1)), "quantization.quantized_dimension"),
    "scales of another axis": (model((3, 2), quantization=scales(2, 0)), "quantization.scale"),
    "scales of no axis": (model((3,), quantization=scales(2)), "quantization.scale"),
    "custom quantization of one scale": (
        model((3,), quantization=Quantization(ONE, details=CustomQuantization(b"abc"))),
        "quantization.zero_point",
    ),
    "axes with scales that aren't there": (
        model((3,), quantization=Quantization(details=MultiAxis(2, -1, 0, (0,)))),
        "quantization.details.scales",
    ),
    "axes with zero points that aren't there": (
        model((3,), quantization=Quantization(details=MultiAxis(1, -2, 0, (0,)))),
        "quantization.details.zero_points",
    ),
    "axes with negative blocks": (
        model((3,), quantization=Quantization(details=MultiAxis(1, -1, -1, (0,)))),
        "quantization.details.block_size",
    ),
    "no axes": (
        model((3,), quantization=Quantization(details=MultiAxis(1, -1, 0, ()))),
        "quantization.details.quantized_dimensions",
    ),
    "axes beyond": (
        model((3,), quantization=Quantization(details=MultiAxis(1, -1, 0, (0, 1)))),
        "quantization.details.quantized_dimensions",
    ),
    "no traversal order": (model((3,), data=b"", sparsity=sparse(None)), "sparsity"),
    "no dimensions": (model((3,), data=b"", sparsity=sparse((0,), None)), "sparsity"),
    "no indices": (model((3,), data=b"", sparsity=sparse()), "sparsity.dim_metadata[0]"),
    "a signature without a key": (
        replace(model((3,)), signatures=(Signature(None, (), ()),)),
        "$.signature_defs[0].signature_key",
    ),
}
DEVIATING = {"a bias with a quantized dimension of its weights": model((3,), quantization=scales(3, 3))}


@pytest.mark.parametrize("name", [*ACCEPTED, *DEVIATING])
def test_a_model_passes(name: str) -> None:
    check_model((ACCEPTED | DEVIATING)[name])


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_is_refused_by_name_but_can_be_read(name: str) -> None:
    refused, where = REFUSED[name]
    with pytest.raises(ModelError, match=r"^expected .*, got .* - at `\$\.") as error:
        check_model(refused)
    assert error.value.where in (where, f"$.subgraphs[0].tensors[0].{where}")
    assert load(to_bytes(refused)) == refused


@pytest.mark.parametrize("name", [*ACCEPTED, *REFUSED, *DEVIATING])
def test_the_runtime_agrees(name: str, litert: types.ModuleType) -> None:
    kernels = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    blob = to_bytes(ACCEPTED[name] if name in ACCEPTED else DEVIATING[name] if name in DEVIATING else REFUSED[name][0])
    if name in ACCEPTED:
        litert.Interpreter(model_content=blob, experimental_op_resolver_type=kernels)
    else:
        with pytest.raises(ValueError):
            litert.Interpreter(model_content=blob, experimental_op_resolver_type=kernels)
