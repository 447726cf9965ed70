"""What samples let us do better than the converter: the same real function, less lost in integers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import RELU, RELU6, classifier, conv, dense, images, op

import qengine as qe
from qengine.build import Builder, Operand
from qengine.model import Model
from qengine.options import Padding
from qengine.ptq.balance import LEAST, balanced, balances
from qengine.ptq.channels import Channels
from qengine.ptq.correct import mean_of_outputs
from qengine.ptq.place import place
from qengine.ptq.ranges import Ranges, Summary

Array = np.ndarray[Any, Any]


def run(model: Model, x: Array) -> Array:
    interpreter = qe.Interpreter(model=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return np.array(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def depthwise(b: Builder, x: Operand, rng: np.random.Generator, multiplier: int = 1, **options: Any) -> Operand:
    channels = x.shape[3] * multiplier
    weights = (rng.normal(size=(1, 3, 3, channels)) / 3).astype(np.float32)
    if x.shape[3] == len(SIZES):
        weights /= np.repeat(SIZES, multiplier)
    given = {"padding": Padding.SAME, "stride_w": 1, "stride_h": 1, "depth_multiplier": multiplier} | options
    bias = (rng.normal(size=channels) * 0.1).astype(np.float32)
    return b.add(op("DEPTHWISE_CONV_2D", **given), [x, weights, bias])


SIZES = np.float32(2.0) ** -(np.arange(16) % 6).astype(np.float32)


def uneven(b: Builder, x: Operand, rng: np.random.Generator, *, fused: Any = RELU) -> Operand:
    """A convolution whose filters differ in size by up to 2**5."""
    weights = (rng.normal(size=(16, 3, 3, 3)) / 5).astype(np.float32) * SIZES[:, None, None, None]
    options = {"padding": Padding.SAME, "stride_w": 1, "stride_h": 1, "fused_activation_function": fused}
    return b.add(op("CONV_2D", **options), [x, weights, np.zeros(16, np.float32)])


def separable(*, fused: Any = RELU, multiplier: int = 1, padded: bool = False, also_output: bool = False) -> Model:
    rng = np.random.default_rng(5)
    b = Builder("main")
    x = b.input("image", (1, 8, 8, 3))
    first = y = uneven(b, x, rng, fused=fused)
    if padded:
        y = b.add(op("PAD"), [y, np.array([[0, 0], [1, 1], [2, 0], [0, 0]], np.int32)])
    y = depthwise(b, y, rng, multiplier, padding=Padding.VALID if padded else Padding.SAME)
    return b.model([first, y] if also_output else [y])


def plans(model: Model, **changes: Any) -> Any:
    return place(model, qe.Recipe.named("static_wi8_ai8", **changes)).graphs[0]


# --- balanced channels


@pytest.mark.parametrize(("multiplier", "padded"), [(1, False), (2, False), (1, True)])
def test_balancing_leaves_the_real_function_as_it_is(multiplier: int, padded: bool) -> None:
    model = separable(multiplier=multiplier, padded=padded)
    [found] = balances(model.graphs[0], plans(model))
    assert found.s.max() == 1
    assert LEAST <= found.s.min() < 0.2
    graph = balanced(model.graphs[0], [found])
    x = images(1)
    want, got = run(model, x), run(replace(model, graphs=(graph,)), x)
    assert np.abs(want - got).max() < 1e-6 * np.abs(want).max()


def test_balanced_channels_lose_less() -> None:
    model, samples = separable(), images(30)
    plain, fine = (qe.quantize(model, "static_wi8_ai8", samples, refine=refine).report for refine in (False, True))
    [(name, before)] = plain.sqnr.items()
    assert fine.sqnr[name] > before + 3
    assert fine.layers[0].why == "channels balanced"
    assert fine.layers[0].name == f"{plain.layers[0].name}/balanced"  # not to be compared with the source's
    assert fine.layers[0].clipped is None  # the histogram is that of the other scale


def test_a_padded_activation_is_balanced_in_both_forms() -> None:
    made = qe.quantize(separable(padded=True), "static_wi8_ai8", images(30))
    conv, pad = made.report.layers[:2]
    assert (conv.scale, conv.zero_point) == (pad.scale, pad.zero_point)
    assert made.report.layers[0].why == "channels balanced"


def test_what_others_see_is_not_balanced() -> None:
    assert balances(separable(fused=RELU6).graphs[0], plans(separable(fused=RELU6))) == []
    seen = separable(also_output=True)
    assert balances(seen.graphs[0], plans(seen)) == []
    model = separable()
    assert balances(model.graphs[0], plans(model, granularity="tensorwise")) == []
    wide = place(model, qe.Recipe.named("static_wi8_ai16")).graphs[0]
    assert balances(model.graphs[0], wide) == []


def test_shared_weights_are_not_balanced() -> None:
    rng = np.random.default_rng(0)
    b = Builder("main")
    x = b.input("x", (1, 8, 8, 4))
    weights, bias = b.constant(rng.normal(size=(4, 1, 1, 4)).astype(np.float32)), np.zeros(4, np.float32)
    options = {"padding": Padding.SAME, "stride_w": 1, "stride_h": 1, "fused_activation_function": RELU}
    y = b.add(op("CONV_2D", **options), [x, weights, bias])
    y = b.add(op("CONV_2D", **options), [y, weights, bias])
    model = b.model([depthwise(b, y, rng)])
    assert balances(model.graphs[0], plans(model)) == []


# --- biases


def mean_by_running(name: str, options: dict[str, Any], weights: Array, shape: tuple[int, ...], mean: Array) -> Array:
    b = Builder("main")
    x = b.input("x", shape)
    channels = weights.shape[3] if name == "DEPTHWISE_CONV_2D" else weights.shape[0]
    y = b.add(op(name, **options), [x, weights, np.zeros(channels, np.float32)])
    image = np.broadcast_to(mean, shape).astype(np.float32)
    return run(b.model([y]), image).reshape(-1, channels).mean(axis=0)


@pytest.mark.parametrize("padding", [Padding.SAME, Padding.VALID])
@pytest.mark.parametrize(("stride", "dilation", "inner"), [(1, 1, 4), (2, 1, 4), (1, 2, 4), (1, 1, 2)])
def test_the_mean_of_a_convolution(padding: Padding, stride: int, dilation: int, inner: int) -> None:
    rng = np.random.default_rng(0)
    weights, mean = rng.normal(size=(6, 3, 2, inner)).astype(np.float32), rng.normal(size=4)
    options = {"padding": padding, "stride_h": stride, "stride_w": stride}
    options |= {"dilation_h_factor": dilation, "dilation_w_factor": dilation}
    shape = (1, 7, 8, 4)
    want = mean_by_running("CONV_2D", options, weights, shape, mean)
    got = mean_of_outputs(op("CONV_2D", **options), weights.astype(np.float64), mean, shape)
    assert got == pytest.approx(want, abs=1e-5)


def test_the_mean_of_a_depthwise_convolution() -> None:
    rng = np.random.default_rng(1)
    weights, mean = rng.normal(size=(1, 3, 3, 8)).astype(np.float32), rng.normal(size=4)
    options = {"padding": Padding.SAME, "stride_h": 2, "stride_w": 2, "depth_multiplier": 2}
    want = mean_by_running("DEPTHWISE_CONV_2D", options, weights, (1, 5, 6, 4), mean)
    got = mean_of_outputs(op("DEPTHWISE_CONV_2D", **options), weights.astype(np.float64), mean, (1, 5, 6, 4))
    assert got == pytest.approx(want, abs=1e-5)


def test_the_mean_of_a_dense_layer_whose_channels_repeat() -> None:
    weights = np.arange(12.0).reshape(2, 6)
    got = mean_of_outputs(op("FULLY_CONNECTED"), weights, np.array([1.0, 10.0, 100.0]), (1, 2, 3))
    assert got == pytest.approx(weights @ np.array([1, 10, 100, 1, 10, 100]))
    assert mean_of_outputs(op("FULLY_CONNECTED"), weights, np.ones(4), None) is None
    assert mean_of_outputs(op("TRANSPOSE_CONV"), np.ones((2, 2, 2, 2)), np.ones(2), None) is None


def test_a_corrected_bias_takes_the_mean_error_back() -> None:
    rng = np.random.default_rng(2)
    b = Builder("main")
    x = b.input("x", (1, 64))
    model = b.model([dense(b, x, 16, rng)])
    samples = rng.normal(2.0, 0.3, size=(50, 64)).astype(np.float32)

    def mean_error(refine: bool) -> float:
        made = qe.quantize(model, "static_wi4_ai8", samples, refine=refine).model
        errors = [run(made, x[None]) - run(model, x[None]) for x in samples]
        return float(np.abs(np.mean(errors, axis=0)).max())

    assert mean_error(True) < 0.1 * mean_error(False)


# --- averages and scores


def pooled(size: tuple[int, int] = (8, 8), *, output: bool = False) -> Model:
    rng = np.random.default_rng(3)
    b = Builder("main")
    x = b.input("image", (1, 8, 8, 3))
    y = conv(b, x, 16, rng)
    height, width = size
    y = b.add(op("AVERAGE_POOL_2D", filter_height=height, filter_width=width, stride_h=8, stride_w=8), [y], name="mean")
    if output:
        return b.model([y])
    y = b.add(op("RESHAPE"), [y, np.array([1, -1], np.int32)])
    y = dense(b, y, 10, rng)
    return b.model([b.add(op("SOFTMAX", beta=1.0), [y], name="scores")])


def names(model: Model) -> list[str]:
    return [node.op.name for node in model.graphs[0].nodes]


def test_a_global_average_has_a_range_of_its_own() -> None:
    samples = images(40)
    plain, fine = (qe.quantize(pooled(output=True), "static_wi8_ai8", samples, refine=r) for r in (False, True))
    assert "MEAN" in names(fine.model)
    assert "AVERAGE_POOL_2D" in names(plain.model)
    assert fine.report.sqnr["mean"] > plain.report.sqnr["mean"] + 3
    assert fine.report.layers[1].why == "as MEAN, with a range of its own"
    seen = fine.ranges["0/mean"].high
    high = fine.report.layers[1].high
    assert high is not None
    assert high > 1.3 * seen  # room for inputs of another kind


@pytest.mark.parametrize(
    "changes",
    [{"refine": False}, {"observer": "percentile"}, {"prepare": False}, {"keep_in_float": ["AVERAGE_POOL_2D"]}],
)
def test_other_recipes_leave_the_pool_a_pool(changes: dict[str, Any]) -> None:
    assert "AVERAGE_POOL_2D" in names(qe.quantize(pooled(), "static_wi8_ai8", images(10), **changes).model)


def test_other_pools_stay_pools() -> None:
    assert "AVERAGE_POOL_2D" in names(qe.quantize(pooled((4, 4), output=True), "static_wi8_ai8", images(10)).model)
    assert "AVERAGE_POOL_2D" in names(qe.quantize(pooled(), "static_wi8_ai16", images(10)).model)
    even = np.ones((4, 8, 8, 3), np.float32)  # what is averaged is all the same: nothing to gain inside the image
    b = Builder("main")
    x = b.input("image", (1, 8, 8, 3))
    model = b.model([b.add(op("AVERAGE_POOL_2D", filter_height=8, filter_width=8, stride_h=1, stride_w=1), [x])])
    assert "AVERAGE_POOL_2D" in names(qe.quantize(model, "static_wi8_ai8", even).model)


def test_scores_have_room_before_a_softmax() -> None:
    plain, fine = (qe.quantize(pooled(), "static_wi8_ai8", images(20), refine=r).report for r in (False, True))
    before, after = plain.layers[-2], fine.layers[-2]
    assert (before.operator, after.operator) == ("FULLY_CONNECTED", "FULLY_CONNECTED")
    assert after.scale == pytest.approx(2 * float(before.scale or 0), rel=1e-6)


def test_coarse_scores_have_none() -> None:
    """Scores near zero but for one: twice the range would leave the small ones no steps."""
    b = Builder("main")
    x = b.input("x", (1, 50))
    y = dense(b, x, 50, np.random.default_rng(0))
    model = b.model([b.add(op("SOFTMAX", beta=1.0), [y])])
    samples = np.random.default_rng(1).normal(size=(40, 50)).astype(np.float32) * 1e-3
    samples[7] *= 1000
    plain, fine = (qe.quantize(model, "static_wi8_ai8", samples, refine=r).report for r in (False, True))
    assert plain.layers[0].scale == fine.layers[0].scale


def test_ranges_known_without_samples_stay() -> None:
    """What the converter's ranges give is what the converter gives."""
    known = Ranges({key: Summary.of(s.low, s.high) for key, s in qe.calibrate(classifier(), images(20)).items()})
    made = [qe.quantize(classifier(), "static_wi8_ai8", ranges=known, refine=refine).model for refine in (False, True)]
    assert made[0] == made[1]


