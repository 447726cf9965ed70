"""Custom operators written in Python: found by name, given their options, held to what the file says of outputs."""

from __future__ import annotations

import numpy as np
import pytest

import qengine as qe
from qengine.interpreter import InterpreterWithCustomOps
from qengine.model import Buffer
from qengine.op import CustomOp
from qengine.output import Output


def scaled(options: bytes, x: np.ndarray) -> np.ndarray:
    return x * np.float32(options[0])


SCALED = qe.CustomOperator(scaled, lambda options, shape: [shape])


def model(type_: str = "float32") -> qe.Model:
    b = qe.Builder()
    x = b.input("x", (1, 4), type_)
    (y,) = b.add(CustomOp("Scaled", Buffer(b"\x03")), [x], outputs=[Output("y", (1, 4))])
    return b.model([b.add(qe.ops.Abs(), [y])])


def run(it: qe.Interpreter, x: np.ndarray) -> np.ndarray:
    it.allocate_tensors()
    it.set_tensor(it.get_input_details()[0]["index"], x)
    it.invoke()
    return it.get_tensor(it.get_output_details()[0]["index"])


X = np.array([[1, -2, 3, 4]], np.float32)


@pytest.mark.parametrize("operator", [SCALED, qe.CustomOperator(scaled)], ids=["shapes known", "shapes while running"])
def test_a_function_runs_under_its_name_between_built_in_operators(operator: qe.CustomOperator) -> None:
    blob = qe.to_bytes(model())
    it = qe.Interpreter(model_content=blob, custom_operators={"Scaled": operator})
    np.testing.assert_array_equal(run(it, X), np.abs(3 * X))


def test_registerers_add_operators_as_the_runtime_s_class_has_it() -> None:
    it = InterpreterWithCustomOps([lambda operators: operators.add("Scaled", SCALED)], model=model())
    np.testing.assert_array_equal(run(it, X), np.abs(3 * X))
    with pytest.raises(ValueError, match="Python functions, got 'TF_Register'"):
        InterpreterWithCustomOps(["TF_Register"], model=model())


def test_without_a_kernel_the_operator_is_named() -> None:
    with pytest.raises(qe.Unsupported, match="Scaled"):
        qe.Interpreter(model=model()).allocate_tensors()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda options, x: (x, x), "expected 1 outputs of Scaled, got 2"),
        (lambda options, x: x.astype(np.float64), "expected output 0 of Scaled to be float32 .* got float64"),
        (lambda options, x: x[:, :2], r"shape \[1, 4\], got float32 of shape \[1, 2\]"),
    ],
)
def test_what_a_function_gives_must_be_what_was_announced(function, message) -> None:
    operator = qe.CustomOperator(function, lambda options, shape: [shape])
    with pytest.raises(RuntimeError, match=message):
        run(qe.Interpreter(model=model(), custom_operators={"Scaled": operator}), X)


def test_an_operator_with_a_state_is_run_every_time() -> None:
    calls: list[int] = []

    def count(options: bytes, x: np.ndarray) -> np.ndarray:
        calls.append(1)
        return x * np.float32(len(calls))

    b = qe.Builder()
    (y,) = b.add(CustomOp("Count"), [b.constant(X)], outputs=[Output("y", (1, 4))])
    blob = b.model([b.add(qe.ops.Add(), [y, b.input("x", (1, 4))])])
    operator = qe.CustomOperator(count, lambda options, shape: [shape], stateful=True)
    it = qe.Interpreter(model=blob, custom_operators={"Count": operator})
    first, second = run(it, 0 * X), run(it, 0 * X)
    np.testing.assert_array_equal(second - first, X)
