"""Handwritten digits, 8 x 8 pixels, to try a classifier on (E. Alpaydin, C. Kaynak, 1998; data/digits.txt)."""

from __future__ import annotations

from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Digits(NamedTuple):
    """images: float32 (n, 8, 8, 1), whole numbers from 0 to 16; labels: uint8 (n,), from 0 to 9."""

    images: NDArray[np.float32]
    labels: NDArray[np.uint8]


def load_digits() -> tuple[Digits, Digits]:
    """1198 digits to learn from, and 599 to test on: every third one, the first included."""
    with resources.files(f"{__package__}.data").joinpath("digits.npz").open("rb") as file, np.load(file) as stored:
        images, labels = stored["images"].astype(np.float32)[..., np.newaxis], stored["labels"]
    test = np.arange(len(labels)) % 3 == 0
    return Digits(images[~test], labels[~test]), Digits(images[test], labels[test])
