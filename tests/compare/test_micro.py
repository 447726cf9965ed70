"""The runner `tflm`: the interpreter for microcontrollers, from its package tflite-micro."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
from compared import Faulty, image_network, with_changed_weight

from qengine.compare.session import compare

INT8 = image_network()
SAMPLES = np.random.default_rng(1).normal(0, 1, (3, 8, 8, 3)).astype(np.float32)


def test_without_the_package_the_runner_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tflite_micro", None)
    with pytest.raises(RuntimeError, match="expected the package tflite-micro for the runner tflm, got none"):
        compare(INT8, "tflm", SAMPLES)


def test_it_rounds_as_the_reference_kernels(tflm: types.ModuleType) -> None:
    assert compare((INT8, "tflm"), "qengine:reference", SAMPLES).equal
    assert compare((INT8, "tflm"), "qengine:xnnpack", SAMPLES).verdict == "explained"


def test_faults_beside_it_are_found(tflm: types.ModuleType) -> None:
    for k in (1, 6):
        result = compare((INT8, "tflm"), with_changed_weight(INT8, k), SAMPLES)
        assert [fault.node for fault in result.faults] == [k]
    assert [fault.node for fault in compare((INT8, "tflm"), Faulty(3), SAMPLES).faults] == [3]
