"""What all tests share: packages that can be hidden, and the real runtime, which may be missing."""

from __future__ import annotations

import gc
import os
import sys
import types

# Test processes share the processors; a BLAS whose threads wait spinning on all of them would slow every one down.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest

# QENGINE_TEST_WITHOUT=numba,llvmlite runs the tests as if these were not installed.
HIDDEN = [name for name in os.environ.get("QENGINE_TEST_WITHOUT", "").split(",") if name]
for name in HIDDEN:
    sys.modules[name] = None  # type: ignore[assignment]  # importing it raises ModuleNotFoundError from now on

RUNTIME = "2.3.0"


def pytest_report_header() -> list[str]:
    return [f"hidden: {', '.join(HIDDEN)}"] if HIDDEN else []


def pytest_collection_finish() -> None:
    """Tens of thousands of collected tests are no garbage: to look at them again and again takes half of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def litert() -> types.ModuleType:
    """The module `ai_edge_litert.interpreter`; tests that ask for it are skipped where it isn't installed."""
    try:
        from importlib.metadata import version

        from ai_edge_litert import interpreter
    except ModuleNotFoundError:
        pytest.skip("the runtime ai-edge-litert isn't installed")
    if version("ai-edge-litert") != RUNTIME:
        pytest.skip(f"the runtime is ai-edge-litert {version('ai-edge-litert')}, parity is claimed for {RUNTIME}")
    return interpreter  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def tflm() -> types.ModuleType:
    """The module `tflite_micro`; tests that ask for it are skipped where it isn't installed."""
    try:
        import tflite_micro
    except ModuleNotFoundError:
        pytest.skip("the runtime tflite-micro isn't installed")
    return tflite_micro  # type: ignore[no-any-return]
