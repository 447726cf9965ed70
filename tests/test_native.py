"""Compiled steps joined into native calls: memory, flips, aliases, guards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qengine.kernels.emit.fill import COPY
from qengine.kernels.emit.native import NoNativeCode, variant
from qengine.kernels.emit.plan import Compiled, Plan, result, source
from qengine.kernels.emit.target import Target
from qengine.model import TensorType
from qengine.native import Assembly, Part, roomy
from qengine.op import Spec


@pytest.fixture(scope="module")
def target() -> Target:
    try:
        return variant()
    except NoNativeCode as error:
        pytest.skip(str(error))


def copy(target: Target, size: int) -> Compiled:
    plan = Plan(target)
    plan.row(COPY, source=source(), target=result(), size=size, source_pitch=0, target_pitch=0, rows=1, work=1)
    return plan.done("copy")


def assembly(target: Target, parts: list[Part], specs: list[Spec], persistent: set[int], **how: Any) -> Assembly:
    values = [roomy(spec) if i in persistent else None for i, spec in enumerate(specs)]
    return Assembly(target, parts, specs, values, persistent, **how)


INT8 = [Spec((100,), TensorType.INT8, name=f"t{i}") for i in range(4)]


def run(made: Assembly) -> None:
    for call in made.calls():
        assert not isinstance(call, Part)
        call.run()


@pytest.mark.parametrize("guard", [False, True])
def test_int8_is_flipped_where_the_caller_meets_it(target: Target, guard: bool) -> None:
    parts = [Part(i, (i,), (i + 1,), copy(target, 100)) for i in range(3)]
    made = assembly(target, parts, INT8, {0, 3}, guard=guard)
    x = np.arange(-50, 50, dtype=np.int8)
    made.values[0][...] = x
    run(made)
    np.testing.assert_array_equal(made.values[3], x)


def test_tensors_share_memory_by_turns_unless_all_are_kept(target: Target) -> None:
    parts = [Part(i, (i,), (i + 1,), copy(target, 100)) for i in range(3)]
    shared = assembly(target, parts, INT8, {0, 3})
    kept = assembly(target, parts, INT8, {0, 3}, keep=True)
    run(shared)
    kept.values[0][...] = 7
    run(kept)
    assert shared.arena_bytes < kept.arena_bytes
    np.testing.assert_array_equal(kept.read(1), np.full(100, 7, np.int8))


def test_an_alias_has_its_input_s_memory(target: Target) -> None:
    specs = [Spec((4, 25), TensorType.INT8), Spec((100,), TensorType.INT8), Spec((100,), TensorType.INT8)]
    parts = [Part(0, (0,), (1,), alias=True), Part(1, (1,), (2,), copy(target, 100))]
    made = assembly(target, parts, specs, {0, 2})
    made.values[0][...] = np.arange(100, dtype=np.int8).reshape(4, 25)
    run(made)
    np.testing.assert_array_equal(made.values[2], np.arange(100, dtype=np.int8))


def test_an_alias_that_is_an_output_is_a_copy(target: Target) -> None:
    specs = [Spec((6,), TensorType.UINT8), Spec((2, 3), TensorType.UINT8), Spec((6,), TensorType.UINT8)]
    parts = [Part(0, (0,), (1,), alias=True), Part(1, (0,), (2,), copy(target, 6))]
    made = assembly(target, parts, specs, {0, 1, 2})
    made.values[0][...] = range(6)
    run(made)
    np.testing.assert_array_equal(made.values[1], np.arange(6).reshape(2, 3))


def test_guards_name_the_step_that_writes_too_much(target: Target) -> None:
    parts = [Part(0, (0,), (1,), copy(target, 100)), Part(1, (1,), (2,), copy(target, 101))]
    made = assembly(target, [*parts, Part(2, (2,), (3,), copy(target, 100))], INT8, {0, 3}, guard=True)
    with pytest.raises(RuntimeError, match="operator 1 to leave memory around tensor 2 alone"):
        run(made)


@pytest.mark.parametrize("outside", [TensorType.INT8, TensorType.UINT8])
def test_an_alias_may_be_the_other_type_of_8_bits(target: Target, outside: TensorType) -> None:
    """Both where the caller's array is read itself (UINT8) and where it is flipped (INT8)."""
    other = TensorType.UINT8 if outside is TensorType.INT8 else TensorType.INT8
    specs = [Spec((100,), outside), Spec((4, 25), other), Spec((4, 25), other)]
    made = assembly(target, [Part(0, (0,), (1,), alias=True), Part(1, (1,), (2,), copy(target, 100))], specs, {0, 2})
    made.values[0][...] = np.arange(-50, 50) + (outside is TensorType.UINT8) * 128
    run(made)
    wanted = (np.arange(-50, 50) + (other is TensorType.UINT8) * 128).reshape(4, 25)
    np.testing.assert_array_equal(made.values[2], wanted)
    np.testing.assert_array_equal(made.read(1), wanted)
