"""Files of TensorFlow's converter, float and quantized, where a corpus is at hand: we make the same of the float one.

The corpus is the folder QENGINE_MODELS, or ../shared/models beside the checkout. The calibrated ranges are read from
the quantized file. The converter leaves some operators float that have integer kernels; those files are passed over.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qengine.errors import ModelError, Unsupported
from qengine.model import Model, Tensor
from qengine.ptq.dequantize import dequantize_model
from qengine.ptq.quantize import quantize
from qengine.ptq.ranges import Ranges
from qengine.tflite import load

ROOT = Path(os.environ.get("QENGINE_MODELS") or Path(__file__).resolve().parents[3] / "shared" / "models")
EVERY = 1 if os.environ.get("QENGINE_CORPUS") == "all" else 3
FORMS = {
    "i8": ("static_wi8_ai8", {"input_type": "int8", "output_type": "int8"}),
    "i16": ("static_wi8_ai16", {"input_type": "int16", "output_type": "int16"}),
}


def pairs() -> list[Any]:
    manifest = ROOT / "ops" / "manifest.json"
    if not manifest.is_file():
        return []
    files = {entry["file"] for entry in json.loads(manifest.read_text(encoding="utf-8"))["models"]}
    found = []
    for form in FORMS:
        named = sorted(file for file in files if "__f32." in file and file.replace("__f32.", f"__{form}.") in files)
        found += [pytest.param(file, form, id=f"{Path(file).stem[:-5]}-{form}") for file in named[::EVERY]]
    return found


def operators(model: Model) -> list[list[str]]:
    return [[node.op.name for node in graph.nodes] for graph in model.graphs]


def agree(ours: Tensor, theirs: Tensor, shared_bias: bool) -> None:
    assert ours.type is theirs.type
    a, b = ours.quantization, theirs.quantization
    if b is not None and b.is_affine and not shared_bias:
        assert a is not None
        assert a.scale == pytest.approx(b.scale, rel=3e-7)
        assert a.zero_point is not None
        assert (a.zero_point == b.zero_point).all()
    if theirs.is_constant and not shared_bias:
        off = np.abs(ours.array.astype(np.float64) - theirs.array.astype(np.float64))
        assert off.max(initial=0) <= (1 if ours.type.name in ("INT32", "INT64", "INT8") else 0)
        assert (off > 0).sum() <= max(1, 1e-4 * off.size) or ours.type.name in ("INT32", "INT64")


@pytest.mark.parametrize(("file", "form"), pairs())
def test_we_make_what_the_converter_makes(file: str, form: str) -> None:
    source, made = load(ROOT / "ops" / file), load(ROOT / "ops" / file.replace("__f32.", f"__{form}."))
    recipe, changes = FORMS[form]
    try:
        ours = quantize(source, recipe, ranges=Ranges.of(made), unquantizable="float", **changes).model
    except (ModelError, Unsupported) as error:
        pytest.skip(f"not by names alone: {error.message[:80]}")
    if operators(ours) != operators(made):
        pytest.skip("other operators are left in float, or requantized in another order")
    for graph, other in zip(ours.graphs, made.graphs, strict=True):
        readers: dict[int, int] = {}
        for node in other.nodes:
            for i in node.inputs:
                readers[i] = readers.get(i, 0) + 1
        for node, twin in zip(graph.nodes, other.nodes, strict=True):
            if node.op.name in ("QUANTIZE", "SVDF"):
                continue  # in another order; made by hand
            for i, j in zip((*node.inputs, *node.outputs), (*twin.inputs, *twin.outputs), strict=True):
                # The converter's 16-bit files share biases of zeros between layers whatever their scales are.
                shared = j >= 0 and readers.get(j, 0) > 1 and other.tensors[j].type.name == "INT64"
                if j >= 0:
                    agree(graph.tensors[i], other.tensors[j], shared)


def published() -> list[Path]:
    tiny = ("ad01_int8", "kws_ref_model", "pretrainedResnet_quant", "vww_96_int8")
    names = [*(f"mlcommons_tiny/{name}" for name in tiny), "tflite_micro/trained_lstm_int8"]
    paths = [ROOT / "real" / f"{name}.tflite" for name in names]
    return [path for path in paths if path.is_file()]


@pytest.mark.parametrize("path", published(), ids=lambda path: path.stem)
def test_a_published_file_comes_back_from_float(path: Path) -> None:
    """dequantize_model, then quantize with the ranges that it kept: the same weights, scales and zero points."""
    made = load(path)
    back = dequantize_model(made)
    per_tensor = all(
        tensor.quantization is None or not tensor.quantization.per_channel for tensor in made.graphs[0].tensors
    )
    granularity = "tensorwise" if per_tensor else "channelwise"
    again = quantize(
        back,
        "static_wi8_ai8",
        ranges=Ranges.of(back),
        input_type="int8",
        output_type="int8",
        granularity=granularity,
    ).model
    assert operators(again) == operators(made)
    for node, twin in zip(again.graphs[0].nodes, made.graphs[0].nodes, strict=True):
        for i, j in zip((*node.inputs, *node.outputs), (*twin.inputs, *twin.outputs), strict=True):
            assert (i < 0) == (j < 0)
            if j < 0:
                continue
            ours, theirs = again.graphs[0].tensors[i], made.graphs[0].tensors[j]
            assert ours.type is theirs.type
            if theirs.quantization is not None and theirs.quantization.is_affine and theirs.type.name == "INT8":
                assert ours.quantization is not None
                if not theirs.is_constant:
                    assert ours.quantization.scale == pytest.approx(theirs.quantization.scale, rel=1e-5)
                    assert (ours.quantization.zero_point == theirs.quantization.zero_point).all()
                elif len(ours.quantization.scale) == len(theirs.quantization.scale):
                    assert (ours.array == theirs.array).all()
