from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stepping import constant, given, prepare, run

from qengine.build import Builder
from qengine.errors import ModelError
from qengine.kernels.profile import Profile
from qengine.model import Model, TensorType
from qengine.op import Op
from qengine.ops.add import Add
from qengine.ops.logical_or import LogicalOr
from qengine.ops.maximum import Maximum
from qengine.ops.reduce_window import ReduceWindow
from qengine.ops.stablehlo_reduce_window import StablehloReduceWindow
from qengine.ops.sub import Sub
from qengine.options import ReduceWindowFunction
from qengine.program import Program, Runtime

T = TensorType
F = ReduceWindowFunction
X = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8]], np.int32)


def windows(size: Any, stride: Any, dilation: Any) -> list[Any]:
    return [constant(np.array(part, np.int64)) for part in (size, stride, dilation)]


@pytest.mark.parametrize(
    ("function", "start", "expected"),
    [
        (F.ADD, 1, [[9, 13], [21, 25]]),
        (F.MUL, 1, [[0, 40], [504, 1120]]),
        (F.MINIMUM, 4, [[0, 1], [3, 4]]),
        (F.MAXIMUM, 5, [[5, 5], [7, 8]]),
        (F.ALL, 7, [[0, 1], [1, 1]]),
        (F.ANY, 0, [[1, 1], [1, 1]]),
    ],
)
def test_reduces_every_square(function: ReduceWindowFunction, start: int, expected: list[list[int]]) -> None:
    for kind in (T.INT8, T.INT32, T.INT64, T.FLOAT32, T.FLOAT64):
        x = X.astype(kind.dtype)
        operands = [given(x.shape, kind), constant(np.array(start, kind.dtype)), *windows([2, 2], [1, 1], [1, 1])]
        result = run(ReduceWindow(function), operands, given((), kind), Profile.REFERENCE, x)
        wanted = np.array(expected) if kind is not T.INT8 else np.array(expected).astype(np.int8)
        assert np.array_equal(result, wanted)


def test_windows_step_and_spread() -> None:
    x = np.arange(10, dtype=np.float32)
    operands = [given((10,)), constant(np.float32(0)), *windows([3], [2], [3])]
    assert run(ReduceWindow(F.ADD), operands, given(()), Profile.REFERENCE, x).tolist() == [9, 15]
    operands = [given((10,)), constant(np.float32(0)), *windows([4], [1], [4])]
    assert run(ReduceWindow(F.ADD), operands, given(()), Profile.REFERENCE, x).tolist() == []
    operands = [given((10,)), constant(np.float32(7)), *windows([0], [5], [1])]
    assert run(ReduceWindow(F.ADD), operands, given(()), Profile.REFERENCE, x).tolist() == [7, 7, 7]


def test_flags_are_bytes_that_may_sum_to_none() -> None:
    x = np.ones(256, np.bool_)
    operands = [given((256,), T.BOOL), constant(np.array(False)), *windows([255], [1], [1])]
    result = run(ReduceWindow(F.ADD), operands, given((), T.BOOL), Profile.REFERENCE, x)
    assert result.tolist() == [True, True]
    operands = [given((256,), T.BOOL), constant(np.array(False)), *windows([256], [1], [1])]
    assert run(ReduceWindow(F.ADD), operands, given((), T.BOOL), Profile.REFERENCE, x).tolist() == [False]


@pytest.mark.parametrize(
    "replaced",
    [
        {2: windows([1], [1], [1])[0]},
        {3: windows([1, 1], [0, 1], [1, 1])[1]},
        {4: windows([1, 1], [1, 1], [1, -1])[2]},
        {2: given((2,), T.INT64)},
        {2: constant(np.array([1, 1], np.int32))},
        {1: constant(np.array(1, np.float32))},
        {0: given((), T.INT32)},
        {0: given((1,) * 7, T.INT32)},
    ],
)
def test_refuses(replaced: dict[int, Any]) -> None:
    operands = [given((3, 3), T.INT32), constant(np.array(1, np.int32)), *windows([1, 1], [1, 1], [1, 1])]
    with pytest.raises(ModelError, match="expected"):
        prepare(
            ReduceWindow(F.ADD),
            [replaced.get(i, part) for i, part in enumerate(operands)],
            [given((), T.INT32)],
            Profile.REFERENCE,
        )


def test_functions_and_types_are_refused_while_running() -> None:
    operands = [given((3, 3), T.INT32), constant(np.array(1, np.int32)), *windows([1, 1], [1, 1], [1, 1])]
    step = prepare(ReduceWindow(), operands, [given((), T.INT32)], Profile.REFERENCE)
    with pytest.raises(ModelError, match="function that reduces"):
        step.run(X, np.array(1, np.int32))
    half = np.zeros((1,), np.float16)
    operands = [given((1,), T.FLOAT16), constant(half[0]), *windows([1], [1], [1])]
    step = prepare(ReduceWindow(F.ADD), operands, [given((), T.FLOAT16)], Profile.REFERENCE)
    with pytest.raises(ModelError, match="expected BOOL, INT8"):
        step.run(half, half[:1])


