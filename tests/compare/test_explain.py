"""One element as arithmetic, by hand: what enters, every rounding, where the profiles part; text, JSON and page."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compared import image_network

import qengine as qe
from qengine.build import Builder
from qengine.cli import status_of
from qengine.compare.explain.explanation import Explanation
from qengine.compare.explain.session import explain
from qengine.compare.explain.steps import Step, fraction_text
from qengine.kernels.profile import Profile
from qengine.model import Model
from qengine.ops.conv_2d import Conv2D
from qengine.ops.fully_connected import FullyConnected
from qengine.ops.pad import Pad
from qengine.ops.transpose import Transpose
from qengine.tflite import save

SCALE = (0.5, 0.25, 1.0)  # x, w, y: the real multiplier is 1/8


def dense(x_point: int = 3, y_point: int = -2) -> Model:
    """x (1, 2), w (1, 2) = [[3, -5]], bias [7]: y = -2 + round((3 * (x0 - 3) - 5 * (x1 - 3) + 7) / 8)."""
    b = Builder()
    x = b.input("x", (1, 2), np.int8, scale=SCALE[0], zero_point=x_point)
    w = b.constant(np.int8([[3, -5]]), scale=SCALE[1])
    return b.model([b.add(FullyConnected(), [x, w, np.int32([7])], name="y", scale=SCALE[2], zero_point=y_point)])


def explained(*q: int, **options: Any) -> Explanation:
    return explain(dense(), 0, (0, 0), np.int8([q]), **options)


def step(found: Explanation, profile: str, name: str) -> Step:
    (only,) = [step for step in found.accounts[profile].steps if step.name == name]
    return only


def test_the_arithmetic_of_a_dense_layer_by_hand() -> None:
    found = explained(10, 9)  # 3 * 7 - 5 * 6 = -9, plus 7 is -2, times 1/8 is -0.25
    for profile in ("xnnpack", "optimized", "reference"):
        account = found.accounts[profile]
        assert account.entering.total == -9
        assert [(term.q, term.value, term.weight) for term in account.entering.terms] == [(10, 7, 3), (9, 6, -5)]
        assert step(found, profile, "sum of products").value == -9
        assert step(found, profile, "plus bias").value == -2
        assert step(found, profile, "without rounding").value == "-0.25"
        assert found.result[profile] == -2
    assert found.result[Profile.XNNPACK] == found.result["xnnpack"]
    assert found.parting is None


def test_multiplier_and_shift_are_those_of_the_real_multiplier() -> None:
    (row,) = [row for row in explained(10, 8).prepared if row.name == "multiplier, shift"]
    assert {profile: step.value for profile, step in row.steps.items()} == {"optimized": (2**30, -2)}
    (real,) = [row for row in explained(10, 8).prepared if row.name == "real"]
    assert float(real.steps["xnnpack"].value) == 0.125


@pytest.mark.parametrize(
    ("q", "accumulator", "results"),
    [
        ((8, 4), 17, (0, 0, 0)),  # 2.125
        ((4, 1), 20, (0, 1, 1)),  # 2.5: even, up, away
        ((2, 8), -21, (-5, -4, -5)),  # -2.625; of 2**30 times it, -10.5 becomes -10, which makes a tie: -2.5
        ((3, 7), -13, (-4, -3, -4)),  # -1.625; -6.5 becomes -6, which makes a tie: -1.5
        ((0, 3), -2, (-2, -2, -2)),  # -0.25
        ((3, 6), -8, (-3, -3, -3)),  # -1
        ((2, 5), -6, (-3, -3, -3)),  # -0.75
        ((1, 4), -4, (-2, -2, -3)),  # -0.5: even is 0, up is 0, away is -1
    ],
)
def test_ties_go_their_ways(q: tuple[int, int], accumulator: int, results: tuple[int, int, int]) -> None:
    found = explained(*q)
    assert step(found, "reference", "plus bias").value == accumulator
    assert (found.result["xnnpack"], found.result["optimized"], found.result["reference"]) == results
    parts = found.parting
    assert (parts is None) == (len(set(results)) == 1)
    if parts is not None:
        assert parts.after.startswith("without rounding = ")
        assert any("a tie" in line for line in parts.lines)
        assert {"xnnpack", "optimized", "reference"} <= set(parts.steps)


def test_a_tie_says_that_it_is_one() -> None:
    found = explained(4, 1)
    half_up = step(found, "optimized", "shifted right")
    assert (half_up.exact, half_up.rule, half_up.is_tie, half_up.value) == (Fraction(5, 2), "ties up", True, 3)
    assert "= 2.5 -> 3   (a tie, ties up)" in half_up.text
    assert not step(explained(8, 4), "optimized", "shifted right").is_tie


def test_numbers_near_a_tie_are_written_until_they_are_told_apart() -> None:
    assert fraction_text(Fraction(5, 2)) == "2.5"
    assert fraction_text(Fraction(5, 2) + Fraction(1, 2**30)) == "2.5000000009313226"
    assert fraction_text(Fraction(3)) == "3"
    assert fraction_text(Fraction(1, 3)) == "0.333333"


def test_positions_outside_of_an_image_do_not_enter() -> None:
    b = Builder()
    x = b.input("x", (1, 3, 3, 1), np.int8, scale=0.5, zero_point=9)
    y = b.add(Conv2D(stride_w=1, stride_h=1), [x, b.weights(np.ones((1, 3, 3, 1))), np.zeros(1, np.float32)], scale=0.5)
    found = explain(b.model([y]), 0, (0, 0, 0, 0))
    entering = found.accounts["xnnpack"].entering
    assert (len(entering.terms), entering.outside) == (4, 5)
    assert "5 positions outside of the image count as zero" in str(found)


def test_a_copy_says_where_it_came_from() -> None:
    b = Builder()
    x = b.input("x", (2, 3), np.int8, scale=0.5)
    y = b.add(Transpose(), [x, [1, 0]])
    model = b.model([b.add(Pad(), [y, [[1, 0], [0, 0]]])])
    q = np.arange(6, dtype=np.int8).reshape(2, 3)
    (term,) = explain(model, 0, (2, 1), [q]).accounts["reference"].entering.terms
    assert (term.name, term.at, term.q) == ("input 0", (1, 2), 5)
    padded = explain(model, 1, (0, 1), [q])
    assert padded.accounts["reference"].entering.kind.startswith("padding")
    assert padded.result["reference"] == 0


def test_inputs_that_differ_already_are_named_and_can_be_shared() -> None:
    model = image_network()
    sample = np.random.default_rng(1).normal(0, 1, (1, 8, 8, 3)).astype(np.float32)
    own = explain(model, "answer", 0, sample)
    assert own.accounts["reference"].inputs_differ == ("dense",) or own.parting is None
    shared = explain(model, "answer", 0, sample, shared="reference")
    assert all(account.inputs_differ == () for account in shared.accounts.values())


def test_a_profile_alone_and_nodes_by_name() -> None:
    found = explain(dense(), "y", 0, np.int8([[10, 8]]), profiles=["reference"])
    assert list(found.accounts) == ["reference"]
    assert found.groups == [("reference",)]
    assert found.index == (0, 0)
    assert str(found).endswith("result -2")


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(IndexError, match="expected a node from 0 to 0, got 4"):
        explain(dense(), 4, 0)
    with pytest.raises(IndexError, match="expected the name of what a node computes, got 'z'"):
        explain(dense(), "z", 0)
    with pytest.raises(IndexError, match=r"expected an index within \[1, 1\], got \[0, 1\]"):
        explain(dense(), 0, (0, 1))
    with pytest.raises(IndexError, match="expected an element from 0 to 0, got 1"):
        explain(dense(), 0, 1)
    with pytest.raises(ValueError, match="expected"):
        explain(dense(), 0, 0, np.zeros((3, 3, 3), np.float32))


def test_text_json_and_page_say_the_same() -> None:
    found = explained(4, 1)
    facts = json.loads(found.to_json())
    assert facts["result"] == {"xnnpack": 0, "optimized": 1, "reference": 1}
    assert facts["profiles"]["reference"]["entering"]["terms"][1] == {
        "name": "x", "at": [0, 1], "q": 1, "value": -2, "weight_at": [0, 1], "weight": -5,
    }  # fmt: skip
    assert facts["parting"]["after"] == "without rounding = 2.5"
    text, page = str(found), found.to_html()
    for part in ("FULLY_CONNECTED", "a tie, ties up", "ties to even", "acc + bias"):
        assert part in text
    assert "x[0, 1] = 1 - 3 = -2   times w[0, 1] = -5   = 10" in text
    assert "<svg" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page


def test_a_name_in_a_file_cannot_write_into_the_page() -> None:
    b = Builder()
    x = b.input("<script>x</script>", (1, 2), np.int8, scale=0.5)
    model = b.model([b.add(Transpose(), [x, [1, 0]], name="<img src=x>")])
    page = explain(model, 0, 0).to_html()
    assert "<script>" not in page
    assert "<img" not in page


def test_the_command_explains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(dense(), tmp_path / "dense.tflite")
    np.savez(tmp_path / "x.npz", x=np.int8([[4, 1]]))
    common = ["explain", str(tmp_path / "dense.tflite"), "--node", "y", "--index", "0,0"]
    given = ["--input", str(tmp_path / "x.npz")]
    assert status_of([*common, *given, "--html", str(tmp_path / "page.html")]) == 1
    assert "they part after without rounding = 2.5" in capsys.readouterr().out
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert status_of([*common, *given, "--profile", "reference", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"] == {"reference": 1}
    assert status_of([*common[:4], "9", "--index", "0"]) == 2
    assert "expected" in capsys.readouterr().err


def test_explain_is_public() -> None:
    assert qe.explain(dense(), 0, 0, np.int8([[10, 8]])).result["xnnpack"] == -2
    assert qe.Explanation is Explanation
