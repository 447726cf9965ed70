from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stepping import constant, given, prepare, run

from qengine.errors import ModelError, Unsupported
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.op import Op
from qengine.ops.multinomial import Multinomial
from qengine.ops.random_standard_normal import RandomStandardNormal
from qengine.ops.random_uniform import RandomUniform
from qengine.ops.rfft2d import Rfft2d
from qengine.ops.stablehlo_rng_bit_generator import StablehloRngBitGenerator
from qengine.options import RngAlgorithm

T = TensorType
F = np.float32


def lengths(*values: int) -> Any:
    return constant(np.array(values, np.int32))


def drawn(op: Op, *shape: int) -> Any:
    return run(op, [lengths(*shape)], given(()), Profile.REFERENCE)


@pytest.mark.parametrize("op", [RandomUniform, RandomStandardNormal])
def test_seeds_say_which_numbers_and_calls_go_on(op: Any) -> None:
    step = prepare(op(5, 6), [lengths(2, 3)], [given(())], Profile.REFERENCE)
    first, second = (step.run(np.array([2, 3], np.int32)) for _ in range(2))
    assert not np.array_equal(first, second)
    assert np.array_equal(drawn(op(5, 6), 2, 3), first)
    assert np.array_equal(drawn(op(5 + 2**32, 6 - 2**32), 2, 3), first)  # 32 bits of the seeds count
    assert not np.array_equal(drawn(op(5, 7), 2, 3), first)
    assert not np.array_equal(drawn(op(), 2, 3), drawn(op(), 2, 3))
    assert not step.folds


def test_the_shape_may_come_while_running() -> None:
    step = prepare(RandomUniform(1), [given((2,), T.INT32)], [given(())], Profile.REFERENCE)
    assert np.asarray(step.run(np.array([4, 1], np.int32))).shape == (4, 1)
    with pytest.raises(ModelError, match="expected lengths from 0"):
        step.run(np.array([4, -1], np.int32))
    with pytest.raises(RuntimeError, match="bytes"):
        step.run(np.array([2**30, 2**30], np.int32))


def test_types_are_refused_while_running() -> None:
    step = prepare(RandomUniform(1), [lengths(1)], [given((), T.INT32)], Profile.REFERENCE)
    with pytest.raises(ModelError, match="expected FLOAT32, got INT32"):
        step.run(np.array([1], np.int32))


LOGITS = given((2, 3))


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        (RandomUniform(), [lengths(2, -1)]),
        (RandomUniform(), [constant(np.array([2]))]),
        (RandomUniform(), [constant(np.array(2, np.int32))]),
        (RandomUniform(), [lengths(1), lengths(1)]),
        (Multinomial(), [LOGITS, constant(np.array(-1, np.int32))]),
        (Multinomial(), [LOGITS, constant(np.array([1], np.int32))]),
        (Multinomial(), [LOGITS, constant(np.array(1))]),
        (Multinomial(), [given((3,)), constant(np.array(1, np.int32))]),
        (Multinomial(), [given((2, 3), T.INT32), constant(np.array(1, np.int32))]),
    ],
)
def test_refuses(op: Op, inputs: list[Any]) -> None:
    with pytest.raises(ModelError, match="expected"):
        prepare(op, inputs, [given(())], Profile.REFERENCE)


def test_draws_classes() -> None:
    logits = np.array([[0, -1000], [-1000, 0]], F)
    for kind in (T.INT32, T.INT64):
        inputs = [given((2, 2)), constant(np.array(3, np.int32))]
        result = run(Multinomial(1), inputs, given((), kind), Profile.REFERENCE, logits)
        assert result.tolist() == [[0, 0, 0], [1, 1, 1]]
    step = prepare(Multinomial(), [given((2, 0)), given((), T.INT32)], [given((), T.INT32)], Profile.REFERENCE)
    with pytest.raises(ModelError, match="expected classes"):
        step.run(np.zeros((2, 0), F), np.array(1, np.int32))


def bits(algorithm: RngAlgorithm, state: list[int], shape: tuple[int, ...], kind: TensorType) -> Any:
    outputs = [given((len(state),), T.UINT64), given(shape, kind)]
    step = prepare(StablehloRngBitGenerator(algorithm), [given((len(state),), T.UINT64)], outputs, Profile.REFERENCE)
    return step.run(np.array(state, np.uint64))


def test_bits_of_a_state() -> None:
    after, values = bits(RngAlgorithm.PHILOX, [0, 0, 0], (2, 3), T.UINT32)
    assert values[0].tolist() == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C]
    assert after.tolist() == [0, 2, 0]
    after, values = bits(RngAlgorithm.THREEFRY, [0, 2**64 - 1], (3,), T.UINT64)
    assert after.tolist() == [0, 2]
    assert values[1] == 0x99BA4EFE6B200159
    wide = bits(RngAlgorithm.DEFAULT, [3, 4], (2,), T.INT64)[1]
    assert np.array_equal(wide.view(np.uint32), bits(RngAlgorithm.PHILOX, [3, 4, 3], (4,), T.UINT32)[1])


def test_bits_refuse_other_states() -> None:
    for algorithm, count in ((RngAlgorithm.THREEFRY, 3), (RngAlgorithm.PHILOX, 4), (RngAlgorithm.DEFAULT, 1)):
        with pytest.raises(ModelError, match="numbers, got"):
            bits(algorithm, [1] * count, (2,), T.INT32)
    op = StablehloRngBitGenerator()
    with pytest.raises(ModelError, match=r"expected shape \[2\], got \[3\]"):
        prepare(op, [given((2,), T.UINT64)], [given((3,), T.UINT64), given((1,), T.INT32)], Profile.REFERENCE)
    with pytest.raises(ModelError, match="expected INT32 or INT64"):
        prepare(op, [given((2,), T.UINT64)], [given((2,), T.UINT64), given((1,))], Profile.REFERENCE)


def spectrum(x: Any, height: int, width: int) -> Any:
    inputs = [given(np.shape(x)), lengths(height, width)]
    return run(Rfft2d(), inputs, given((), T.COMPLEX64), Profile.REFERENCE, np.asarray(x, F))


def test_the_spectrum_of_an_image() -> None:
    assert spectrum([[1, 2], [3, 4]], 2, 2).tolist() == [[10, -2], [-4, 0]]
    assert spectrum([[1, 2, 3, 4]], 1, 4).tolist() == [[10, -2 + 2j, -2]]
    assert spectrum([[[5, 9], [9, 9]]], 1, 2).tolist() == [[[14, -4]]]  # cut
    assert spectrum([[1]], 2, 4).tolist() == [[1, 1, 1], [1, 1, 1]]  # filled up with zeros


def test_the_spectrum_refuses() -> None:
    for height, width in ((3, 4), (0, 2), (4, -4)):
        with pytest.raises(ModelError, match="powers of two"):
            spectrum([[1, 2]], height, width)
    with pytest.raises(Unsupported, match="width of 1"):
        spectrum([[1, 2]], 2, 1)
    with pytest.raises(ModelError, match="2 dimensions"):
        spectrum([1], 2, 2)
    with pytest.raises(ModelError, match=r"expected shape \[2\]"):
        prepare(Rfft2d(), [given((2, 2)), lengths(2)], [given((), T.COMPLEX64)], Profile.REFERENCE)
    step = prepare(Rfft2d(), [given((2, 2)), given((2,), T.INT32)], [given((), T.COMPLEX64)], Profile.REFERENCE)
    with pytest.raises(RuntimeError, match="bytes"):
        step.run(np.ones((2, 2), F), np.array([2**30, 2**20], np.int32))
