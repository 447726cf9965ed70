from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from qengine.build import Builder, Operand, Output
from qengine.errors import ModelError
from qengine.interpreter import Interpreter
from qengine.model import Model, TensorType
from qengine.op import Op
from qengine.ops import If, While
from qengine.ops.add import Add
from qengine.ops.assign_variable import AssignVariable
from qengine.ops.call_once import CallOnce
from qengine.ops.concatenation import Concatenation
from qengine.ops.gather import Gather
from qengine.ops.hashtable import Hashtable
from qengine.ops.hashtable_find import HashtableFind
from qengine.ops.hashtable_import import HashtableImport
from qengine.ops.hashtable_size import HashtableSize
from qengine.ops.less import Less
from qengine.ops.mul import Mul
from qengine.ops.read_variable import ReadVariable
from qengine.ops.reshape import Reshape
from qengine.ops.stablehlo_case import StablehloCase
from qengine.ops.stablehlo_composite import StablehloComposite
from qengine.ops.stablehlo_while import StablehloWhile
from qengine.ops.sub import Sub
from qengine.ops.var_handle import VarHandle
from qengine.program import PREPARED

T = TensorType
F = np.float32
Part = Callable[[Builder, list[Operand]], Sequence[Operand]]


def graph(b: Builder, name: str, kinds: Sequence[tuple[tuple[int, ...], Any]], part: Part) -> int:
    inner = b.graph(name)
    inner.returns(part(inner, [inner.input(f"in{i}", shape, kind) for i, (shape, kind) in enumerate(kinds)]))
    return inner.index


class Running:
    def __init__(self, model: Model) -> None:
        self.interpreter = Interpreter(model=model)
        self.interpreter.allocate_tensors()

    def __call__(self, *arrays: Any) -> list[Any]:
        for detail, array in zip(self.interpreter.get_input_details(), arrays, strict=True):
            self.interpreter.set_tensor(detail["index"], np.asarray(array, detail["dtype"]))
        self.interpreter.invoke()
        return [
            self.interpreter.get_tensor(detail["index"]).tolist() for detail in self.interpreter.get_output_details()
        ]


def chosen(op: Callable[..., Op], selector: Any, *parts: Part, kind: Any = "float32") -> Running:
    b = Builder()
    sides: list[tuple[tuple[int, ...], Any]] = [((2,), "float32"), ((2,), "float32")]
    numbers = [graph(b, f"branch{i}", sides, part) for i, part in enumerate(parts)]
    inputs = [b.input("which", (), selector), b.input("x", (2,)), b.input("y", (2,))]
    return Running(b.model([b.add(op(*numbers), inputs, type=kind, shape=(2,))]))


def test_if() -> None:
    either = chosen(If, "bool", lambda g, x: [g.add(Add(), x)], lambda g, x: [x[1]])
    assert either(True, [1, 2], [30, 40]) == [[31, 42]]
    assert either(False, [1, 2], [30, 40]) == [[30, 40]]


def test_shapes_that_differ_come_while_running() -> None:
    either = chosen(If, "bool", lambda g, x: [g.add(Concatenation(0), x)], lambda g, x: [x[1]])
    assert either(True, [1, 2], [30, 40]) == [[1, 2, 30, 40]]
    assert either(False, [1, 2], [30, 40]) == [[30, 40]]


def test_case() -> None:
    branches = [lambda g, x, op=op: [g.add(op, x)] for op in (Add(), Sub(), Mul())]
    one_of = chosen(lambda *numbers: StablehloCase(numbers), "int32", *branches)
    results = {index: one_of(index, [5, 6], [2, 3])[0] for index in (-7, 0, 1, 2, 3)}
    assert results == {-7: [10, 18], 0: [7, 9], 1: [3, 3], 2: [10, 18], 3: [10, 18]}


