"""Warnings about samples: too few, outliers, another range than the model expects."""

from __future__ import annotations

import numpy as np
from networks import RELU6, conv, images, op

from qengine.build import Builder
from qengine.model import Model
from qengine.ptq.calibrate import calibrate
from qengine.ptq.dequantize import dequantize_model
from qengine.ptq.quantize import quantize

RNG = np.random.default_rng(7)


def network() -> Model:
    b = Builder()
    y = conv(b, b.input("image", (1, 8, 8, 3)), 8, RNG, fused=RELU6)
    return b.model([conv(b, y, 4, RNG)])


def test_ordinary_samples_are_not_complained_about() -> None:
    assert calibrate(network(), images(64)).warnings == []


def test_ranges_that_still_grow_come_with_their_curve() -> None:
    samples = images(8) * np.linspace(0.2, 3, 8, dtype=np.float32).reshape(8, 1, 1, 1)
    (text,) = [text for text in calibrate(network(), samples).warnings if "too few" in text]
    assert "in the second half of 8 samples" in text
    assert "'image'" in text or "'conv_2d" in text
    assert "4: [" in text
    assert "8: [" in text


def test_one_sample_that_rules_a_range_is_told() -> None:
    samples = images(64)
    samples[3] *= 8
    (text,) = [text for text in calibrate(network(), samples).warnings if "outliers" in text]
    assert "one sample; the others lie in [" in text
    assert "percentile" in text


def test_a_handful_of_values_that_rule_a_range_is_told() -> None:
    b = Builder()
    model = b.model([b.add(op("TANH"), [b.input("x", (1, 20000))])])
    samples = RNG.uniform(-1, 1, (4, 20000)).astype(np.float32)
    samples[:2, 5] = 9.0
    assert any("2 of 80000 values" in text for text in calibrate(model, samples).warnings)


def test_samples_in_other_units_saturate_clamps() -> None:
    texts = calibrate(network(), np.abs(images(16)) * 255).warnings
    assert any("upper clamp" in text and "0 to 255 instead of 0 to 1" in text for text in texts)


def test_samples_outside_the_range_that_the_model_was_made_for_are_told() -> None:
    model = dequantize_model(quantize(network(), "static_wi8_ai8", images(32), measure=0).model)
    assert not any("was made for" in text for text in calibrate(model, images(64)).warnings)
    texts = calibrate(model, images(64) * 20).warnings
    assert any("the model was made for values in [" in text for text in texts)
    assert any("the model was made for" in text for text in calibrate(model, images(64) / 100).warnings)
