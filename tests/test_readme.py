"""The README: its two set-up commands, and that its examples run and print what they say."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from qengine.demo.story import Way, make
from qengine.digits import load_digits

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
EXAMPLES = [code for language, code in BLOCKS if language == "python"]
SAID = re.compile(r"^(?:    )*print\(.*\)  # (.*)$", re.MULTILINE)


def test_there_are_two_set_up_commands() -> None:
    lines = [line for _, code in BLOCKS for line in code.splitlines() if "pip install" in line]
    assert lines == ["pip install -e . && qengine demo", "pip install -e '.[test]' && pytest"]


def test_there_is_an_example_of_each_use() -> None:
    assert len(EXAMPLES) == 3


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    make(folder, load_digits()[0], ways=(Way("static_wi8_ai8"),), epochs=3)
    return folder


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_prints_what_it_says(
    number: int, files: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if "ai_edge_litert" in EXAMPLES[number]:
        request.getfixturevalue("litert")
    monkeypatch.chdir(files)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(EXAMPLES[number], f"README example {number}", "exec"), {"__name__": "example"})
    assert printed.getvalue().splitlines() == SAID.findall(EXAMPLES[number])
