"""The report: what quantizing cost."""

from __future__ import annotations

import json

import numpy as np
import pytest
from networks import classifier, conv, images, op

from qengine.build import Builder
from qengine.ptq.quantize import quantize
from qengine.ptq.report import sqnr
from qengine.tflite import to_bytes


def test_sizes_and_counts() -> None:
    source = classifier()
    made = quantize(source, "static_wi8_ai8", images(12), measure=3)
    report = made.report
    assert report.size_before == len(to_bytes(source))
    assert report.size_after == len(to_bytes(made.model))
    assert (report.samples, report.measured, report.inserted, report.recipe) == (12, 3, 2, "static_wi8_ai8")


def test_each_layer_has_its_grid_its_range_and_its_error() -> None:
    report = quantize(classifier(), "static_wi8_ai8", images(12)).report
    assert [layer.operator for layer in report.layers] == [
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "CONV_2D",
        "ADD",
        "MEAN",
        "FULLY_CONNECTED",
        "SOFTMAX",
    ]
    for layer in report.layers:
        assert layer.treatment == "integer"
        assert layer.type == "INT8"
        assert layer.scale is not None
        assert layer.sqnr is not None
        assert 15 < layer.sqnr < 70
        assert layer.clipped == 0 or layer.operator == "SOFTMAX"
    weights = [layer.weight_sqnr for layer in report.layers]
    assert [w is not None for w in weights] == [True, True, True, False, False, True, False]
    assert all(35 < w < 50 for w in weights if w is not None)


def test_what_an_observer_cuts_is_counted() -> None:
    from qengine.ptq.observers import Observer

    report = quantize(classifier(), "static_wi8_ai8", images(12), observer=Observer("percentile", 90)).report
    clipped = [layer.clipped for layer in report.layers if layer.operator == "CONV_2D"]
    assert all(share is not None and 0.01 < share < 0.12 for share in clipped)


def test_more_bits_have_less_error() -> None:
    worst = {
        name: min(layer.sqnr for layer in quantize(classifier(), name, images(12)).report.layers if layer.sqnr)
        for name in ("static_wi4_ai8", "static_wi8_ai8", "static_wi8_ai16")
    }
    assert worst["static_wi4_ai8"] < worst["static_wi8_ai8"] < worst["static_wi8_ai16"]


def test_float_schemes_are_measured_where_samples_are_given() -> None:
    report = quantize(classifier(), "float16", images(4)).report
    assert report.measured == 4
    assert report.sqnr["scores"] > 50
    assert quantize(classifier(), "float16").report.sqnr == {}


def test_what_stayed_float_is_listed_with_its_reason() -> None:
    b = Builder()
    y = b.add(op("COS"), [conv(b, b.input("image", (1, 8, 8, 3)), 2, np.random.default_rng(0))])
    report = quantize(b.model([y]), "static_wi8_ai8", images(4), unquantizable="float").report
    assert [(layer.operator, layer.treatment) for layer in report.layers] == [("CONV_2D", "integer"), ("COS", "float")]
    assert report.in_float[0].why.startswith("no integer kernel:")
    assert "left in float: 1 of 2 nodes" in str(report)


def test_it_can_be_printed_and_stored() -> None:
    report = quantize(classifier(), "static_wi8_ai8", images(3)).report
    text = str(report)
    assert text.startswith("static_wi8_ai8: ")
    assert "output scores: SQNR" in text
    content = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert content["layers"][0]["operator"] == "CONV_2D"
    assert content["sqnr"]["scores"] == pytest.approx(report.sqnr["scores"])


def test_generators_are_read_once() -> None:
    samples = iter(images(6))
    assert quantize(classifier(), "static_wi8_ai8", samples, measure=2).report.measured == 2


def test_sqnr_is_in_decibel() -> None:
    assert sqnr(100, 1) == pytest.approx(20)
    assert sqnr(1, 0) == np.inf
    assert sqnr(0, 1) == -np.inf