# --- channels


def test_channels_add_up() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(n, 3, 4)).astype(np.float32) for n in (2, 5)]
    together, found = Channels.of(np.concatenate(parts)), Channels.of(parts[0])
    assert together is not None
    assert found is not None
    merged = found.merged(Channels.of(parts[1]))
    assert merged is not None
    assert (merged.low == together.low).all()
    assert (merged.high == together.high).all()
    assert merged.mean == pytest.approx(together.mean, abs=1e-6)
    assert merged.merged(Channels.of(np.ones((2, 3), np.float32))) is None
    assert Channels.of(np.ones(3, np.float32)) is None


def test_saved_channels_come_back(tmp_path: Path) -> None:
    model, samples = separable(), images(6)
    ranges = qe.calibrate(model, samples)
    ranges.save(tmp_path / "ranges.npz")
    again = Ranges.load(tmp_path / "ranges.npz")
    want = qe.quantize(model, "static_wi8_ai8", samples).model
    assert qe.quantize(model, "static_wi8_ai8", ranges=again).model == want
    halves = qe.calibrate(model, samples[:2]).merged(qe.calibrate(model, samples[2:]))
    assert qe.quantize(model, "static_wi8_ai8", ranges=halves).model == want


def test_ranges_of_the_first_format_are_read(tmp_path: Path) -> None:
    import json

    qe.calibrate(separable(), images(3)).save(tmp_path / "new.npz")
    with np.load(tmp_path / "new.npz") as archive:
        content, counts = json.loads(str(archive["ranges"])), archive["counts"]
    content["format"] = 1
    content["rows"] = [{k: v for k, v in row.items() if k not in ("channels", "count")} for row in content["rows"]]
    np.savez(tmp_path / "old.npz", ranges=np.array(json.dumps(content)), counts=counts)
    old = Ranges.load(tmp_path / "old.npz")
    assert all(summary.channels is None for summary in old.values())
    assert qe.quantize(separable(), "static_wi8_ai8", ranges=old).report.layers[0].why == ""
