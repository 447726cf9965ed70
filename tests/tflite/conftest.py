"""Settings of the property tests of files, and operators that have no file of their own."""

from __future__ import annotations

import pytest
from hypothesis import settings

from qengine import ops

settings.register_profile("files", deadline=None, derandomize=True)
settings.load_profile("files")


@pytest.fixture
def no_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    """No operator has a file, so that all builtin ones load as UnknownOp."""
    monkeypatch.setattr(ops, "find", lambda name: None)
