"""The doctor finds each defect that is planted, names its node, and has nothing to say of sound files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qengine as qe
from qengine.build import Builder, Operand
from qengine.cli import status_of
from qengine.compare.doctor import RULES, Severity, examine
from qengine.compare.doctor.devices import arena_of
from qengine.model import Model, Quantization, Tensor
from qengine.op import CustomOp
from qengine.ops.average_pool_2d import AveragePool2D
from qengine.ops.concatenation import Concatenation
from qengine.ops.conv_2d import Conv2D
from qengine.ops.cos import Cos
from qengine.ops.dequantize import Dequantize
from qengine.ops.fully_connected import FullyConnected
from qengine.ops.gelu import Gelu
from qengine.ops.hard_swish import HardSwish
from qengine.ops.logistic import Logistic
from qengine.ops.quantize import Quantize
from qengine.ops.reshape import Reshape
from qengine.ops.softmax import Softmax
from qengine.tflite import save

RNG = np.random.default_rng(3)


def network(type: str = "int8") -> Model:
    """CONV_2D, AVERAGE_POOL_2D, RESHAPE, FULLY_CONNECTED, SOFTMAX: nodes 0 to 4."""
    b = Builder()
    floats = type == "float32"

    def steps(scale: float, zero_point: int) -> dict[str, Any]:
        return {} if floats else {"scale": scale, "zero_point": 0 if type == "int16" else zero_point}

    def weights(*shape: int) -> Any:
        real = RNG.normal(0, 0.1, shape).astype(np.float32)
        return real if floats else b.weights(real)

    x = b.input("x", (1, 8, 8, 3), type, **steps(0.02, 4))
    y = b.add(Conv2D(stride_w=1, stride_h=1), [x, weights(4, 3, 3, 3), np.zeros(4, np.float32)], **steps(0.05, -6))
    y = b.add(AveragePool2D(stride_w=2, stride_h=2, filter_width=2, filter_height=2), [y])
    y = b.add(Reshape(), [y, [1, 64]])
    y = b.add(FullyConnected(), [y, weights(5, 64), np.ones(5, np.float32)], **steps(0.1, 9))
    return b.model([b.add(Softmax(beta=1.0), [y])])


def with_tensor(model: Model, index: int, change: Callable[[Tensor], Tensor]) -> Model:
    graph = model.graphs[0]
    tensors = [change(tensor) if i == index else tensor for i, tensor in enumerate(graph.tensors)]
    return replace(model, graphs=(replace(graph, tensors=tuple(tensors)),))


def rescaled(model: Model, index: int, scale: Any, zero_point: Any = 0, axis: int = 0) -> Model:
    return with_tensor(model, index, lambda t: replace(t, quantization=Quantization.of(scale, zero_point, axis)))


def operand(model: Model, node: int, which: int) -> int:
    """The tensor that is input `which` of a node; -1: its output."""
    found = model.graphs[0].nodes[node]
    return found.outputs[0] if which < 0 else found.inputs[which]


def single(make: Callable[[Builder], Operand]) -> Model:
    b = Builder()
    return b.model([make(b)])


def planted_scale(value: float) -> Model:
    model = network()
    return rescaled(model, operand(model, 0, 1), [0.01, value, 0.01, 0.01])


def planted_bias_scale() -> Model:
    model = network()
    return rescaled(model, operand(model, 3, 2), 0.5)


def bias_at_the_end() -> Model:
    model = network()
    bias = operand(model, 0, 2)
    return with_tensor(model, bias, lambda t: replace(t, data=qe.model.Buffer(np.int32([1, 2, -(2**31), 3]).tobytes())))


def wide_sums(b: Builder) -> Operand:
    x = b.input("x", (1, 2048), np.int16, scale=0.001)
    w = b.constant(np.full((2, 2048), 127, np.int8), scale=0.01)
    return b.add(FullyConnected(), [x, w, b.constant(np.zeros(2, np.int32), scale=1e-5)], scale=1.0)


def narrow_output() -> Model:
    model = network()
    wide = rescaled(model, operand(model, 0, 1), [0.01, 5.0, 0.01, 0.01])
    return rescaled(wide, operand(model, 0, 2), 0.02 * np.array([0.01, 5.0, 0.01, 0.01]))


def unequal_pool() -> Model:
    model = network()
    return rescaled(model, operand(model, 1, -1), 0.07, -6)


def unequal_parts(b: Builder) -> Operand:
    parts = [b.input(name, (1, 4), np.int8, scale=scale) for name, scale in (("a", 0.1), ("b", 0.2))]
    return b.add(Concatenation(axis=1), parts, scale=0.1)


def softmax_in_another_unit() -> Model:
    model = network()
    return rescaled(model, operand(model, 4, -1), 1 / 128, -128)


def float_island() -> Model:
    b = Builder()
    x = b.input("x", (1, 8), np.int8, scale=0.1)
    y = b.add(FullyConnected(), [x, b.weights(RNG.normal(size=(8, 8))), np.zeros(8, np.float32)], scale=0.1)
    y = b.add(Cos(), [b.add(Dequantize(), [y], type="float32")], name="waves")
    return b.model([b.add(Quantize(), [y], type="int8", scale=0.01)])


def hard_swish_in_16_bits(b: Builder) -> Operand:
    return b.add(HardSwish(), [b.input("x", (1, 8), np.int16, scale=0.001)], scale=0.001)


def dynamic_range(b: Builder) -> Operand:
    return b.add(FullyConnected(), [b.input("x", (1, 8)), b.weights(RNG.normal(size=(4, 8))), None], name="dense")


def open_batch(b: Builder) -> Operand:
    x = b.input("x", (1, 8), np.int8, scale=0.1, shape_signature=(-1, 8))
    return b.add(Logistic(), [x])


def turned_round() -> Model:
    model = network()
    graph = model.graphs[0]
    return replace(model, graphs=(replace(graph, nodes=(graph.nodes[1], graph.nodes[0], *graph.nodes[2:])),))


def without_bytes(tensor: Tensor) -> Tensor:
    return replace(tensor, data=None)


def without_length(tensor: Tensor) -> Tensor:
    return replace(tensor, shape=(-1, *(tensor.shape or ())[1:]))


PLANTED: dict[str, tuple[str, Callable[[], Model], int | None]] = {
    "a scale of 0": ("scale", lambda: planted_scale(0.0), 0),
    "a scale that is NaN": ("scale", lambda: planted_scale(float("nan")), 0),
    "a negative scale": ("scale", lambda: planted_scale(-0.1), 0),
    "a denormal scale": ("denormal_scale", lambda: planted_scale(1e-40), 0),
    "too few scales": ("scale_count", lambda: rescaled(network(), 1, [0.1, 0.2, 0.3]), 0),
    "a zero point beyond int8": ("zero_point", lambda: rescaled(network(), 0, 0.02, 200), 0),
    "int16 with a zero point": ("zero_point", lambda: rescaled(network("int16"), 0, 0.02, 3), 0),
    "weights with a zero point": ("zero_point", lambda: rescaled(network(), 1, 0.02, 3), 0),
    "a pool that changes the scale": ("unequal_scales", unequal_pool, 1),
    "parts of two scales": ("unequal_scales", lambda: single(unequal_parts), 0),
    "a softmax in units of 1/128": ("unequal_scales", softmax_in_another_unit, 4),
    "a bias in another unit": ("bias_scale", planted_bias_scale, 3),
    "a bias that was cut": ("bias_overflow", bias_at_the_end, 0),
    "sums beyond 32 bits": ("accumulator_overflow", lambda: single(wide_sums), 0),
    "a multiplier above 1": ("multiplier", narrow_output, 0),
    "a float node among integers": ("float_left", float_island, 2),
    "no kernel for 16 bits": ("no_16x8_kernel", lambda: single(hard_swish_in_16_bits), 0),
    "float activations, int8 weights": ("hybrid", lambda: single(dynamic_range), 0),
    "no signature": ("signature", lambda: replace(network(), signatures=None), None),
    "an operator without a kernel": (
        "refused",
        lambda: single(lambda b: b.add(CustomOp("Mystery"), [b.input("x", (1,))], shape=(1,))),
        0,
    ),
    "a node that Prepare refuses": ("refused", lambda: single(unequal_parts), 0),
    "a node before the one that it reads": ("no_value", turned_round, 0),
    "a constant without its bytes": ("no_value", lambda: with_tensor(network(), 1, without_bytes), 0),
    "a length below 0": ("invalid", lambda: with_tensor(network(), 0, without_length), None),
    "an operator that Edge TPU lacks": (
        "edge_tpu_operator",
        lambda: single(lambda b: b.add(Gelu(), [b.input("x", (1, 8), np.int8, scale=0.1)], scale=0.1)),
        0,
    ),
    "a batch of any size": ("edge_tpu_shape", lambda: single(open_batch), 0),
    "bytes beyond the schema": ("beyond_the_schema", lambda: replace(network(), unknown=("$.version",)), None),
}


@pytest.mark.parametrize("defect", PLANTED)
def test_a_planted_defect_is_found_at_its_node(defect: str) -> None:
    rule, make, node = PLANTED[defect]
    found = [finding for finding in examine(make()) if finding.rule == rule]
    assert found
    assert found[0].node == node
    assert found[0].reason
    assert found[0].remedy
    assert found[0].where.startswith("$")


@pytest.mark.parametrize("type", ["int8", "int16", "float32"])
def test_nothing_is_said_of_a_sound_file(type: str) -> None:
    assert examine(network(type)) == ()


def test_every_rule_has_a_defect_that_it_finds() -> None:
    asked = {"edge_tpu_type", "arena"}  # they speak only where a target or a size is given
    assert {rule for rule, _, _ in PLANTED.values()} | asked == set(RULES)


def test_a_target_asks_for_its_own_rules() -> None:
    assert {finding.rule for finding in examine(network("float32"), target="edgetpu")} == {"edge_tpu_type"}
    notes = [f.severity for f in examine(single(dynamic_range)) if f.rule == "hybrid"]
    meant = [f.severity for f in examine(single(dynamic_range), target="micro") if f.rule == "hybrid"]
    assert (notes, meant) == ([Severity.NOTE], [Severity.WARNING])
    with pytest.raises(ValueError, match="expected a target among edgetpu, micro, got 'moon'"):
        examine(network(), target="moon")


def test_the_arena_is_what_lives_at_the_same_time() -> None:
    model = network()
    needed, peak = arena_of(model)
    assert (needed, peak) == (192 + 256, 0)  # the image and what CONV_2D makes of it, in blocks of 64 bytes
    assert examine(model, arena=needed) == ()
    (finding,) = examine(model, arena=needed - 1)
    assert (finding.rule, finding.node) == ("arena", 0)


def test_sums_are_bounded_exactly() -> None:
    """127 * 255 * 66311 = 2147481735 is the largest sum of products that fits; one product more doesn't."""

    def model(terms: int) -> Model:
        b = Builder()
        x = b.input("x", (1, terms), np.uint8, scale=0.1)
        w = b.constant(np.full((1, terms), 255, np.uint8), scale=0.1, zero_point=128)
        return b.model([b.add(FullyConnected(), [x, w, None], scale=100.0)])

    assert 127 * 255 * 66311 < 2**31 <= 127 * 255 * 66312
    assert examine(model(66311)) == ()
    assert [finding.rule for finding in examine(model(66312))] == ["accumulator_overflow"]


