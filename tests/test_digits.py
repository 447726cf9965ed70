"""The digits: how many, which are for the test, and that they are what they are said to be."""

from __future__ import annotations

from importlib import resources

import numpy as np

from qengine.digits import load_digits


def test_every_third_digit_is_for_the_test() -> None:
    train, test = load_digits()
    assert (train.images.shape, test.images.shape) == ((1198, 8, 8, 1), (599, 8, 8, 1))
    assert (len(train.labels), len(test.labels)) == (1198, 599)
    assert test.labels[:5].tolist() == [0, 3, 6, 9, 2]
    assert train.labels[:5].tolist() == [1, 2, 4, 5, 7]


def test_pixels_are_counts_from_0_to_16() -> None:
    train, test = load_digits()
    assert train.images.dtype == test.images.dtype == np.float32
    images = np.concatenate([train.images, test.images])
    assert sorted(set(images.ravel().tolist())) == list(range(17))
    assert test.images[0, :3, :, 0].tolist() == [
        [0, 0, 5, 13, 9, 1, 0, 0],
        [0, 0, 13, 15, 10, 15, 5, 0],
        [0, 3, 15, 2, 0, 11, 8, 0],
    ]


def test_each_digit_occurs_about_as_often() -> None:
    train, test = load_digits()
    counts = np.bincount(np.concatenate([train.labels, test.labels]))
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_their_source_and_licence_are_beside_them() -> None:
    text = resources.files("qengine.data").joinpath("digits.txt").read_text(encoding="utf-8")
    assert "Alpaydin" in text
    assert "10.24432/C50P49" in text
    assert "CC BY 4.0" in text
