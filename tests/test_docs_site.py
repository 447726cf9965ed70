"""The documentation is whole: every page is in the navigation, every link and figure is there, figures are fresh.

The site itself is built, strictly, in CI; this needs no tool that builds sites.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
COURSE = [page for page in PAGES if page.startswith("course/")]

if not (ROOT / "mkdocs.yml").is_file():
    pytest.skip("the checkout's mkdocs.yml isn't there", allow_module_level=True)
NAVIGATION = re.findall(r": ([\w/.-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(NAVIGATION) == PAGES


def test_the_course_has_its_chapters_in_order() -> None:
    chapters = [page for page in NAVIGATION if page.startswith("course/")]
    assert chapters == COURSE
    assert [int(page.removeprefix("course/")[0]) for page in chapters] == list(range(1, 9))


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_links_to_is_there(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert ((DOCS / page).parent / target).resolve().is_file(), f"{page} links to {target}"


@pytest.mark.parametrize("page", COURSE)
def test_a_chapter_has_executed_numbers_a_figure_or_proof_and_a_way_on(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert text.count(">>> ") >= 10
    assert re.search(r"!\[[^\]]{20,}\]\(figures/\w+\.svg\)", text), "a figure, with words for who can't see it"
    if page != COURSE[-1]:
        following = COURSE[COURSE.index(page) + 1].removeprefix("course/")
        assert f"]({following})" in text.splitlines()[-1]


def test_every_figure_is_fresh_and_shown() -> None:
    made = subprocess.run(
        [sys.executable, DOCS / "make_figures.py", "--check"], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    shown = {name for page in COURSE for name in re.findall(r"figures/(\w+)\.svg", (DOCS / page).read_text("utf-8"))}
    assert shown == {path.stem for path in (DOCS / "course" / "figures").glob("*.svg")}