@pytest.mark.parametrize(
    ("op", "selector", "kind", "message"),
    [
        (lambda then, other: If(then, 9), "bool", "float32", "graphs"),
        (lambda then, other: If(then, -1), "bool", "float32", "graphs"),
        (lambda then, other: If(0, other), "bool", "float32", "with 2 inputs"),
        (If, "int32", "float32", "expected one BOOL"),
        (If, "bool", "int32", "expected INT32 out of graph"),
        (lambda *_: StablehloCase(()), "int32", "float32", "a graph to choose"),
        (lambda *numbers: StablehloCase(numbers), "bool", "float32", "expected one INT32"),
    ],
)
def test_choices_are_refused(op: Any, selector: str, kind: str, message: str) -> None:
    with pytest.raises((ModelError, RuntimeError), match=message):
        chosen(op, selector, lambda g, x: [g.add(Add(), x)], lambda g, x: [x[1]], kind=kind)


def counted(op: Callable[..., Op], body: Part, limit: int = 5, shape: tuple[int, ...] = (1,)) -> Running:
    """A counter and one more number; as long as the counter is below the limit."""
    b = Builder()
    sides: list[tuple[tuple[int, ...], Any]] = [((), "int32"), (shape, "float32")]
    condition = graph(
        b, "condition", sides, lambda g, x: [g.add(Less(), [x[0], np.array(limit, np.int32)], type="bool")]
    )
    numbers = (condition, graph(b, "body", sides, body))
    inputs = [b.input("i", (), "int32"), b.input("x", shape)]
    outputs = [Output(shape=(), type="int32"), Output(shape=(1,), type="float32")]
    return Running(b.model(b.add(op(*numbers), inputs, outputs=outputs)))


def next_one(g: Builder, x: Sequence[Operand]) -> Operand:
    return g.add(Add(), [x[0], np.array(1, np.int32)])


def doubled(g: Builder, x: Sequence[Operand]) -> Sequence[Operand]:
    return [next_one(g, x), g.add(Add(), [x[1], x[1]])]


@pytest.mark.parametrize("op", [While, StablehloWhile])
def test_while(op: Any) -> None:
    loop = counted(op, doubled)
    assert loop(0, [3]) == [5, [96]]
    assert loop(4, [3]) == [5, [6]]
    assert loop(9, [3]) == [9, [3]]


def test_a_loop_may_grow_its_arrays() -> None:
    rounds = PREPARED + 40
    loop = counted(While, lambda g, x: [next_one(g, x), g.add(Concatenation(0), [x[1], np.ones(1, F)])], rounds)
    for _ in range(2):
        assert loop(0, [3]) == [rounds, [3] + [1] * rounds]
    assert loop(rounds - 1, [3]) == [rounds, [3, 1]]


def test_a_loop_without_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QENGINE_ITERATIONS", "20")
    loop = counted(While, lambda g, x: [x[0], g.add(Add(), [x[1], x[1]])])
    with pytest.raises(RuntimeError, match="ends within 20 rounds"):
        loop(0, [3])
    assert counted(While, doubled, 20)(0, [1]) == [20, [2**20]]
    with pytest.raises(RuntimeError, match="ends within 20 rounds"):
        counted(While, doubled, 21)(0, [1])


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (lambda condition, body: While(body, body), "expected two graphs"),
        (lambda condition, body: While(body, condition), "with 2 inputs and 1 outputs, got 2 and 2"),
        (lambda condition, body: While(condition, 0), "calls? itself|one that does"),
    ],
)
def test_loops_are_refused(op: Any, message: str) -> None:
    with pytest.raises((ModelError, RuntimeError), match=message):
        counted(op, doubled)


def test_a_condition_is_one_flag() -> None:
    b = Builder()
    sides: list[tuple[tuple[int, ...], Any]] = [((2,), "int32")]
    condition = graph(b, "condition", sides, lambda g, x: [g.add(Less(), [x[0], np.array(3, np.int32)], type="bool")])
    body = graph(b, "body", sides, lambda g, x: [g.add(Add(), [x[0], x[0]])])
    with pytest.raises(ModelError, match="expected one flag"):
        b.add(While(condition, body), [b.input("x", (2,), "int32")])


