"""Chains of functions of one 8-bit tensor run as one look-up, and give what operator after operator gives."""

from __future__ import annotations

import numpy as np
import pytest

from qengine.build import Builder
from qengine.kernels.emit import native as emitted
from qengine.kernels.profile import Profile
from qengine.model import Model
from qengine.ops.add import Add
from qengine.ops.logistic import Logistic
from qengine.ops.mul import Mul
from qengine.ops.relu6 import Relu6
from qengine.program import Program, Runtime

pytestmark = pytest.mark.skipif(bool(emitted.obstacle()), reason="no native code here")
KINDS = [("int8", -128, 0.004), ("uint8", 0, 0.004)]


def swish(kind: str, low: int, *, keep_middle: bool = False, other: bool = False) -> Model:
    """x * logistic(x), then (y + 3) clamped to [0, 6]; the logistic times another tensor where `other`."""
    b = Builder()
    middle = low + 128
    x = b.input("x", (3, 70), kind, scale=0.05, zero_point=middle + 7)
    z = b.input("z", (3, 70), kind, scale=0.03, zero_point=middle)
    s = b.add(Logistic(), [x], scale=1 / 256, zero_point=low, name="s")
    y = b.add(Mul(), [z if other else x, s], scale=0.03, zero_point=middle - 3)
    three = b.constant(np.array(middle + 100, kind), scale=0.03, zero_point=middle)
    y = b.add(Add(), [y, three], scale=0.04, zero_point=middle - 60)
    y = b.add(Relu6(), [y], scale=6 / 255, zero_point=low)
    return b.model([y, s] if keep_middle else [y])


def prepared(model: Model, profile: Profile, **how: bool) -> Program:
    program = Program(Runtime(model, profile, **how), 0)
    program.prepare([(3, 70), (3, 70)])
    return program


def kernels(program: Program) -> list[str]:
    return [step.kernel.split(" ")[0] for step in program.steps]


@pytest.mark.parametrize(("kind", "low", "_"), KINDS)
@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize(("keep_middle", "other"), [(False, False), (True, False), (False, True)])
def test_a_chain_gives_what_its_operators_give(
    kind: str, low: int, _: float, profile: Profile, keep_middle: bool, other: bool
) -> None:
    model = swish(kind, low, keep_middle=keep_middle, other=other)
    x, z = np.random.default_rng(0).integers(low, low + 256, (2, 3, 70)).astype(kind)
    want = prepared(model, profile, native=False).call(x, z)
    got = prepared(model, profile).call(x, z)
    for one, wanted in zip(got, want, strict=True):
        np.testing.assert_array_equal(one, wanted)


def test_what_leads_to_a_look_up_is_left_out() -> None:
    program = prepared(swish("int8", -128), Profile.XNNPACK)
    assert kernels(program) == ["joined", "joined", "joined", "native"]
    assert program.steps[0].why == "into operator 3"


def test_what_is_an_output_stays() -> None:
    program = prepared(swish("int8", -128, keep_middle=True), Profile.XNNPACK)
    assert kernels(program) == ["native", "joined", "joined", "native"]


def test_a_second_tensor_ends_a_chain_and_another_begins() -> None:
    program = prepared(swish("int8", -128, other=True), Profile.XNNPACK)
    assert kernels(program) == ["native", "native", "joined", "native"]


def test_nothing_is_joined_where_every_tensor_is_to_be_read() -> None:
    assert "joined" not in kernels(prepared(swish("int8", -128), Profile.XNNPACK, keep_all=True))
