"""The small language: what each word writes, and that it runs."""

from __future__ import annotations

import numpy as np
import pytest

from qengine.kernels.emit import native, target
from qengine.kernels.emit.language import F32, I32, I64, Function
from qengine.kernels.emit.plan import BoundRow, Family, Plan, Row, aligned, source
from qengine.kernels.emit.program import Program

SUM = """\


define void @sum(ptr noalias %row) nounwind {
entry:
  %numbers = load ptr, ptr %row, align 8
  %v1 = getelementptr i8, ptr %row, i64 8
  %count = load i64, ptr %v1, align 8
  br label %loop1
loop1:
  %v2 = phi i64 [%count, %entry], [%v8, %loop1]
  %v3 = phi ptr [%numbers, %entry], [%v7, %loop1]
  %v4 = phi i32 [0, %entry], [%v6, %loop1]
  %v5 = load i32, ptr %v3, align 1
  %v6 = add i32 %v4, %v5
  %v7 = getelementptr i8, ptr %v3, i64 4
  %v8 = sub i64 %v2, 1
  %v9 = icmp eq i64 %v8, 0
  br i1 %v9, label %end1, label %loop1
end1:
  store i32 %v6, ptr %numbers, align 1
  ret void
}
"""


def test_each_operation_is_a_line():
    f = Function("sum", target.NEUTRAL)
    row = f.arguments("*numbers count")
    with f.loop(row.count, p=row.numbers, total=f.constant(0, I32)) as each:
        each.total, each.p = each.total + each.p.load(I32), each.p + 4
    row.numbers.store(each.total)
    assert f.text() == SUM


def test_loops_carry_nested_values_and_may_be_empty(host):
    variant = native.variant()
    f = Function(native.symbol("fibonacci", variant), variant)
    row = f.arguments("*out count")
    one = f.constant(1, I64)
    with f.loop(row.count, True, pair=[one, [one]]) as each:
        each.pair = [each.pair[1][0], [each.pair[0] + each.pair[1][0]]]
    row.out.store(each.pair[0])
    native.link({"fibonacci": native.compile(f.text(), variant)}, variant)
    out = np.zeros(1, np.int64)
    seen = []
    for count in (0, 1, 2, 10):
        Program([[BoundRow("fibonacci", (out.ctypes.data, count), 1)]], variant).run()
        seen.append(out.item())
    assert seen == [1, 1, 2, 89]


def test_a_loop_knows_what_it_carries():
    f = Function("loop", target.NEUTRAL)
    with f.loop(3, a=f.constant(0, I64)) as each, pytest.raises(AttributeError, match="the loop carries a, not b"):
        each.b = each.a


@pytest.mark.parametrize("number", [0.0, 0.1, -2.5, 3e38])
def test_floats_keep_their_bits(number):
    f = Function("number", target.NEUTRAL)
    assert f.constant(number, F32).name == "0x" + np.float64(np.float32(number)).tobytes()[::-1].hex()


def test_a_family_refuses_arguments_it_does_not_take():
    family = Family("two", "*a b", lambda f: None)
    with pytest.raises(TypeError, match="two takes a, b, got a, c"):
        Plan(target.NEUTRAL).row(family, a=source(), c=1)


def test_a_count_of_nothing_is_refused_before_it_runs_for_ever():
    family = Family("two", "*a #b", lambda f: None)
    with pytest.raises(ValueError, match="expected b of two to be at least 1, got 0"):
        Plan(target.NEUTRAL).row(family, a=source(), b=0)


def test_an_empty_program_runs(host):
    Program([], native.variant()).run()


def test_constants_are_aligned_and_have_room_behind_them():
    for size in (1, 64, 100):
        array = aligned(np.arange(size, dtype=np.uint8))
        assert array.ctypes.data % 64 == 0
        assert array.tolist() == list(range(size))


def test_rows_are_bound_late(host):
    plan = Plan(native.variant())
    table = plan.constant(np.arange(3, dtype=np.int64))
    family = Family("three", "*a *b c", lambda f: None)
    plan.row(family, "word", 4, a=source(1) + 8, b=table, c=5, work=7)
    compiled = plan.done("a test")
    assert compiled.kernels == {"three_word_4"}
    assert isinstance(compiled.stages[0][0], Row)
    ((row,),) = compiled.bind([0, 1000], [])
    assert row == BoundRow("three_word_4", (1008, compiled.constants[0].ctypes.data, 5), 7)