def handle(b: Builder, name: str = "v") -> Operand:
    return b.add(VarHandle(None, name), [], shape=(), type=T.RESOURCE)


def test_variables_outlive_calls_and_are_each_interpreters_own() -> None:
    b = Builder()
    x = b.input("x", (2,))

    def first(g: Builder, _: list[Operand]) -> Sequence[Operand]:
        g.add(AssignVariable(), [handle(g), np.array([1, 1], F)], outputs=0)
        return []

    b.add(CallOnce(graph(b, "first", [], first)), [], outputs=0)
    total = b.add(Add(), [b.add(ReadVariable(), [handle(b)], shape=(2,), type="float32"), x])
    b.add(AssignVariable(), [handle(b), total], outputs=0)
    model = b.model([total])
    one, other = Running(model), Running(model)
    assert [one([1, 2])[0], one([1, 2])[0], other([5, 5])[0]] == [[2, 3], [3, 5], [6, 6]]
    one.interpreter.reset_all_variables()
    assert one([0, 0]) == [[3, 5]]


@pytest.mark.parametrize(
    ("shape", "kind", "value", "expected"),
    [
        ((), "float32", [[1, 2]], [[1, 2]]),
        ((2, 1), "float32", [[1, 2]], [[1], [2]]),
        ((1,), "float32", [[1, 2]], [1]),
        ((3,), "float32", [[1, 2]], "expected 3 elements or more, got 2"),
        ((2,), "int32", [[1, 2]], "expected INT32, got FLOAT32"),
    ],
)
def test_reading_a_variable(shape: tuple[int, ...], kind: str, value: Any, expected: Any) -> None:
    b = Builder()
    x = b.input("x", np.shape(value))
    b.add(AssignVariable(), [handle(b), x], outputs=0)
    running = Running(b.model([b.add(ReadVariable(), [handle(b)], shape=shape, type=kind)]))
    if isinstance(expected, str):
        with pytest.raises(RuntimeError, match=expected):
            running(value)
    else:
        assert running(value) == [expected]


def test_what_was_never_assigned_or_made() -> None:
    b = Builder()
    running = Running(b.model([b.add(ReadVariable(), [handle(b)], shape=(2,), type="float32")]))
    with pytest.raises(RuntimeError, match="a variable that was assigned"):
        running()
    b = Builder()
    table = b.input("table", (1,), T.RESOURCE)
    with pytest.raises(RuntimeError, match="expected INT64, got INT32"):
        Running(b.model([b.add(HashtableSize(), [table], type="int32", shape=(1,))]))


def test_graphs_that_call_each_other_once() -> None:
    b = Builder()
    b.input("x", (1,))
    first, second = b.graph("first"), b.graph("second")
    first.returns([])
    first.add(CallOnce(second.index), [], outputs=0)
    second.add(CallOnce(first.index), [], outputs=0)
    second.returns([])
    b.add(CallOnce(first.index), [], outputs=0)
    running = Running(b.model([b.constant(np.zeros(1, F))]))
    with pytest.raises(RuntimeError, match="doesn't call itself"):
        running([1])
    b = Builder()
    index = graph(b, "inner", [((), "float32")], lambda g, x: x)
    b.add(CallOnce(index), [], outputs=0)
    with pytest.raises(RuntimeError, match="without inputs and outputs"):
        Running(b.model([b.constant(np.zeros(1, F))]))


def tabled(keys: Any, values: Any, kinds: tuple[TensorType, TensorType], default: Any, *, fill: bool = True) -> Running:
    b = Builder()
    table = b.add(Hashtable(1, *kinds), [], shape=(1,), type=T.RESOURCE)
    if fill:
        b.add(HashtableImport(), [table, b.constant(keys, type=kinds[0]), b.constant(values, type=kinds[1])], outputs=0)
    wanted = b.input("wanted", (2,), kinds[0])
    found = b.add(HashtableFind(), [table, wanted, b.constant(default, type=kinds[1])], shape=(2,), type=kinds[1])
    return Running(b.model([found, b.add(HashtableSize(), [table], shape=(1,), type="int64")]))


