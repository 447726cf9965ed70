"""docs/operators.md says what is so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qengine.kernels.emit.native import NoNativeCode, variant

ROOT = Path(__file__).resolve().parent.parent


def test_the_page_is_fresh() -> None:
    try:
        variant()
    except NoNativeCode as error:
        pytest.skip(f"the page says what runs natively: {error}")
    made = subprocess.run(
        [sys.executable, ROOT / "docs" / "make_operators.py", "--check"], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
