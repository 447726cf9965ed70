"""A model pays for the operators it has: what a process loads for a first answer, kernels being in the cache."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import qengine as qe
from qengine.kernels.emit import native
from qengine.ops.conv_2d import Conv2D
from qengine.ops.fully_connected import FullyConnected
from qengine.ops.reshape import Reshape

SCRIPT = """
import sys
import numpy as np
from qengine import Interpreter
it = Interpreter(model_path=sys.argv[1])
it.allocate_tensors()
given, taken = it.get_input_details()[0], it.get_output_details()[0]
it.set_tensor(given["index"], np.ones(given["shape"], given["dtype"]))
it.invoke()
print(it.get_tensor(taken["index"]).ravel().tolist())
print(*sys.modules)
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    b = qe.Builder("small")
    x = b.input("x", (1, 4, 4, 8), "int8", scale=0.1)
    filters = b.constant(np.ones((8, 3, 3, 8), np.int8), scale=0.01)
    bias = b.constant(np.zeros(8, np.int32), scale=0.001)
    x = b.add(Conv2D(stride_w=1, stride_h=1), [x, filters, bias], scale=0.1)
    x = b.add(Reshape(), [x, b.constant(np.array([1, 128], np.int32))])
    weights = b.constant(np.ones((3, 128), np.int8), scale=0.01)
    x = b.add(FullyConnected(), [x, weights, b.constant(np.zeros(3, np.int32), scale=0.001)], scale=0.1)
    path = tmp_path / "small.tflite"
    qe.save(b.model([x]), path)
    return path


def answer(model: Path, cache: Path) -> tuple[str, set[str]]:
    """What a fresh process answers, and the modules it has loaded."""
    environment = {**os.environ, "QENGINE_CACHE": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(model)], env=environment, capture_output=True, text=True, check=True
    )
    values, modules = done.stdout.splitlines()
    return values, set(modules.split())


def test_a_warm_start_loads_what_the_model_needs_and_no_more(model: Path, tmp_path: Path) -> None:
    if native.obstacle():
        pytest.skip(f"no native code: {native.obstacle()}")
    cold, loaded_cold = answer(model, tmp_path / "cache")
    warm, loaded = answer(model, tmp_path / "cache")
    assert warm == cold
    assert "llvmlite.binding" in loaded_cold
    operators = {name.rpartition(".")[2] for name in loaded if name.startswith("qengine.ops.")}
    assert {name for name in operators if not name.startswith("_")} == {
        "conv_2d", "fully_connected", "reshape", "custom",
    }  # fmt: skip
    families = (
        "float32.",
        "dynamic.",
        "library",
        "pool",
        "softmax",
        "recurrent",
        "resize",
        "move",
        "crew",
        "depthwise",
    )
    unwanted = [f"qengine.kernels.emit.{family}" for family in families]
    unwanted += ["qengine.tflite.writer", "qengine.build", "qengine.ptq", "qengine.train", "qengine.compare", "numba"]
    if sys.platform == "linux" and platform.machine() == "x86_64":
        unwanted.append("llvmlite.binding")
    assert not [name for name in loaded if name.startswith(tuple(unwanted))]
