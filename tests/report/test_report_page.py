"""What a report says of a model: the numbers, not how they look."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import qengine as qe
from qengine.build import Builder
from qengine.cli import status_of
from qengine.model import Model
from qengine.ops.add import Add
from qengine.ops.conv_2d import Conv2D
from qengine.ops.fully_connected import FullyConnected
from qengine.ops.relu import Relu
from qengine.ops.reshape import Reshape
from qengine.ops.split import Split
from qengine.options import ActivationFunctionType, Padding
from qengine.report import report_on
from qengine.report.layout import layout
from qengine.report.model_explorer import save_node_data
from qengine.report.tally import Tally
from qengine.tflite import save, to_bytes

SAMPLES = np.random.default_rng(3).normal(0, 1, (6, 8, 8, 3)).astype(np.float32)


def network() -> Model:
    """Float: a convolution, a way around it, a matrix."""
    rng = np.random.default_rng(0)
    b = Builder("net")
    x = b.input("image", (1, 8, 8, 3))
    filters = rng.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32)
    y = b.add(Conv2D(Padding.SAME, 1, 1), [x, filters, np.zeros(8, np.float32)], name="conv")
    y = b.add(Add(ActivationFunctionType.RELU), [y, b.add(Relu(), [y], name="bent")], name="sum")
    y = b.add(Reshape(), [y, [1, -1]], name="flat")
    matrix = rng.normal(0, 0.1, (10, 512)).astype(np.float32)
    return b.model([b.add(FullyConnected(), [y, matrix, None], name="scores")])


FLOAT = network()


@pytest.fixture(scope="module")
def int8() -> Model:
    return qe.quantize(FLOAT, recipe="static_wi8_ai8", representative_dataset=SAMPLES).model


def test_a_layer_has_its_operator_its_place_and_its_bytes(int8: Model) -> None:
    report = report_on(int8, FLOAT, SAMPLES)
    operators = [layer.operator for layer in report.layers]
    assert operators == [node.op.name for node in int8.graphs[0].nodes]
    by_name = {layer.name: layer for layer in report.layers}
    conv = by_name["conv"]
    assert conv.size == 8 * 27 + 4 * 8
    assert conv.macs == 8 * 8 * 8 * 27
    assert by_name["sum"].before == (conv.node, by_name["bent"].node)
    assert report.size == len(to_bytes(int8))
    assert report.rest == report.size - sum(layer.size for layer in report.layers)
    assert report.against == ("net", len(to_bytes(FLOAT)))
    assert (report.samples, report.drawn) == (6, False)


def test_quality_is_that_of_compare(int8: Model) -> None:
    report = report_on(int8, FLOAT, SAMPLES)
    result = qe.compare(FLOAT, int8, SAMPLES)
    wanted = {node.name: node for node in result.nodes}
    for layer in report.layers:
        if layer.sqnr_db is not None:
            assert layer.sqnr_db == pytest.approx(wanted[layer.name].sqnr_db)
    assert {layer.name for layer in report.layers if layer.sqnr_db is not None} >= {"conv", "sum", "flat"}
    assert all(25 < layer.sqnr_db < 70 for layer in report.layers if layer.name in ("conv", "sum"))


def test_a_histogram_holds_every_value_in_its_place(int8: Model) -> None:
    report = report_on(int8, FLOAT, SAMPLES)
    conv = next(layer for layer in report.layers if layer.name == "conv").outputs[0]
    assert conv.grid is not None
    assert conv.values is not None
    assert conv.wanted is not None
    assert conv.values.total == 6 * 8 * 8 * 8
    assert conv.wanted.total == pytest.approx(conv.values.total, abs=64)  # each of 128 bars is rounded
    width = (conv.values.stop - conv.values.start) / len(conv.values.counts)
    assert width == pytest.approx(2 * conv.grid.scale)
    assert conv.values.start == pytest.approx(conv.grid.low - conv.grid.scale / 2)
    occupied = np.flatnonzero(conv.values.counts)
    assert conv.values.start + occupied[0] * width <= conv.values.low
    assert conv.values.low <= conv.values.start + (occupied[0] + 1) * width
    assert 2 <= (conv.used or 0) <= 256


def test_what_lies_beyond_the_grid_is_counted() -> None:
    b = Builder("clip")
    narrow = b.model(
        [b.add(Relu(), [b.input("x", (1, 100), np.int8, scale=0.1)], scale=0.01, zero_point=-128, name="y")]
    )
    b = Builder("clip")
    wide = b.model([b.add(Relu(), [b.input("x", (1, 100))], name="y")])
    ramp = np.linspace(0, 10, 100, dtype=np.float32)[None]
    (layer,) = report_on(narrow, wide, [ramp]).layers
    beyond = float((ramp > 2.55 + 0.01).mean())
    assert layer.clipped == pytest.approx(beyond, abs=0.01)
    assert layer.outputs[0].saturated == pytest.approx(beyond, abs=0.03)
    assert "clips 74 % of its values" in report_on(narrow, wide, [ramp]).to_html()


def test_zeros_and_a_single_value_have_a_place() -> None:
    tally = Tally(None)
    tally.add(np.zeros(5), np.zeros(5))
    values = tally.facts()["values"]
    assert values.counts == (5,)
    assert values.start < 0 < values.stop
    assert Tally(None).facts() == {}


def test_numbers_that_are_not_finite_are_left_out() -> None:
    tally = Tally(None)
    tally.add(np.array([1.0, np.nan, np.inf, -2.0]), np.zeros(4))
    values = tally.facts()["values"]
    assert (values.total, values.low, values.high) == (2, -2.0, 1.0)


def test_without_a_float_model_and_samples_it_says_so(int8: Model) -> None:
    report = report_on(int8)
    assert report.drawn
    assert all(layer.sqnr_db is None for layer in report.layers)
    assert "random numbers" in report.to_html()
    assert "no float model" in report.to_html()


def test_it_is_the_same_every_time(int8: Model) -> None:
    assert report_on(int8, FLOAT).to_html() == report_on(int8, FLOAT).to_html()


def test_json_holds_no_number_that_json_has_not(int8: Model) -> None:
    report = report_on(int8, FLOAT, SAMPLES)
    again = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert len(again["layers"]) == len(report.layers)


class Reader(HTMLParser):
    """Opens and closes every tag, and collects what a browser would fetch."""

    VOID = ("meta", "link", "br", "img", "input", "hr")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        self.fetched += [str(found[key]) for key in ("src", "data", "srcset") if key in found]
        href = str(found.get("href", ""))
        if href.startswith("#"):
            self.targets.append(href[1:])
        elif href:
            self.fetched.append(href)
        if "id" in found:
            self.ids.append(str(found["id"]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing(int8: Model) -> None:
    page = report_on(int8, FLOAT, SAMPLES).to_html()
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert reader.fetched == ["data:,"]
    assert "url(" not in page
    assert "@import" not in page
    assert "http" not in page
    assert len(reader.ids) == len(set(reader.ids))
    assert set(reader.targets) <= set(reader.ids)
    assert {f"layer-{i}" for i in range(len(int8.graphs[0].nodes))} <= set(reader.targets)


def test_names_are_text_not_markup() -> None:
    b = Builder("<script>alert(1)</script>")
    x = b.input("<b>x</b>", (1, 4), np.int8, scale=0.1)
    model = b.model([b.add(Relu(), [x], scale=0.1, name='"><img src=x onerror=alert(1)>')])
    page = report_on(model).to_html()
    assert "<img" not in page
    assert "<script>alert" not in page
    assert "<b>x" not in page


def test_a_node_with_several_outputs_and_none_to_measure() -> None:
    b = Builder("split")
    x = b.input("x", (2, 6), np.int8, scale=0.1)
    parts = b.add(Split(2), [1, x], outputs=2)
    model = b.model(parts)
    (layer,) = report_on(model).layers
    assert len(layer.outputs) == 2
    assert report_on(model).to_html().count("<figure") == 2


def test_rows_follow_the_longest_way_and_lines_go_around_nodes() -> None:
    found = layout(5, [(0, 1), (1, 2), (2, 3), (0, 3), (3, 4)])
    assert [place.row for place in found.places] == [0, 1, 2, 3, 4]
    around = next(way for start, end, way in found.edges if (start, end) == (0, 3))
    assert [place.row for place in around] == [1, 2]
    for place in around:
        beside = next(other for other in found.places if other.row == place.row)
        assert abs(place.column - beside.column) >= 1
    assert found.rows == 5
    assert min(place.column for place in (*found.places, *around)) == 0


def test_an_empty_graph_has_a_layout() -> None:
    assert layout(0, []).rows == 0


def test_the_command_writes_the_page_and_the_node_data(
    int8: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(int8, tmp_path / "int8.tflite")
    save(FLOAT, tmp_path / "float.tflite")
    np.savez(tmp_path / "samples.npz", image=SAMPLES)
    arguments = ["report", str(tmp_path / "int8.tflite"), "--against", str(tmp_path / "float.tflite")]
    arguments += ["--data", str(tmp_path / "samples.npz"), "-o", str(tmp_path / "page.html")]
    assert status_of([*arguments, "--model-explorer", str(tmp_path / "out.json")]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "int8.tflite" in page
    assert "page.html" in capsys.readouterr().out
    written = sorted(path.name for path in tmp_path.glob("out.*.json"))
    assert {"out.sqnr_db.json", "out.scale.json", "out.size_bytes.json"} <= set(written)
    assert status_of([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 6


def test_a_model_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.tflite").write_bytes(b"nothing")
    assert status_of(["report", str(tmp_path / "x.tflite")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_node_data_is_by_tensor_name_one_file_a_metric(int8: Model, tmp_path: Path) -> None:
    report = report_on(int8, FLOAT, SAMPLES)
    written = save_node_data(report, tmp_path / "data")
    assert {path.stem for path in written} >= {"sqnr_db", "local_sqnr_db", "clipped", "scale", "size_bytes", "macs"}
    names = {tensor.name for tensor in int8.graphs[0].tensors}
    for path in written:
        content = json.loads(path.read_text(encoding="utf-8"))
        assert set(content) == {"name", "results", "gradient"}
        assert content["results"]
        assert set(content["results"]) <= names
        assert all(set(result) == {"value"} for result in content["results"].values())
        assert all(math.isfinite(result["value"]) for result in content["results"].values())
        assert [item["stop"] for item in content["gradient"]] == [0, 0.5, 1]
    sizes = json.loads((tmp_path / "data" / "size_bytes.json").read_text(encoding="utf-8"))["results"]
    assert sizes["conv"]["value"] == 8 * 27 + 4 * 8


def test_model_explorer_reads_node_data_unchanged(int8: Model, tmp_path: Path) -> None:
    """With that tool's own classes, and its own names of the nodes' outputs."""
    builder = pytest.importorskip("model_explorer.node_data_builder", reason="ai-edge-model-explorer isn't installed")
    adapter = pytest.importorskip("ai_edge_model_explorer_adapter")
    save(int8, tmp_path / "int8.tflite")
    shown = json.loads(
        adapter.ConvertFlatbufferDirectlyToJson(adapter.VisualizeConfig(), str(tmp_path / "int8.tflite"))
    )
    nodes = shown[0]["subgraphs"][0]["nodes"]
    attributes = [a for node in nodes for part in node["outputsMetadata"] for a in part["attrs"]]
    known = {attribute["value"] for attribute in attributes if attribute["key"] == "tensor_name"}
    for path in save_node_data(report_on(int8, FLOAT, SAMPLES), tmp_path / "data"):
        content = json.loads(path.read_text(encoding="utf-8"))
        results = {name: builder.NodeDataResult(**result) for name, result in content["results"].items()}
        gradient = [builder.GradientItem(**item) for item in content["gradient"]]
        read = builder.GraphNodeData(results=results, name=content["name"], gradient=gradient)
        assert set(read.results) <= known
        again = json.loads(read.to_json_string())
        assert {key: again[key] for key in content} == content
