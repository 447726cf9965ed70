"""docs/parity.md has the rows of today's parity cases, and what makes it counts mismatches."""

from __future__ import annotations

import importlib.util
import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qengine.interpreter import Interpreter
from qengine.kernels.profile import Profile

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def maker() -> Any:
    """docs/make_parity.py as a module."""
    if not (ROOT / "docs" / "make_parity.py").is_file():
        pytest.skip("docs isn't there")
    before = list(sys.path)
    spec = importlib.util.spec_from_file_location("make_parity", ROOT / "docs" / "make_parity.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_parity"] = module
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = before
    del sys.modules["make_parity"]


@pytest.fixture
def few(maker: Any) -> list[Any]:
    """Cases of two operators, integers and floats, some of which differ between profiles."""
    wanted = ("tanh_", "leaky_relu_")
    return [case for case in maker.all_cases() if case.name.startswith(wanted)]


def other(profile: str) -> Any:
    """A runtime that is qengine in one profile."""
    from qengine.testing import RealRuntime

    def made(model_content: bytes, **_: Any) -> Interpreter:
        return Interpreter(model_content=model_content, profile=profile)

    resolvers = types.SimpleNamespace(AUTO=0, BUILTIN_REF=0, BUILTIN_WITHOUT_DEFAULT_DELEGATES=0)
    return RealRuntime("other", "1", types.SimpleNamespace(OpResolverType=resolvers, Interpreter=made))


def test_the_page_has_the_rows_of_today_s_cases(maker: Any) -> None:
    text = maker.PAGE.read_text(encoding="utf-8")
    assert maker.problems(text) == []


def test_the_page_is_of_the_runtime_that_parity_is_claimed_for(maker: Any) -> None:
    text = maker.PAGE.read_text(encoding="utf-8")
    assert "**ai-edge-litert 2.3.0**" in text
    claims = text.partition("In all: **integers, flags and strings** differ in ")[2].partition(";")[0]
    assert [part.split(" of ")[0] for part in claims.split(", ") if " of " in part] == ["0", "0", "0"]


def test_a_stale_page_is_noticed(maker: Any, few: list[Any]) -> None:
    rows = maker.measured(few, other("reference"))
    text = maker.page(rows, "other 1")
    assert maker.problems(text, few) == []
    assert maker.problems(text, few[1:])
    assert maker.problems(text.replace("| TANH | ", "| ACOS | "), few)
    assert any("sums" in problem for problem in maker.problems(re.sub(r"/ [\d,]+ \|", "/ 7 |", text, count=1), few))


def test_mismatches_are_counted_in_their_profile(maker: Any, few: list[Any]) -> None:
    rows = maker.measured(few, other("reference"))
    cells = rows[False, "LEAKY_RELU"].cells
    assert cells["reference"].mismatches == 0
    assert cells["xnnpack"].elements == cells["reference"].elements > 500
    assert 0 < cells["xnnpack"].mismatches < cells["xnnpack"].elements
    assert cells["xnnpack"].error == 1.0  # one step at most


def test_the_page_s_numbers_are_measured_again(maker: Any, few: list[Any], litert: types.ModuleType) -> None:
    rows = maker.measured(few, maker.find_runtime("ai-edge-litert"))
    text = maker.PAGE.read_text(encoding="utf-8")
    names = {line.split(" | ")[0] for line in maker.table(rows, False)}
    assert names == {"| LEAKY_RELU", "| TANH"}
    assert set(maker.table(rows, False)) <= set(text.splitlines())
    assert all(np.isfinite(cell.error) for row in rows.values() for cell in row.cells.values())
    assert set(rows[False, "TANH"].cells) == {profile.value for profile in Profile}
