"""A new head on a trained body: frozen, slowly trained, and then quantized."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_networks import conv, everything, op

from qengine.build import Builder
from qengine.errors import ModelError, Unsupported
from qengine.interpreter import Interpreter
from qengine.model import Model
from qengine.ptq.dequantize import dequantize_model
from qengine.ptq.quantize import quantize
from qengine.train.finetune import finetune
from qengine.train.fit import fit
from qengine.train.optimizers import Adam
from qengine.train.transfer import new_head

ALONE = {"^head": 1.0, "": 0.0}
RNG = np.random.default_rng(11)
BRIGHT = RNG.integers(0, 3, 96)
IMAGES = (RNG.normal(size=(96, 6, 6, 2)) + (BRIGHT - 1)[:, None, None, None]).astype(np.float32)
"""Three degrees of brightness, which the body was never asked for."""


def changed(before: Model, after: Model) -> set[str | None]:
    """Names of the constants that differ."""
    pairs = zip(before.graphs[0].tensors, after.graphs[0].tensors, strict=True)
    return {old.name for old, new in pairs if old != new}


def scores(model: Model) -> Any:
    it = Interpreter(model=model)
    it.allocate_tensors()
    it.set_tensor(it.get_input_details()[0]["index"], IMAGES[:1])
    it.invoke()
    return it.get_tensor(it.get_output_details()[0]["index"])


def test_a_new_head_has_so_many_classes_and_the_same_body() -> None:
    old = everything()
    model = new_head(old, 3, seed=1)
    assert scores(model).shape == (1, 3)
    assert scores(model).sum() == pytest.approx(1)
    layer = next(node for node in model.graphs[0].nodes if node.op.name == "FULLY_CONNECTED")
    names = [model.graphs[0].tensors[i].name for i in (*layer.inputs[1:], *layer.outputs)]
    assert names == ["head_weights", "head_bias", "head"]
    kept = {tensor.name: tensor.data for tensor in model.graphs[0].tensors if tensor.is_constant}
    own = {tensor.name: tensor.data for tensor in old.graphs[0].tensors if tensor.is_constant}
    shared = kept.keys() & own.keys()
    assert len(shared) == len(own) - 2
    assert all(kept[name] == own[name] for name in shared)
    assert new_head(old, 3, seed=1) == model
    assert new_head(old, 3, seed=2) != model


def test_the_head_learns_on_a_frozen_body() -> None:
    start = new_head(everything(), 3)
    made = fit(start, IMAGES, BRIGHT, epochs=12, batch_size=16, optimizer=Adam(0.3), rates=ALONE)
    assert changed(start, made.trained) == {"head_weights", "head_bias"}
    accuracy = made.history.column("accuracy")
    assert accuracy[-1] > 0.8
    assert accuracy[-1] > accuracy[0] + 0.2


def test_a_slow_body_moves_less_than_the_head_and_learns_more() -> None:
    start = new_head(everything(), 3)
    frozen = fit(start, IMAGES, BRIGHT, epochs=12, batch_size=16, optimizer=Adam(0.3), rates=ALONE)
    slow = fit(start, IMAGES, BRIGHT, epochs=12, batch_size=16, optimizer=Adam(0.3), rates={"^head": 1.0, "": 0.01})
    assert len(changed(start, slow.trained)) > 2
    assert slow.history.epochs[-1].loss < frozen.history.epochs[-1].loss


def test_a_transferred_network_is_fine_tuned_for_its_integers() -> None:
    model = fit(new_head(everything(), 3), IMAGES, BRIGHT, epochs=3, batch_size=16, rates=ALONE).model
    made = finetune(model, "static_wi8_ai8", IMAGES, BRIGHT, epochs=1, rates=ALONE, measure=0)
    start = finetune(model, "static_wi8_ai8", IMAGES, BRIGHT, epochs=0, measure=0)
    assert changed(start.trained, made.trained) <= {"head_weights", "head_bias"}


def test_heads_of_other_kinds() -> None:
    rng = np.random.default_rng(0)
    b = Builder("main")
    y = conv(b, b.input("image", (1, 6, 6, 2)), rng, 7, size=6, fused=0)
    y = b.add(op("AVERAGE_POOL_2D", filter_width=6, filter_height=6, stride_w=6, stride_h=6, padding=1), [y])
    pooled = b.model([y])
    with pytest.raises(Unsupported, match="expected a layer of scores before the output, got AVERAGE_POOL_2D"):
        new_head(pooled, 3)

    def pointwise(*, stated: bool) -> Model:
        b = Builder("main")
        x = b.input("image", (1, 1, 1, 2))
        y = conv(b, x, np.random.default_rng(0), 7, size=1, fused=0)
        shape = [np.array([-1, 7], np.int32)] if stated else []
        y = b.add(op("RESHAPE", **({} if stated else {"new_shape": (1, 7)})), [y, *shape])
        return b.model([b.add(op("SOFTMAX", beta=1.0), [y])])

    for stated in (True, False):
        it = Interpreter(model=new_head(pointwise(stated=stated), 4))
        it.allocate_tensors()
        assert it.get_output_details()[0]["shape"].tolist() == [1, 4]


def test_what_has_no_such_head_is_refused() -> None:
    b = Builder("main")
    x = b.input("x", (1, 4))
    with pytest.raises(Unsupported, match="got none"):
        new_head(b.model([x]), 3)
    y = b.add(op("FULLY_CONNECTED"), [x, b.input("weights", (3, 4)), None])
    with pytest.raises(ModelError, match="expected constant float32 weights"):
        new_head(b.model([y]), 3)
    with pytest.raises(ValueError, match="expected 1 class or more, got 0"):
        new_head(everything(), 0)
    quantized = quantize(everything(), "static_wi8_ai8", IMAGES[:8], measure=0).model
    with pytest.raises((ModelError, Unsupported)):
        new_head(quantized, 3)
    assert scores(new_head(dequantize_model(quantized), 3)).shape == (1, 3)
