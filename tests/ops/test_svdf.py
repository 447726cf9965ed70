from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from stepping import constant, given, prepare

from qengine.errors import ModelError, Unsupported
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.op import Spec
from qengine.ops.svdf import Svdf
from qengine.options import ActivationFunctionType

T = TensorType
RELU, NONE = ActivationFunctionType.RELU, ActivationFunctionType.NONE


def state(shape: tuple[int, int], kind: TensorType = T.FLOAT32, scale: Any = None, zero_point: int = 0) -> Spec:
    return replace(given(shape, kind, scale, zero_point), is_variable=True)


def operands(kind: str, times: Any, memory: TensorType = T.INT16) -> list[Spec | None]:
    """x (1, 1), one filter of weight 2 (or q 20 of scale 0.1), times over 3 steps, bias 0.5."""
    if kind == "float":
        return [
            given((1, 1)),
            constant(np.array([[2]], np.float32)),
            constant(np.array([times], np.float32)),
            constant(np.array([0.5], np.float32)),
            state((1, 3)),
        ]
    return [
        given((1, 1), T.INT8, 0.5),
        constant(np.array([[20]], np.int8), T.INT8, 0.1),
        constant(np.array([times]), memory, 0.01),
        constant(np.array([5000], np.int32)),
        state((1, 3), memory, 0.01),
    ]


@pytest.mark.parametrize("profile", Profile)
def test_the_newest_step_meets_the_last_weight(profile: Profile) -> None:
    inputs = operands("float", [100, 10, 1])
    step = prepare(Svdf(1, NONE), inputs, [given(())], profile)
    memory = np.zeros((1, 3), np.float32)
    weights = [spec.value for spec in inputs[1:4] if spec is not None]
    got = [float(step.run(np.array([[x]], np.float32), *weights, memory)[0, 0]) for x in (1, 2, 3, 4)]
    assert got == [2.5, 24.5, 246.5, 468.5]  # 2, 20 + 4, 200 + 40 + 6, 400 + 60 + 8, and the bias
    assert memory.tolist() == [[4, 6, 8]]


@pytest.mark.parametrize("memory", [T.INT16, T.INT8])
def test_integers_of_either_memory(memory: TensorType) -> None:
    """q 2 (real 1) times 2 is real 2: q 200 in a memory of scale 0.01, which int8 clamps to 127."""
    inputs = operands("integer", [0, 50, 100], memory)
    output = given((), T.INT8, 0.5, -10)
    step = prepare(Svdf(1, RELU), inputs, [output], Profile.REFERENCE)
    kept = np.zeros((1, 3), memory.dtype)
    weights = [spec.value for spec in inputs[1:4] if spec is not None]
    got = [int(step.run(np.array([[x]], np.int8), *weights, kept)[0, 0]) for x in (2, 0)]
    newest = 200 if memory is T.INT16 else 127
    assert kept.tolist() == [[0, newest, 0]]
    real = [newest * 0.01 * 1 + 0.5, newest * 0.01 * 0.5 + 0.5]
    assert got == [round(value / 0.5) - 10 for value in real]


def test_an_int8_memory_has_a_zero_point() -> None:
    inputs = operands("integer", [0, 0, 100], T.INT8)
    inputs[4] = state((1, 3), T.INT8, 0.01, 7)
    step = prepare(Svdf(1, RELU), inputs, [given((), T.INT8, 0.5)], Profile.REFERENCE)
    kept = np.full((1, 3), 7, np.int8)
    weights = [spec.value for spec in inputs[1:4] if spec is not None]
    assert step.run(np.array([[0]], np.int8), *weights, kept).tolist() == [[1]]  # the bias alone
    assert kept.tolist() == [[7, 7, 7]]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({4: given((1, 3))}, ModelError, "expected a variable tensor"),
        ({4: state((1, 4))}, ModelError, r"expected shape \[1, 3\], got \[1, 4\] - at `inputs\[4\]`"),
        ({3: constant(np.array([1], np.int32))}, ModelError, "expected a bias"),
        ({2: constant(np.array([[1, 2, 3]], np.int8))}, Unsupported, "FLOAT32, FLOAT32, INT8"),
        ({0: given((1, 2))}, ModelError, r"expected shape \[1, 2\]"),
    ],
)
def test_operands_that_do_not_fit_are_refused(change: dict[int, Spec], error: type[Exception], message: str) -> None:
    inputs = operands("float", [1, 2, 3])
    for index, spec in change.items():
        inputs[index] = spec
    with pytest.raises(error, match=message):
        prepare(Svdf(1, NONE), inputs, [given(())], Profile.REFERENCE)


def test_integers_take_only_relu_and_a_rank_that_divides() -> None:
    with pytest.raises(ModelError, match="expected RELU, got NONE"):
        prepare(Svdf(1, NONE), operands("integer", [1, 2, 3]), [given((), T.INT8, 0.5)], Profile.REFERENCE)
    with pytest.raises(ModelError, match="expected a rank that divides 1 filters, got 2"):
        prepare(Svdf(2, NONE), operands("float", [1, 2, 3]), [given(())], Profile.REFERENCE)
