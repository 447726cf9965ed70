"""Elementwise operators as look-ups: which have a table, of what, and why others have none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from stepping import constant, given, prepare

from qengine.kernels.emit.plan import Compiled, Place
from qengine.kernels.emit.target import AVX2, NEUTRAL
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.op import Op, Spec
from qengine.ops.bitwise_xor import BitwiseXor
from qengine.ops.logistic import Logistic
from qengine.ops.quantize import Quantize
from qengine.ops.relu import Relu
from qengine.ops.sqrt import Sqrt

T = TensorType


def compiled(op: Op, inputs: Sequence[Spec], output: Spec, profile: Profile) -> Compiled | str | None:
    step = prepare(op, inputs, [output], profile)
    return None if step.compiled is None else step.compiled(NEUTRAL)


def tables(op: Op, inputs: Sequence[Spec], output: Spec, profile: Profile = Profile.REFERENCE) -> list[np.ndarray]:
    """The tables by number from the least on, where both types are INT8."""
    made = compiled(op, inputs, output, profile)
    assert isinstance(made, Compiled)
    return [(table ^ 0x80).view(np.int8) for table in made.constants]


def test_a_table_holds_what_the_reference_gives_for_each_number() -> None:
    (table,) = tables(Relu(), [given((3, 3), T.INT8, 0.5, 10)], given((), T.INT8, 0.5, 10))
    assert table.tolist() == [max(q, 10) for q in range(-128, 128)]


def test_a_number_beside_it_makes_a_function_of_one_of_a_function_of_two() -> None:
    x = given((3, 3), T.INT8, 0.5, 10)
    for inputs in ([x, constant([5], T.INT8)], [constant([5], T.INT8), x]):
        (table,) = tables(BitwiseXor(), inputs, given((), T.INT8))
        assert table.tolist() == [q ^ 5 for q in range(-128, 128)]
        made = compiled(BitwiseXor(), inputs, given((), T.INT8), Profile.REFERENCE)
        assert isinstance(made, Compiled)
        (row,) = made.stages[0]
        assert row.arguments[0] == Place("input", inputs.index(x))


@pytest.mark.parametrize("size", [5, 16, 21, 32])
def test_blocks_and_the_rest_have_tables_of_their_own_where_they_round_in_two_ways(size: int) -> None:
    """A quarter of -2: the runtime's vector loop of 16 rounds -0.5 up, the scalar loop away from zero."""
    found = tables(Quantize(), [given((size,), T.INT8, 0.25, 0)], given((), T.INT8, 1.0, 0), Profile.OPTIMIZED)
    assert [table[126] for table in found] == [0] * (size >= 16) + [-1] * (size % 16 > 0)


def test_sixteen_bits_have_a_table_of_65536() -> None:
    made = compiled(Logistic(), [given((4,), T.INT16, 2.0**-12)], given((), T.INT16, 2.0**-15), Profile.XNNPACK)
    assert isinstance(made, Compiled)
    assert made.constants[0].view(np.int16)[[0, 0x7FFF, 0x8000]].tolist() == [16384, 32756, 11]


def test_numbers_that_the_operator_refuses_leave_it_to_numpy() -> None:
    why = compiled(Sqrt(), [given((4,), T.INT8, 0.5, 0)], given((), T.INT8, 0.5, 0), Profile.REFERENCE)
    assert isinstance(why, str)
    assert why.startswith("no table, for some numbers are refused (expected numbers from 0 on")
    assert tables(Sqrt(), [given((4,), T.INT8, 0.5, -128)], given((), T.INT8, 0.5, -128))


def test_what_depends_on_other_elements_has_no_table() -> None:
    x = given((3, 3), T.INT8)
    assert compiled(BitwiseXor(), [x, constant([5, 6, 7], T.INT8)], given((), T.INT8), Profile.REFERENCE) is None
    assert compiled(BitwiseXor(), [x, x], given((), T.INT8), Profile.REFERENCE) is None


def test_vectors_of_bytes_pack_the_table_in_another_way() -> None:
    step = prepare(Relu(), [given((3, 3), T.UINT8, 0.5, 10)], [given((), T.UINT8, 0.5, 10)], Profile.REFERENCE)
    assert step.compiled is not None
    made = step.compiled(AVX2)
    assert isinstance(made, Compiled)
    assert made.constants[0].size == 256
