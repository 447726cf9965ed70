"""Samples in the forms that people have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qengine.build import Builder
from qengine.model import Model
from qengine.samples import count_of, fed, samples_of

RNG = np.random.default_rng(0)


def one(shape: tuple[int, ...] = (1, 4), **options: Any) -> Model:
    b = Builder()
    return b.model([b.input("x", shape, **options)])


def arrays(model: Model, source: Any, **options: Any) -> list[Any]:
    return [sample.arrays[0].tolist() for sample in samples_of(model, source, **options)]


X = np.arange(12, dtype=np.float64).reshape(3, 4)


@pytest.mark.parametrize(
    "source",
    [
        X,
        X[:, None],
        list(X),
        [row[None] for row in X],
        lambda: iter(X),
        {"x": X},
        {"arr_0": X},
        {"serving_default": X},
        [{"x": row} for row in X],
        [[row] for row in X],
        [("serving_default", {"x": row}) for row in X],
    ],
    ids=[
        "array",
        "array of inputs",
        "rows",
        "inputs",
        "function",
        "names",
        "npz",
        "signature",
        "by name",
        "lists",
        "pairs",
    ],
)
def test_all_forms_mean_the_same(source: Any) -> None:
    assert arrays(one(), source) == X[:, None].tolist()


def test_an_npz_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=X)
    np.save(tmp_path / "x.npy", X)
    assert arrays(one(), tmp_path / "x.npz") == X[:, None].tolist()
    assert arrays(one(), str(tmp_path / "x.npy")) == X[:, None].tolist()
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(ValueError, match=r"expected samples as .npz"):
        arrays(one(), tmp_path / "bad.npz")


def test_an_array_is_grouped_to_the_batch() -> None:
    assert arrays(one((2, 4)), X) == [X[[0, 1]].tolist(), X[[2, 0]].tolist()]
    assert arrays(one((2, 4)), X, whole=True) == [X[[0, 1]].tolist(), X[[2]].tolist()]


def test_free_dimensions_may_have_any_length() -> None:
    model = one((1, 4, 2), shape_signature=(1, -1, 2))
    assert [len(a[0]) for a in arrays(model, [np.zeros((3, 2)), np.zeros((7, 2))])] == [3, 7]
    with pytest.raises(ValueError, match="sample 0: expected shape"):
        arrays(model, [np.zeros((3, 3))])


def test_numbers_become_what_the_input_takes() -> None:
    assert next(samples_of(one(), X)).arrays[0].dtype == np.float32
    assert next(samples_of(one(type=np.int32), X.astype(int))).arrays[0].dtype == np.int32
    with pytest.raises(ValueError, match="expected integers for 'x'"):
        arrays(one(type=np.int32), X)
    with pytest.raises(ValueError, match="expected numbers for 'x'"):
        arrays(one(), np.array([["a"] * 4]))


def test_real_numbers_are_quantized_for_a_quantized_input() -> None:
    model = one(type=np.int8, scale=0.5, zero_point=-3)
    sample = next(samples_of(model, X))
    assert sample.arrays[0].dtype == np.float32
    assert fed(model.graphs[0].tensors[0], sample.arrays[0]).tolist() == [[-3, -1, 1, 3]]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (5, "an array, an iterable or a function"),
        (np.zeros((3, 5)), r"shape \[4\] for 'x', got \[5\]"),
        ({"y": X, "z": X}, "named 'x'"),
        ([{"x": X[0], "y": X[0]}], "sample 0: expected arrays named"),
        ([("other", {"x": X[0]})], "expected a signature among"),
    ],
)
def test_what_does_not_fit_is_refused(source: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        arrays(one(), source)


def test_inputs_must_come_in_equal_numbers() -> None:
    b = Builder()
    model = b.model([b.input("x", (1, 4)), b.input("y", (1, 2))])
    with pytest.raises(ValueError, match="as many samples"):
        list(samples_of(model, {"x": np.zeros((3, 4)), "y": np.zeros((2, 2))}))


@pytest.mark.parametrize(
    ("source", "count"), [(X, 3), (list(X), 3), ({"x": X}, 3), (iter(X), None), (lambda: X, None), ("x.npz", None)]
)
def test_the_number_is_known_where_it_can_be(source: Any, count: int | None) -> None:
    assert count_of(source) == count
