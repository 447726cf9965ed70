"""QUANTIZE, DEQUANTIZE, CAST, BITCAST, DENSIFY, and outputs whose type the runtime decides."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given as draws
from hypothesis import settings
from hypothesis import strategies as st
from stepping import constant, given, prepare, run

from qengine.build import Builder
from qengine.errors import ModelError, Unsupported
from qengine.interpreter import Interpreter
from qengine.kernels.profile import Profile
from qengine.model import Buffer, Dimension, DimensionType, Quantization, Sparsity, Tensor, TensorType
from qengine.op import Specs
from qengine.ops.add import Add
from qengine.ops.bitcast import Bitcast
from qengine.ops.cast import Cast
from qengine.ops.densify import Densify
from qengine.ops.dequantize import Dequantize
from qengine.ops.equal import Equal
from qengine.ops.mul import Mul
from qengine.ops.quantize import Quantize
from qengine.ops.reshape import Reshape
from qengine.sparsity import dense

T = TensorType
each_profile = pytest.mark.parametrize("profile", Profile)


def changed(op: Any, x: Any, before: Any, after: Any, profile: Profile = Profile.REFERENCE) -> Any:
    values = np.asarray(x, before[0].dtype)
    return run(op, [given(values.shape, *before)], given((), *after), profile, values).tolist()


@each_profile
def test_real_numbers_are_rounded_to_steps(profile: Profile) -> None:
    got = changed(Quantize(), [-3.0, 0, 0.3, 1.2, 99], [T.FLOAT32], [T.INT8, 0.5, 10], profile)
    assert got == [4, 10, 11, 12, 127]
    assert changed(Dequantize(), [4, 10, 127], [T.INT8, 0.5, 10], [T.FLOAT32], profile) == [-3, 0, 58.5]


def test_ties_go_each_kernel_sets_way() -> None:
    """0.25 and 0.75 in steps of 0.5: away from zero by the built-in kernels, to even by XNNPACK."""
    x = [-0.75, -0.25, 0.25, 0.75]
    assert changed(Quantize(), x, [T.FLOAT32], [T.INT8, 0.5], Profile.REFERENCE) == [-2, -1, 1, 2]
    assert changed(Quantize(), x, [T.FLOAT32], [T.INT8, 0.5], Profile.XNNPACK) == [-2, 0, 0, 2]


def test_what_is_no_number_becomes_one_each_kernel_sets_way() -> None:
    x = [math.nan, 1e20, -1e20]
    assert changed(Quantize(), x, [T.FLOAT32], [T.INT8, 0.5, 3], Profile.XNNPACK) == [127, 127, -128]
    assert changed(Quantize(), x, [T.FLOAT32], [T.INT8, 0.5, 3], Profile.REFERENCE) == [-128, -128, -128]


@each_profile
def test_quantized_numbers_change_their_scale_and_type(profile: Profile) -> None:
    assert changed(Quantize(), [-4, 0, 60], [T.INT8, 0.5], [T.INT8, 1.0, 7], profile) == [5, 7, 37]
    assert changed(Quantize(), [-128, 0, 127], [T.INT8, 0.5], [T.UINT8, 0.5, 128], profile) == [0, 128, 255]
    assert changed(Quantize(), [-400, 400], [T.INT16, 0.25], [T.INT8, 1.0], profile) == [-100, 100]


def test_scales_along_an_axis() -> None:
    q = Quantization.of([1.0, 0.5], [0, 10], axis=1)
    x = np.array([[3, 3], [-1, -1]], np.float32)
    row = replace(given((2, 2), T.INT8), quantization=q)
    got = run(Quantize(), [given((2, 2))], row, Profile.REFERENCE, x)
    assert got.tolist() == [[3, 16], [-1, 8]]
    assert run(Dequantize(), [row], given(()), Profile.REFERENCE, got).tolist() == x.tolist()


@settings(max_examples=40, deadline=None)
@draws(st.sampled_from(list(Profile)), st.floats(1e-3, 10), st.integers(-128, 127), st.integers(0, 2**31))
def test_quantizing_again_gives_the_same(profile: Profile, scale: float, point: int, seed: int) -> None:
    q = np.random.default_rng(seed).integers(-128, 128, 41).tolist()
    x = changed(Dequantize(), q, [T.INT8, scale, point], [T.FLOAT32], profile)
    assert changed(Quantize(), x, [T.FLOAT32], [T.INT8, scale, point], profile) == q


@each_profile
def test_casts(profile: Profile) -> None:
    def cast(x: Any, before: TensorType, after: TensorType) -> Any:
        return changed(Cast(before, after), x, [before], [after], profile)

    assert cast([-1.9, 1.9, 300], T.FLOAT32, T.INT32) == [-1, 1, 300]
    assert cast([-1.9, 300, math.nan, math.inf], T.FLOAT32, T.INT8) == [-1, 127, 127, 127]
    assert cast([300, -1], T.INT32, T.UINT8) == [44, 255]
    assert cast([0, -3, 0.1], T.FLOAT32, T.BOOL) == [False, True, True]
    assert cast([True, False], T.BOOL, T.FLOAT32) == [1, 0]
    assert cast([2**24 + 1], T.INT32, T.FLOAT32) == [2**24]
    assert cast([3 + 4j], T.COMPLEX64, T.FLOAT32) == [3]


@each_profile
def test_bytes_as_another_type(profile: Profile) -> None:
    assert changed(Bitcast(), [1.0], [T.FLOAT32], [T.INT32], profile) == [0x3F800000]
    assert changed(Bitcast(), [0x04030201], [T.INT32], [T.UINT8], profile) == [[1, 2, 3, 4]]
    assert changed(Bitcast(), [[1, 2], [3, 4]], [T.UINT8], [T.INT16], profile) == [0x0201, 0x0403]


def sparse(rows: list[int], columns: list[int], values: list[float], **more: Any) -> Tensor:
    """A matrix (3, 4) by rows."""
    listed = Dimension(DimensionType.SPARSE_CSR, 0, np.array(rows, np.uint8), np.array(columns, np.uint8))
    sparsity = Sparsity((0, 1), None, (Dimension(DimensionType.DENSE, 3), listed))
    data = Buffer(np.array(values, np.float32).tobytes())
    return replace(Tensor("matrix", (3, 4), T.FLOAT32, data, sparsity=sparsity), **more)


def test_a_sparse_constant_is_dense_to_operators_and_as_stored_to_readers() -> None:
    b = Builder()
    matrix = b.constant(np.zeros((3, 4), np.float32))
    y = b.add(Add(), [b.add(Densify(), [matrix]), b.input("x", (3, 4))])
    model = b.model([y])
    (graph,) = model.graphs
    tensors = list(graph.tensors)
    tensors[matrix.index] = sparse([0, 1, 1, 3], [2, 0, 3], [5, 6, 7])
    it = Interpreter(model=replace(model, graphs=(replace(graph, tensors=tuple(tensors)),)))
    it.allocate_tensors()
    it.set_tensor(graph.inputs[0], np.zeros((3, 4), np.float32))
    it.invoke()
    assert it.get_tensor(y.index).tolist() == [[0, 0, 5, 0], [0, 0, 0, 0], [6, 0, 0, 7]]
    assert it.get_tensor(matrix.index).tolist() == [5, 6, 7]


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (sparse([0, 1, 1, 3], [2, 0, 4], [5, 6, 7]), "expected indices below 4 in dimension 1"),
        (sparse([0, 1, 1, 3], [2, 0, 3], [5, 6]), "expected 3 values, got 2"),
        (sparse([0, 1, 1, 9], [2, 0, 3], [5, 6, 7]), "expected rising segments within 3 indices"),
        (sparse([0, 1], [2, 0, 3], [5, 6, 7]), "expected 4 segments, got 2"),
        (sparse([0, 1, 1, 3], [2, 0, 3], [5, 6, 7], shape=(3, 4, 2)), "expected an order of 3 dimensions"),
        (sparse([0, 1, 1, 3], [2, 0, 3], [5, 6, 7], type=T.INT4), "expected sparse numbers of whole bytes"),
        (sparse([0, 1, 1, 3], [2, 0, 3], [5, 6, 7], type=T.FLOAT64), "expected whole FLOAT64 numbers, got 12 bytes"),
    ],
)
def test_sparse_constants_that_make_no_sense_are_refused(tensor: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dense(tensor)


def test_few_bytes_that_ask_for_much_memory_are_refused() -> None:
    tensor = sparse([0, 1, 1, 3], [2, 0, 3], [5, 6, 7], shape=(3, 2**30))
    with pytest.raises(RuntimeError, match="QENGINE_MEMORY"):
        dense(tensor)


def test_what_xnnpack_takes() -> None:
    def taken(op: Any, x: Any, y: Any) -> bool:
        return bool(op.delegated(Specs((x,), (y,))))

    eight, wide = given((3,), T.INT8, 0.5), given((3,), T.INT16, 0.5)
    assert taken(Quantize(), given((3,)), eight)
    assert not taken(Quantize(), given((3,)), wide)
    assert taken(Quantize(), eight, given((3,), T.INT8, 1.0))
    assert not taken(Quantize(), eight, given((3,), T.UINT8, 1.0))
    assert taken(Dequantize(), eight, given((3,)))
    assert not taken(Dequantize(), wide, given((3,)))


@each_profile
def test_the_runtime_decides_the_type_of_some_outputs(profile: Profile) -> None:
    """The file says FLOAT32 of a sum and of flags that aren't; a shape known only while running changes nothing."""
    b = Builder()
    x = b.input("x", (2, 2), "uint8", scale=0.5, zero_point=0)
    total = b.add(Add(), [x, x], scale=0.5)
    late = b.add(Reshape(), [x, b.input("shape", (1,), "int32")], shape=(4,))
    again = b.add(Add(), [late, late], scale=0.5)
    flags = b.add(Equal(), [again, again], type="bool")
    model = b.model([total, flags])
    (graph,) = model.graphs
    tensors = list(graph.tensors)
    for operand in (total, again, flags):
        tensors[operand.index] = replace(tensors[operand.index], type=T.FLOAT32)
    it = Interpreter(model=replace(model, graphs=(replace(graph, tensors=tuple(tensors)),)), profile=profile)
    it.allocate_tensors()
    it.set_tensor(graph.inputs[0], np.full((2, 2), 3, np.uint8))
    it.set_tensor(graph.inputs[1], np.array([4], np.int32))
    it.invoke()
    assert it.get_tensor(total.index).dtype == np.uint8
    assert it.get_tensor(total.index).tolist() == [[6, 6], [6, 6]]
    assert it.get_tensor(flags.index).tolist() == [True] * 4
    assert [detail["dtype"] for detail in it.get_output_details()] == [np.uint8, np.bool_]


