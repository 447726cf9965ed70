"""What tests of emitted kernels share: a cache of their own, and every processor variant that this machine runs."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator

import pytest

from qengine.kernels.emit import native, target


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("QENGINE_CACHE")
    os.environ["QENGINE_CACHE"] = str(tmp_path_factory.mktemp("kernels"))
    yield
    if before is None:
        del os.environ["QENGINE_CACHE"]
    else:
        os.environ["QENGINE_CACHE"] = before


@pytest.fixture(scope="session", autouse=True)
def everything_is_linked_without_llvm() -> Iterator[None]:
    """On x86-64 Linux LLVM's linker is never asked, whatever kernels the tests of this folder need."""
    yield
    if sys.platform == "linux" and platform.machine() == "x86_64":
        assert native._engine is None


@pytest.fixture(scope="session")
def host() -> native.Host:
    if native.obstacle():
        pytest.skip(f"no native code: {native.obstacle()}")
    return native.host()


@pytest.fixture(scope="session", params=sorted(target.TARGETS))
def variant(request: pytest.FixtureRequest, host: native.Host) -> target.Target:
    """Each processor variant; those that this processor lacks are skipped."""
    chosen = target.TARGETS[request.param]
    if not target.runs_on(chosen, host.features):
        pytest.skip(f"this processor doesn't run {chosen.name}")
    return chosen
