"""Two sides held against each other: what differs, how far, which node first, and whose fault it is."""

from __future__ import annotations

import json
import math
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compared import Faulty, image_network, one_off, with_changed_weight

import qengine as qe
from qengine.build import Builder
from qengine.cli import status_of
from qengine.compare.measure import errors_between
from qengine.compare.runners import is_runner, runner_of
from qengine.compare.session import compare
from qengine.compare.verdict import Verdict
from qengine.kernels.profile import Profile
from qengine.model import Model, Quantization, Tensor, TensorType
from qengine.ops.batch_matmul import BatchMatmul
from qengine.ops.svdf import Svdf
from qengine.options import ActivationFunctionType
from qengine.tflite import save

INT8 = image_network()
FLOAT = image_network("float32")
SAMPLES = np.random.default_rng(1).normal(0, 1, (3, 8, 8, 3)).astype(np.float32)
RELU = ActivationFunctionType.RELU
NAMES = ["conv", "depthwise", "sum", "pool", "mean", "flat", "dense", "answer"]


def test_a_model_equals_itself() -> None:
    result = compare(INT8, INT8, SAMPLES)
    assert result.first_difference is None
    assert result.verdict == "equal"
    assert result.samples == 3
    assert [node.name for node in result.nodes] == NAMES
    assert all(node.sqnr_db == math.inf and node.cosine == pytest.approx(1) for node in result.nodes)


def test_two_profiles_differ_by_explained_steps() -> None:
    result = compare(INT8, "qengine:reference", SAMPLES)
    first = result.first_difference
    assert first is not None
    assert (first.verdict, first.max_lsb) == (Verdict.EXPLAINED, 1)
    assert "Float32 rounding" in first.reason
    assert "DoubleRounding rounding" in first.reason
    assert {node.verdict for node in result.nodes} <= {"equal", "explained", "inherited"}
    assert result.verdict == "explained"
    assert not result.faults


@pytest.mark.parametrize("node", range(8))
@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("model", [INT8, FLOAT], ids=["int8", "float32"])
def test_a_fault_in_any_node_is_found(model: Model, profile: Profile, node: int) -> None:
    result = compare(model, Faulty(node, profile), SAMPLES)
    assert [fault.node for fault in result.faults] == [node]
    assert result.verdict == "fault"
    if profile is Profile.XNNPACK:  # other profiles differ before
        assert result.first_difference == result.faults[0]
        assert {n.verdict for n in result.nodes if n.node > node} <= {Verdict.EQUAL, Verdict.INHERITED}


@pytest.mark.parametrize("node", [0, 1, 6])
@pytest.mark.parametrize("model", [INT8, FLOAT], ids=["int8", "float32"])
def test_a_changed_weight_is_a_fault_of_its_node(model: Model, node: int) -> None:
    result = compare(model, with_changed_weight(model, node), SAMPLES)
    first = result.first_difference
    assert first is not None
    assert (first.node, first.verdict) == (node, Verdict.FAULT)
    assert "the nodes differ: input 1 (1 of" in first.reason
    assert [fault.node for fault in result.faults] == [node]


def test_a_changed_weight_is_found_among_explained_steps() -> None:
    result = compare((INT8, "qengine:optimized"), (with_changed_weight(INT8, 6), "qengine:reference"), SAMPLES)
    first = result.first_difference
    assert first is not None
    assert (first.name, first.verdict) == ("conv", Verdict.EXPLAINED)
    assert [fault.name for fault in result.faults] == ["dense"]


def test_a_changed_option_is_a_fault_of_its_node() -> None:
    graph = INT8.graphs[0]
    node = replace(graph.nodes[0], op=replace(graph.nodes[0].op, fused_activation_function=RELU))  # type: ignore[call-arg]
    changed = replace(INT8, graphs=(replace(graph, nodes=(node, *graph.nodes[1:])),))
    result = compare(INT8, changed, SAMPLES)
    assert [fault.node for fault in result.faults] == [0]
    assert "the nodes differ: options" in result.faults[0].reason


def test_quantizing_is_no_fault_and_its_error_is_measured() -> None:
    result = compare(FLOAT, INT8, SAMPLES)
    assert result.verdict == "quantized"
    assert [node.name for node in result.nodes] == NAMES
    for node in result.nodes:
        assert node.local is not None
        assert node.local.sqnr_db > 15
        assert node.local.noise <= 2 * node.accumulated.noise + 1e-9 or node.node == 0
    assert result.nodes[0].local is not None
    assert result.nodes[-1].max_lsb is not None


