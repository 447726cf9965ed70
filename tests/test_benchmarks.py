"""What the benchmarks measure is what they say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import qengine as qe
from qengine.kernels.emit import target
from qengine.kernels.emit.plan import Compiled

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def benchmarks_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not FOLDER.is_dir():
        pytest.skip("there is no folder of benchmarks")
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if (FOLDER / f"{name}.py").exists():
            del sys.modules[name]


@pytest.mark.parametrize("variant", target.TARGETS.values(), ids=lambda variant: variant.name)
def test_every_kernel_measured_is_a_kernel_and_its_network_the_same_shape(variant: target.Target) -> None:
    import bench_kernels

    cases = list(bench_kernels.cases(variant))
    assert len({case.name for case in cases}) == len(cases) > 20
    for case in cases:
        assert isinstance(case.compiled, Compiled), case.name
        graph = case.network.graphs[0]
        sizes = tuple(np.prod(graph.tensors[ends[0]].shape) for ends in (graph.inputs, graph.outputs))
        assert sizes == (case.input_bytes, case.output_bytes), case.name


def test_a_pair_is_ours_over_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    import one_layer
    import peers

    content = qe.to_bytes(one_layer.dense(16, 8))
    peer = qe.Interpreter(model_content=content)
    peer.allocate_tensors()
    monkeypatch.setattr(peers, "runtimes", lambda content, threads: {"XNNPACK": peer})
    monkeypatch.setattr(peers, "onnx_call", lambda model, threads: None)
    laps = {"ours": [1.0, 2.0, 4.0], "theirs": [2.0, 2.0, 2.0]}
    monkeypatch.setattr(peers, "alternate", lambda calls, seconds: laps)
    (pair,) = peers.pairs(content, 1, 0.01)
    assert (pair.profile, pair.peer, pair.ratio, pair.equal) == ("xnnpack", "XNNPACK", 1.0, True)
    assert (pair.ours, pair.theirs, pair.spread) == (2e6, 2e6, 1.5)


def test_outputs_are_compared_exactly_or_as_floats() -> None:
    import peers

    bytes_, floats = np.array([1, 2], np.int8), np.array([1.0, 1e4], np.float32)
    assert peers.same([bytes_, floats], [bytes_, floats + np.float32(0.5)])
    assert not peers.same([bytes_], [bytes_ + np.int8(1)])
    assert not peers.same([floats], [floats + np.float32(2)])


def test_the_twin_in_onnx_computes_nearly_the_same() -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    import one_layer
    import peers

    from qengine.latency import whole_call

    for model in (one_layer.convolution(9, 3, 8, 3, 2), one_layer.depthwise(8, 16, 3, 1), one_layer.dense(16, 8)):
        theirs, ours = peers.onnx_call(model, 1), qe.Interpreter(model=model)
        ours.allocate_tensors()
        assert theirs is not None
        (found,), (wanted,) = theirs(), whole_call(ours)()
        assert np.abs(found.reshape(wanted.shape).astype(int) - 128 - wanted).max() <= 1
