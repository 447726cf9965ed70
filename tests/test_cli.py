"""The command line: what it prints, what it writes, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qengine import __version__
from qengine.build import Builder
from qengine.cli import COMMANDS, status_of
from qengine.interpreter import Interpreter
from qengine.op import CustomOp
from qengine.ops.fully_connected import FullyConnected
from qengine.tflite import save

Captured = pytest.CaptureFixture[str]
RNG = np.random.default_rng(5)
WEIGHTS = RNG.integers(-127, 128, (3, 4)).astype(np.int8)


@pytest.fixture
def dense(tmp_path: Path) -> Path:
    """int8 (?, 4) `x` and (?, 4) `other` to int8 (?, 3) `y` and `z`."""
    b = Builder(description="two dense layers")
    ends = []
    for name, result in (("x", "y"), ("other", "z")):
        x = b.input(name, (1, 4), np.int8, scale=0.5, zero_point=1, shape_signature=(-1, 4))
        w = b.constant(WEIGHTS, scale=[0.01, 0.02, 0.03], name=f"weights of {name}")
        ends.append((x, b.add(FullyConnected(), [x, w, [10, 20, 30]], scale=1.0, zero_point=-5, name=result)))
    (x, y), (other, z) = ends
    b.signature("both", {"first": x, "second": other}, {"one": y, "two": z})
    save(b.model([y, z]), tmp_path / "dense.tflite")
    return tmp_path / "dense.tflite"


@pytest.fixture
def unknown(tmp_path: Path) -> Path:
    b = Builder()
    save(b.model([b.add(CustomOp("Mystery"), [b.input("x", (1,))], shape=(1,))]), tmp_path / "unknown.tflite")
    return tmp_path / "unknown.tflite"


def expected(path: Path, *arrays: Any) -> list[Any]:
    interpreter = Interpreter(model_path=path)
    for index, array in zip((d["index"] for d in interpreter.get_input_details()), arrays, strict=True):
        interpreter.resize_tensor_input(index, array.shape)
    interpreter.allocate_tensors()
    for index, array in zip((d["index"] for d in interpreter.get_input_details()), arrays, strict=True):
        interpreter.set_tensor(index, array)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def inputs(rows: int = 1) -> tuple[Any, Any]:
    first, second = (RNG.integers(-128, 128, (rows, 4)).astype(np.int8) for _ in range(2))
    return first, second


def check_outputs(out: Path, wanted: list[Any], names: tuple[str, str] = ("y", "z")) -> None:
    with np.load(out) as stored:
        assert sorted(stored.files) == sorted(names)
        for name, array in zip(names, wanted, strict=True):
            np.testing.assert_array_equal(stored[name], array)


def refused(arguments: list[str], capsys: Captured, *parts: str) -> None:
    """The status is 2, and one line says why."""
    assert status_of(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = [line for line in printed.err.splitlines() if line.strip()]
    assert len(lines) == 1
    assert lines[0].startswith("qengine: ")
    for part in parts:
        assert part in lines[0]


def test_nothing_asked_is_help(capsys: Captured) -> None:
    assert status_of([]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in COMMANDS)


def test_each_command_has_help(capsys: Captured) -> None:
    for name in COMMANDS:
        assert status_of([name, "--help"]) == 0
        assert f"qengine {name}" in capsys.readouterr().out


def test_the_version_is_the_package_s(capsys: Captured) -> None:
    assert status_of(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    "arguments", [["fly"], ["inspect"], ["inspect", "a", "b"], ["demo", "--wings"], ["run", "a", "--profile", "fast"]]
)
def test_misuse_is_one_line(arguments: list[str], capsys: Captured) -> None:
    refused(arguments, capsys)


@pytest.mark.parametrize("command", ["inspect", "run"])
def test_a_file_that_is_not_there_is_named(command: str, tmp_path: Path, capsys: Captured) -> None:
    refused([command, str(tmp_path / "none.tflite")], capsys, "none.tflite")


@pytest.mark.parametrize("command", ["inspect", "run"])
def test_a_file_that_is_no_model_is_refused(command: str, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "bad.tflite").write_bytes(b"not a model, but long enough to look at" * 3)
    refused([command, str(tmp_path / "bad.tflite")], capsys, "expected")


def test_inspect_shows_operators_and_quantization(dense: Path, capsys: Captured) -> None:
    assert status_of(["inspect", str(dense), "--nodes", "--tensors"]) == 0
    printed = capsys.readouterr().out
    for part in (
        "dense.tflite",
        "two dense layers",
        "signature both: first, second -> one, two",
        "FULLY_CONNECTED",
        "2 INT8, INT32 -> INT8",
        "0.5 * (q - 1)",
        "3 scales along axis 0, 0.01 to 0.03",
        "?x4",
        "every node can be prepared in the profile xnnpack",
    ):
        assert part in printed


def test_inspect_gives_the_same_as_json(dense: Path, capsys: Captured) -> None:
    assert status_of(["inspect", str(dense), "--json", "--profile", "reference"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["operators"] == {"FULLY_CONNECTED": 2}
    assert facts["size"] == dense.stat().st_size
    assert facts["profile"] == "reference"
    assert facts["unsupported"] == []
    assert facts["macs"] == 2 * 3 * 4
    (graph,) = facts["graphs"]
    roles = [tensor["role"] for tensor in graph["tensors"]]
    assert (roles.count("input"), roles.count("constant"), roles.count("output")) == (2, 4, 2)
    weights = next(tensor for tensor in graph["tensors"] if tensor["name"] == "weights of x")
    assert (weights["size"], weights["axis"], weights["zero_points"]) == (12, 0, [0, 0, 0])
    assert all(node["kernel"] for node in graph["nodes"])


def test_what_is_unsupported_is_a_no(unknown: Path, capsys: Captured) -> None:
    assert status_of(["inspect", str(unknown)]) == 1
    assert "cannot run" in capsys.readouterr().out
    assert status_of(["inspect", str(unknown), "--json"]) == 1
    (entry,) = json.loads(capsys.readouterr().out)["unsupported"]
    assert entry["operator"] == "Mystery"
    assert entry["problem"].endswith("`$.subgraphs[0].operators[0]`")


def test_run_takes_arrays_in_order(dense: Path, tmp_path: Path, capsys: Captured) -> None:
    arrays = inputs()
    for name, array in zip("ab", arrays, strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    out = tmp_path / "out.npz"
    assert status_of(["run", str(dense), str(tmp_path / "a.npy"), str(tmp_path / "b.npy"), "-o", str(out)]) == 0
    check_outputs(out, expected(dense, *arrays))
    assert f"written to {out}" in capsys.readouterr().out


@pytest.mark.parametrize("names", [("x", "other"), ("first", "second"), ("arr_0", "arr_1")])
def test_run_takes_arrays_by_name(names: tuple[str, str], dense: Path, tmp_path: Path) -> None:
    arrays = inputs(rows=3)
    np.savez(tmp_path / "in.npz", **dict(zip(names, arrays, strict=True)))
    out = tmp_path / "out.npz"
    assert status_of(["run", str(dense), str(tmp_path / "in.npz"), "-o", str(out), "--profile", "reference"]) == 0
    check_outputs(out, expected(dense, *arrays))


def test_a_signature_has_names_of_its_own(dense: Path, tmp_path: Path) -> None:
    arrays = inputs()
    np.savez(tmp_path / "in.npz", first=arrays[0], second=arrays[1])
    out = tmp_path / "out.npz"
    assert status_of(["run", str(dense), str(tmp_path / "in.npz"), "-o", str(out), "--signature", "both"]) == 0
    check_outputs(out, expected(dense, *arrays), ("one", "two"))


def test_run_prints_json(dense: Path, tmp_path: Path, capsys: Captured) -> None:
    arrays = inputs()
    np.savez(tmp_path / "in.npz", *arrays)
    assert status_of(["run", str(dense), str(tmp_path / "in.npz"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    y, _ = expected(dense, *arrays)
    assert facts["outputs"]["y"] == {"type": "int8", "shape": [1, 3], "min": int(y.min()), "max": int(y.max())}


def test_arrays_that_do_not_fit_are_refused(dense: Path, tmp_path: Path, capsys: Captured) -> None:
    first, second = inputs()
    source = str(tmp_path / "in.npz")
    np.savez(source, x=first)
    refused(["run", str(dense), source], capsys, "expected an array named 'other', got ['x']")
    np.savez(source, x=first, other=second, third=second)
    refused(["run", str(dense), source], capsys, "got also ['third']")
    np.savez(source, x=first, other=second.astype(np.float32))
    refused(["run", str(dense), source], capsys, "FLOAT32", "INT8")
    np.savez(source, x=first, other=second[:, :3])
    refused(["run", str(dense), source], capsys, "dimension 1", "value 4 to 3")
    np.save(tmp_path / "one.npy", first)
    one = str(tmp_path / "one.npy")
    refused(["run", str(dense), one], capsys, "expected 2 inputs ['x', 'other'], got 1")
    refused(["run", str(dense), one, source], capsys, "expected .npy files or one .npz")
    (tmp_path / "text.npy").write_text("no array")
    refused(["run", str(dense), str(tmp_path / "text.npy")], capsys, "expected arrays as .npy or .npz")
    np.savez(source, first=first, second=second)
    refused(["run", str(dense), source, "--signature", "third"], capsys, "expected a signature of ['both']")


def test_an_operator_without_a_kernel_is_refused(unknown: Path, tmp_path: Path, capsys: Captured) -> None:
    np.save(tmp_path / "x.npy", np.zeros(1, np.float32))
    refused(["run", str(unknown), str(tmp_path / "x.npy")], capsys, "Mystery", "operators[0]")


def test_bench_times_calls_and_nodes(dense: Path, capsys: Captured) -> None:
    assert status_of(["bench", str(dense), "--seconds", "0.05", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [node["operator"] for node in found["nodes"]] == ["FULLY_CONNECTED"] * 2
    assert found["microseconds"] > 0
    assert found["spread"]["least"] <= found["spread"]["p99"]
    assert all(peer["equal"] for peer in found["peers"] if peer["kernel_set"] == "XNNPACK")
    assert {"processor", "date", "threads"} <= found["about"].keys()


def test_bench_prints_what_it_measured(dense: Path, capsys: Captured) -> None:
    assert status_of(["bench", str(dense), "--seconds", "0.05"]) == 0
    printed = capsys.readouterr().out
    assert "qengine, profile xnnpack" in printed
    assert "single calls" in printed
    assert "FULLY_CONNECTED" in printed


def test_bench_refuses_a_model_that_cannot_run(unknown: Path, capsys: Captured) -> None:
    refused(["bench", str(unknown)], capsys, "Mystery")


def test_inspect_shows_the_plan(dense: Path, capsys: Captured) -> None:
    assert status_of(["inspect", str(dense), "--plan", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert [node["operator"] for node in plan["nodes"]] == ["FULLY_CONNECTED"] * 2
    assert all(node["bytes"] > 0 and node["macs"] == 12 for node in plan["nodes"])
    assert sum(len(call["nodes"]) for call in plan["calls"]) == 2
    assert status_of(["inspect", str(dense), "--plan"]) == 0
    assert "native calls of" in capsys.readouterr().out