WORDS = np.array([b"a", b"b", b"a"], object)


def test_tables() -> None:
    to_numbers = tabled(WORDS, np.array([1, 2, 3]), (T.STRING, T.INT64), np.array([-1]))
    assert to_numbers(np.array([b"b", b"c"], object)) == [[2, -1], [2]]
    assert to_numbers(np.array([b"a", b"a"], object)) == [[1, 1], [2]]
    to_words = tabled(np.array([7, 8, 9]), WORDS, (T.INT64, T.STRING), np.array([b"?"], object))
    assert to_words([8, 0]) == [[b"b", b"?"], [3]]


def test_tables_are_refused() -> None:
    kinds = (T.STRING, T.INT64)
    with pytest.raises(RuntimeError, match="a table that was filled"):
        tabled(WORDS, np.array([1, 2, 3]), kinds, np.array([-1]), fill=False)(WORDS[:2])
    with pytest.raises(RuntimeError, match="expected a default"):
        tabled(WORDS, np.array([1, 2, 3]), kinds, np.zeros(0, np.int64))(WORDS[:2])
    with pytest.raises(RuntimeError, match=r"expected shape \[3\], got \[2\]"):
        tabled(WORDS, np.array([1, 2]), kinds, np.array([-1]))
    with pytest.raises((ModelError, RuntimeError), match="INT64 and STRING"):
        tabled(np.array([1]), np.array([1]), (T.INT64, T.INT64), np.array([-1]))
    b = Builder()
    table = b.add(Hashtable(1, *kinds), [], shape=(1,), type=T.RESOURCE)
    b.add(HashtableImport(), [table, np.array([1]), b.constant(WORDS[:1], type=T.STRING)], outputs=0)
    with pytest.raises(RuntimeError, match="expected keys STRING, got INT64"):
        Running(b.model([b.constant(np.zeros(1, F))]))()


def test_a_body_that_gathers_outside_says_so_and_leaves_the_next_call_alone() -> None:
    """Also where all rounds are one native call."""

    def body(g: Builder, x: list[Operand]) -> list[Operand]:
        table = g.constant(np.array([[10], [20], [30], [40]], F))
        return [next_one(g, x), g.add(Gather(), [table, g.add(Reshape(), [x[0], [1]])])]

    loop = counted(While, lambda g, x: [y if i == 0 else g.add(Reshape(), [y, [1]]) for i, y in enumerate(body(g, x))])
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"from 0 to 3, got .*4"):
            loop(2, [1])
        with pytest.raises(RuntimeError, match=r"from 0 to 3, got .*-1"):
            loop(-1, [1])
    loop = counted(
        While, lambda g, x: [y if i == 0 else g.add(Reshape(), [y, [1]]) for i, y in enumerate(body(g, x))], 4
    )
    assert loop(1, [1]) == [4, [40]]


@pytest.mark.parametrize("kind", ["float32", "int32"])
def test_a_graph_called_twice_is_rows_of_its_caller(kind: str) -> None:
    b = Builder()
    inner = graph(b, "difference", [((3,), kind), ((3,), kind)], lambda g, x: [g.add(Sub(), [x[0], x[1]])])
    x, y = b.input("x", (3,), kind), b.input("y", (3,), kind)
    output = Output(shape=(3,), type=kind)
    (once,) = b.add(StablehloComposite("difference", inner), [x, y], outputs=[output])
    (twice,) = b.add(StablehloComposite("difference", inner), [once, x], outputs=[output])
    running = Running(b.model([once, twice]))
    assert running([5, 6, 7], [1, 2, 9]) == [[4, 4, -2], [-1, -2, -9]]
    assert running([1, 1, 1], [1, 2, 3]) == [[0, -1, -2], [-1, -2, -3]]