def around(body: Op | None, op: StablehloReduceWindow, shape: tuple[int, ...] = (3, 3)) -> Model:
    b = Builder()
    inner = b.graph("body")
    kind = T.BOOL if isinstance(body, LogicalOr) else T.INT32
    left, right = inner.input("a", (), kind), inner.input("b", (), kind)
    inner.returns([inner.add(body, [left, right])] if body is not None else [left])
    x = b.input("x", shape, T.INT32)
    return b.model([b.add(op, [x, np.array(-1, np.int32)])])


def compute(model: Model, x: Any) -> Any:
    program = Program(Runtime(model, Profile.REFERENCE), 0)
    program.prepare([x.shape])
    program.values[0][...] = x  # type: ignore[index]
    program.run()
    return program.values[program.graph.outputs[0]]


def test_the_body_says_what_to_do_and_the_start_pads() -> None:
    op = StablehloReduceWindow((2, 2), (1, 2), (1, 2), None, (-1, 1, 1, 0), 1)
    # -1 3 -1 4 -1 5, then 6 7 8 so, then only -1: row 0 is cut off, one row comes after, one column before
    assert compute(around(Add(), op), X).tolist() == [[6, 8, 10], [2, 3, 4]]
    assert compute(around(Maximum(), op), X).tolist() == [[6, 7, 8], [6, 7, 8]]
    assert compute(around(LogicalOr(), op), X).tolist() == [[1, 1, 1], [1, 1, 1]]


def test_padding_that_moves_without_growing() -> None:
    op = StablehloReduceWindow((1, 1), padding=(0, 0, 2, -2), body_subgraph_index=1)
    assert compute(around(Maximum(), op), X).tolist() == [[-1, -1, 0], [-1, -1, 3], [-1, -1, 6]]


@pytest.mark.parametrize("body", [Sub(), None])
def test_other_bodies_are_refused_while_running(body: Op | None) -> None:
    model = around(body, StablehloReduceWindow((1, 1), body_subgraph_index=1))
    with pytest.raises(RuntimeError, match="function that reduces"):
        compute(model, X)


@pytest.mark.parametrize(
    "op",
    [
        StablehloReduceWindow(None),
        StablehloReduceWindow((1,)),
        StablehloReduceWindow((1, 1), (1,)),
        StablehloReduceWindow((1, 1), (1, 0)),
        StablehloReduceWindow((0, 1)),
        StablehloReduceWindow((1, 1), base_dilations=(-1, 1)),
        StablehloReduceWindow((1, 1), window_dilations=(1, 2**40)),
        StablehloReduceWindow((1, 1), padding=(1, 1)),
        StablehloReduceWindow((1, 1), padding=(0, 0, -2, -2)),
        StablehloReduceWindow((1, 1), body_subgraph_index=2),
        StablehloReduceWindow((1, 1), body_subgraph_index=-1),
    ],
)
def test_refuses_options(op: StablehloReduceWindow) -> None:
    with pytest.raises(ModelError, match="expected"):
        compute(around(Add(), op), X)


def test_a_padding_that_leaves_nothing_is_refused_while_running() -> None:
    op = StablehloReduceWindow((1, 1), padding=(0, 0, -1, -2), body_subgraph_index=1)
    with pytest.raises(RuntimeError, match="leaves some"):
        compute(around(Add(), op), X)
    huge = StablehloReduceWindow((2**30, 1), padding=(2**30, 0, 0, 0), body_subgraph_index=1)
    with pytest.raises(RuntimeError, match="bytes"):
        compute(around(Add(), huge), X)


@pytest.mark.parametrize("function", list(F)[1:])
@pytest.mark.parametrize("kind", [T.INT8, T.INT32, T.FLOAT32])
def test_few_large_windows_are_as_many_small_ones(function: ReduceWindowFunction, kind: TensorType) -> None:
    rng = np.random.default_rng(int(function))
    x = rng.integers(-3, 4, (6, 40)).astype(kind.dtype)
    if kind is T.FLOAT32:
        x += rng.normal(0, 1, x.shape).astype(np.float32)
        x[[1, 4, 5], [7, 39, 39]] = np.nan
    start = constant(np.array(1, kind.dtype))
    with np.errstate(over="ignore"):
        large = run(
            ReduceWindow(function),
            [given(x.shape, kind), start, *windows([2, 40], [1, 1], [1, 1])],
            given((), kind),
            Profile.REFERENCE,
            x,
        )
        slow = np.full(5, 1, kind.dtype)
        for row in range(5):
            for value in x[row : row + 2].ravel():
                was = slow[row]
                match function:
                    case F.ADD:
                        slow[row] = was + value
                    case F.MUL:
                        slow[row] = was * value
                    case F.MINIMUM:
                        slow[row] = was if was <= value else value
                    case F.MAXIMUM:
                        slow[row] = was if was >= value else value
                    case F.ALL:
                        slow[row] = bool(was) and bool(value)
                    case F.ANY:
                        slow[row] = bool(was) or bool(value)
    assert np.array_equal(large.ravel(), slow, equal_nan=kind is T.FLOAT32)
