"""Parity with a real runtime, proven in a test: `assert_tflite_parity`, golden files, and what they are made of.

    from qengine.testing import assert_tflite_parity

    def test_my_model_gives_the_runtime_s_bytes():
        assert_tflite_parity("model.tflite", profile="xnnpack")

The pytest plugin (`qengine.pytest_plugin`) adds the fixture `tflite_parity`, which falls back on golden files.
"""

from __future__ import annotations

from .check import assert_golden, assert_tflite_parity, measure
from .golden import Golden, read_golden, write_golden
from .parity import Agreement, Parity
from .runtimes import RUNTIMES, RealRuntime, find_runtime

__all__ = [
    "RUNTIMES",
    "Agreement",
    "Golden",
    "Parity",
    "RealRuntime",
    "assert_golden",
    "assert_tflite_parity",
    "find_runtime",
    "measure",
    "read_golden",
    "write_golden",
]
