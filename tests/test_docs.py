"""The documentation is true: every Python block of docs/ is a doctest, one session a page, and so is every docstring.

A block shows what one would type (`>>>`) and what comes out; the README has its own test.
"""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PACKAGE = ROOT / "qengine"
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


def title(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_every_block_shows_what_comes_out(page: Path) -> None:
    silent = [block for block in BLOCK.findall(page.read_text(encoding="utf-8")) if not block.startswith(">>> ")]
    assert not silent


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_a_page_says_what_comes_out(page: Path) -> None:
    results = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert results.failed == 0
    assert results.attempted > 0 or "```python" not in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MODULES)
def test_a_docstring_says_what_comes_out(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
