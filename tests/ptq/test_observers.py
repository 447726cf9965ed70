"""Observers: which range each chooses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qengine.affine import fake_quant
from qengine.ptq.observers import Observer, of_values
from qengine.ptq.ranges import Summary

NAMES = ("min_max", "moving_average", "percentile", "entropy", "mse")


def summary(*samples: object) -> Summary:
    found = Summary()
    for sample in samples:
        found.add(np.asarray(sample, np.float32))
    return found


def squared_error(values: np.ndarray, ends: tuple[float, float]) -> float:
    return float(((fake_quant(values, *ends) - values) ** 2).sum())


def test_min_max_takes_all_and_zero() -> None:
    assert Observer().range(summary([1, 2], [3]), 256) == (0.0, 3.0)
    assert Observer().range(summary([-1, 2], [-3, -2]), 256) == (-3.0, 2.0)


def test_moving_average_starts_with_the_first_sample() -> None:
    low, high = Observer("moving_average").range(summary([-1, 1], [-3, 5]), 256)
    assert low == pytest.approx(0.95 * -1 + 0.05 * -3)
    assert high == pytest.approx(0.95 * 1 + 0.05 * 5)


def test_percentile_cuts_both_ends_alike() -> None:
    values = np.arange(-5000, 5001) / 5000
    low, high = Observer("percentile", 90).range(summary(values), 256)
    assert low == pytest.approx(-0.9, abs=2e-3)
    assert high == pytest.approx(0.9, abs=2e-3)


@pytest.mark.parametrize("name", ["percentile", "entropy", "mse"])
def test_an_outlier_does_not_rule(name: str) -> None:
    values = np.random.default_rng(0).normal(size=1_000_000).astype(np.float32)
    values[7] = 20.0
    low, high = Observer(name).range(summary(values), 256)
    assert high < 12
    assert squared_error(values[values < 5], (low, high)) < squared_error(values[values < 5], (-5.0, 20.0)) / 2


@pytest.mark.parametrize("levels", [16, 256])
def test_mse_is_near_the_best_of_all_shrinks(levels: int) -> None:
    values = np.random.default_rng(1).laplace(size=200_000).astype(np.float32)
    seen = summary(values)
    bits = levels.bit_length() - 1

    def error(ends: tuple[float, float]) -> float:
        return float(((fake_quant(values, *ends, bits=bits) - values) ** 2).sum())

    best = min(error((seen.low * t, seen.high * t)) for t in np.linspace(0.05, 1, 40))
    assert error(Observer("mse").range(seen, levels)) < 1.05 * best


@pytest.mark.parametrize("name", NAMES)
@given(st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=40), min_size=1, max_size=4))
def test_a_range_holds_zero_and_stays_within_what_was_seen(name: str, samples: list[list[float]]) -> None:
    low, high = Observer(name).range(summary(*samples), 256)
    values = [value for sample in samples for value in sample]
    assert min(*values, 0.0) <= low <= 0.0 <= high <= max(*values, 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_a_tensor_of_zeros_has_an_empty_range(name: str) -> None:
    assert Observer(name).range(summary([0, 0]), 256) == (0.0, 0.0)


def test_without_samples_there_is_no_range() -> None:
    with pytest.raises(ValueError, match="expected samples"):
        Observer().range(Summary(), 256)


def test_weights_by_mse_have_less_error_than_by_the_greatest_magnitude() -> None:
    rows = np.random.default_rng(2).laplace(size=(4, 4000))

    def error(reach: np.ndarray) -> np.ndarray:
        scale = (reach / 7)[:, None]
        return ((np.clip(np.rint(rows / scale), -7, 7) * scale - rows) ** 2).sum(axis=1)

    assert (error(of_values(Observer("mse"), rows, 15)) < error(of_values(Observer(), rows, 15))).all()


@pytest.mark.parametrize(("arguments", "message"), [(("median",), "observer among"), (("percentile", 40), "above 50")])
def test_unknown_observers_are_refused(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Observer(*arguments)  # type: ignore[arg-type]