def test_the_worst_comes_first() -> None:
    b = Builder()
    x = b.input("x", (1, 8), np.int8, scale=0.1, shape_signature=(-1, 8))
    model = b.model([b.add(Logistic(), [x], scale=0.0039, zero_point=-128)])
    found = [finding.severity for finding in examine(model)]
    assert found == sorted(found, key=list(Severity).index)
    assert len(set(found)) > 1


def test_the_command_says_what_it_finds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(network(), tmp_path / "sound.tflite")
    save(planted_bias_scale(), tmp_path / "planted.tflite")
    assert status_of(["doctor", str(tmp_path / "sound.tflite")]) == 0
    assert "nothing to find fault with" in capsys.readouterr().out
    assert status_of(["doctor", str(tmp_path / "planted.tflite")]) == 1
    printed = capsys.readouterr().out
    for part in ("bias_scale", "node 3 FULLY_CONNECTED", "round the bias to that unit"):
        assert part in printed
    assert status_of(["doctor", "--json", str(tmp_path / "planted.tflite")]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert [(entry["rule"], entry["node"]) for entry in facts["findings"]] == [("bias_scale", 3)]
    assert facts["arena"] == arena_of(network())[0]


def test_examine_is_public() -> None:
    assert qe.examine(network()) == ()