def test_another_scale_is_named() -> None:
    graph = INT8.graphs[0]
    (i,) = graph.nodes[2].outputs
    tensors = [replace(t, quantization=Quantization.of(0.07, 1)) if k == i else t for k, t in enumerate(graph.tensors)]
    changed = replace(INT8, graphs=(replace(graph, tensors=tuple(tensors)),))
    first = compare(INT8, changed, SAMPLES).first_difference
    assert first is not None
    assert (first.name, first.verdict) == ("sum", Verdict.QUANTIZED)
    assert first.reason.endswith("steps of 0.06 from -7.74 to 7.56 and steps of 0.07 from -9.03 to 8.82")


def test_weights_that_are_not_just_rounded_are_a_fault() -> None:
    result = compare(FLOAT, with_changed_weight(INT8, 6), SAMPLES)
    assert [fault.name for fault in result.faults] == ["dense"]
    assert "1 of the weights" in result.faults[0].reason


def test_the_error_of_a_node_by_itself_leaves_out_what_came_before() -> None:
    result = compare(INT8, Faulty(0, spoil=lambda y: np.minimum(y, 0)), SAMPLES)
    local = {node.name: node.local for node in result.nodes}
    assert all(node.differs for node in result.nodes[:5])
    assert [name for name, errors in local.items() if errors is None or errors.differing] == ["conv"]


def test_sqnr_cosine_and_steps_by_hand() -> None:
    grid = Tensor("y", (4,), TensorType.INT8, quantization=Quantization.of(0.5, 3))
    a, b = np.int8([3, 5, 7, -1]), np.int8([3, 4, 7, 1])  # real 0 1 2 -2 and 0 0.5 2 -1
    errors = errors_between((grid, a), (grid, b))
    assert errors is not None
    assert (errors.elements, errors.differing, errors.max_error, errors.max_lsb) == (4, 2, 1.0, 2)
    assert errors.sqnr_db == pytest.approx(10 * math.log10(9 / 1.25))
    assert errors.cosine == pytest.approx((0.5 + 4 + 2) / math.sqrt(9 * 5.25))


def test_infinities_that_meet_are_equal_and_others_are_endless_noise() -> None:
    plain = Tensor("y", (3,), TensorType.FLOAT32)
    wanted = np.float32([np.inf, np.nan, 1])
    same = errors_between((plain, wanted), (plain, wanted.copy()))
    off = errors_between((plain, wanted), (plain, np.float32([0, np.nan, 1])))
    assert same is not None
    assert off is not None
    assert (same.differing, same.noise, same.max_lsb) == (0, 0, None)
    assert (off.differing, off.sqnr_db) == (1, -math.inf)


def test_tensors_left_in_a_file_are_a_side(tmp_path: Path) -> None:
    feed = {"x": np.random.default_rng(4).integers(-128, 128, (1, 8, 8, 3)).astype(np.int8)}
    held = Faulty(4, Profile.REFERENCE).record(INT8, qe.compare.recording.Feed(0, {0: feed["x"]}))
    names = {i: str(INT8.graphs[0].tensors[i].name) for i in held}
    np.savez(tmp_path / "device.npz", **{names[i]: array for i, array in held.items()})
    result = compare(INT8, str(tmp_path / "device.npz"))
    assert [fault.name for fault in result.faults] == ["mean"]
    sound = Faulty(99, Profile.REFERENCE).record(INT8, qe.compare.recording.Feed(0, {0: feed["x"]}))
    np.savez(tmp_path / "sound.npz", **{names[i]: array for i, array in sound.items()})
    assert compare(INT8, str(tmp_path / "sound.npz")).verdict == "explained"


def test_quantized_samples_and_real_ones_mean_the_same() -> None:
    q = np.random.default_rng(5).integers(-128, 128, (1, 8, 8, 3)).astype(np.int8)
    real = qe.affine.dequantize(q, 0.02, 4)
    assert compare(FLOAT, INT8, [real]).to_dict() == compare(FLOAT, INT8, real).to_dict()
    one, two = (compare(INT8, "qengine:optimized", [sample]).to_dict() for sample in (q, real))
    assert one == two


def test_runners_go_by_their_names() -> None:
    for name in (
        "qengine:xnnpack",
        "qengine:reference",
        "qengine:optimized",
        "litert:auto",
        "litert:reference",
        "tflm",
    ):
        assert is_runner(name)
        assert runner_of(name).name == name
    assert runner_of("qengine").name == "qengine:xnnpack"
    assert not is_runner("model.tflite")
    with pytest.raises(ValueError, match="expected a runner among qengine:xnnpack"):
        runner_of("litert:fast")
    with pytest.raises(ValueError, match="expected a model on one side at least"):
        compare("qengine:xnnpack", "litert:auto", SAMPLES)