@pytest.mark.parametrize(
    ("op", "inputs", "output", "message"),
    [
        (Quantize(), [given((2,))], given((), T.INT8), "expected a scale"),
        (Quantize(), [given((2,), T.BOOL)], given((), T.INT8, 0.5), "QUANTIZE of BOOL"),
        (Dequantize(), [given((2,), T.INT16, 0.5, 3)], given(()), "expected zero point 0 with INT16, got 3"),
        (Dequantize(), [given((2,), T.INT32, 0.5)], given(()), "got INT32"),
        (Bitcast(), [given((2, 3), T.INT8)], given((), T.INT32), r"expected a last dimension of 4, got shape \[2, 3\]"),
        (Densify(), [given((2,))], given(()), "expected a constant"),
        (Mul(), [given((2,), T.INT32)] * 2, given(()), "expected INT32 as of the inputs, got FLOAT32"),
    ],
)
def test_what_the_runtime_refuses_is_refused(op: Any, inputs: list[Any], output: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        prepare(op, inputs, [output], Profile.REFERENCE)


def test_casts_that_nobody_has_are_unsupported() -> None:
    with pytest.raises(Unsupported, match="CAST of INT32 to INT4"):
        prepare(Cast(), [constant(np.array([1], np.int32))], [given((), T.INT4)], Profile.REFERENCE)
