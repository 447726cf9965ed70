"""Integer kernels that take the integers for the numbers themselves are found out by their results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from networks import op

from qengine.build import Builder
from qengine.errors import Unsupported
from qengine.ptq.quantize import quantize

SAMPLES = np.random.default_rng(0).uniform(0.5, 2, (6, 2, 4, 4)).astype(np.float32)


def network(name: str, **options: Any) -> Any:
    b = Builder()
    x, y = b.input("x", (1, 4, 4)), b.input("y", (1, 4, 4))
    return b.model([b.add(op(name, **options), [x] if name in ("NEG", "ABS", "EXP") else [x, y])])


def samples(name: str) -> Any:
    return [[part[0], part[1]] for part in SAMPLES]


@pytest.mark.parametrize("name", ["FLOOR_DIV", "FLOOR_MOD", "STABLEHLO_ADD", "STABLEHLO_MULTIPLY", "STABLEHLO_MINIMUM"])
def test_kernels_that_ignore_scales_are_refused(name: str) -> None:
    with pytest.raises(Unsupported, match=rf"{name} .*takes the integers for the numbers themselves"):
        quantize(network(name), "static_wi8_ai8", samples(name), measure=0)


def test_negation_ignores_zero_points_and_so_is_right_without() -> None:
    b = Builder()
    model = b.model([b.add(op("NEG"), [b.input("x", (1, 16))])])
    data = SAMPLES.reshape(-1, 16)
    with pytest.raises(Unsupported, match="NEG"):
        quantize(model, "static_wi8_ai8", data, measure=0)
    assert quantize(model, "static_wi8_ai16", data).report.sqnr["neg"] > 60


@pytest.mark.parametrize("name", ["ADD", "SUB", "MUL", "DIV", "MAXIMUM", "SQUARED_DIFFERENCE"])
def test_kernels_that_rescale_are_taken(name: str) -> None:
    report = quantize(network(name), "static_wi8_ai8", samples(name)).report
    assert report.layers[0].treatment == "integer"
    assert next(iter(report.sqnr.values())) > 25