def test_samples_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="expected shape"):
        compare(INT8, INT8, [np.zeros((2, 2), np.float32)])
    with pytest.raises(ValueError, match="at least one sample"):
        compare(INT8, INT8, [])


def test_variables_start_anew_for_every_sample() -> None:
    b = Builder()
    x = b.input("x", (1, 4))
    rng = np.random.default_rng(0)
    features, times = rng.normal(size=(6, 4)).astype(np.float32), rng.normal(size=(6, 3)).astype(np.float32)
    state = b.variable("state", (1, 18))
    model = b.model([b.add(Svdf(rank=1), [x, features, times, None, state], name="y")])
    result = compare(model, Faulty(99), rng.normal(size=(3, 4)).astype(np.float32))
    assert result.verdict in ("equal", "explained")


def test_the_function_is_public_though_it_shares_its_package_s_name() -> None:
    import qengine.compare.session  # the import puts the package in the name's place

    assert qe.compare(INT8, INT8, SAMPLES).equal
    assert qengine.compare.session.compare is compare


def test_the_runtime_s_kernel_sets_are_explained(litert: types.ModuleType) -> None:
    for a, b in (
        ("litert:auto", "litert:reference"),
        ("litert:optimized", "qengine:optimized"),
        ("litert:auto", "qengine"),
    ):
        result = compare((INT8, a), (INT8, b), SAMPLES)
        assert not result.faults
        assert result.equal == (b.startswith("qengine"))


def test_a_fault_is_found_against_the_runtime(litert: types.ModuleType) -> None:
    result = compare((INT8, "litert:auto"), Faulty(3), SAMPLES)
    assert [fault.name for fault in result.faults] == ["pool"]
    assert result.first_difference == result.faults[0]


def test_float_sums_that_cancel_are_no_fault(litert: types.ModuleType) -> None:
    b = Builder()
    x = b.input("x", (4, 512))
    y = b.add(BatchMatmul(), [x, b.constant(np.tile([[1.0], [-1.0]], (256, 3)).astype(np.float32))])
    samples = (np.full((1, 4, 512), 1e4) + np.random.default_rng(2).normal(size=(1, 4, 512))).astype(np.float32)
    assert compare((b.model([y]), "litert:auto"), "qengine:xnnpack", list(samples)).verdict in ("equal", "explained")


def test_the_command_says_which_node_differs_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound, faulty, data = (str(tmp_path / name) for name in ("sound.tflite", "faulty.tflite", "data.npz"))
    save(INT8, sound)
    save(with_changed_weight(INT8, 6), faulty)
    np.savez(data, x=SAMPLES)
    assert status_of(["compare", sound, sound, "--data", data]) == 0
    assert "nothing differs" in capsys.readouterr().out
    assert status_of(["compare", sound, "qengine:reference", "--data", data]) == 0
    assert "explained" in capsys.readouterr().out
    assert status_of(["compare", sound, "qengine:reference", "--data", data, "--exact"]) == 1
    capsys.readouterr()
    assert status_of(["compare", sound, faulty, "--data", data]) == 1
    assert "first difference: node 6 FULLY_CONNECTED 'dense'" in capsys.readouterr().out
    assert status_of(["compare", sound, faulty, "--data", data, "--json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert (facts["verdict"], facts["first_difference"]["name"]) == ("fault", "dense")


def test_the_command_leaves_tensors_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, data, left = str(tmp_path / "model.tflite"), str(tmp_path / "data.npy"), str(tmp_path / "left.npz")
    save(INT8, model)
    np.save(data, SAMPLES)
    assert status_of(["compare", model, "qengine:reference", "--data", data, "--save", left]) == 0
    assert status_of(["compare", f"{model}@qengine:reference", left, "--exact"]) == 0
    assert "nothing differs" in capsys.readouterr().out


def test_the_command_refuses_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(INT8, tmp_path / "model.tflite")
    assert status_of(["compare", str(tmp_path / "model.tflite"), "litert:fast"]) == 2
    assert "expected a runner among" in capsys.readouterr().err


def test_one_element_off_is_one_element_off() -> None:
    assert (one_off(np.zeros(5, np.int8)) != 0).sum() == 1
