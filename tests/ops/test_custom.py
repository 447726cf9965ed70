"""Custom operators: how their kernels are found, their options read, and TFLite_Detection_PostProcess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from flatbuffers import flexbuffers
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.build import Builder
from qengine.errors import ModelError, Unsupported
from qengine.interpreter import Interpreter
from qengine.kernels.profile import Profile
from qengine.kernels.reference.partial_sort import largest
from qengine.model import Buffer, Model, Shape
from qengine.op import CustomOp, Graphs, Op, Specs, Step
from qengine.ops import find as find_operator
from qengine.ops.custom import find
from qengine.program import Program, Runtime

CODE = "TFLite_Detection_PostProcess"
OPTIONS: dict[str, Any] = {
    "max_detections": 3,
    "max_classes_per_detection": 1,
    "num_classes": 2,
    "nms_score_threshold": 0.2,
    "nms_iou_threshold": 0.5,
    "y_scale": 1.0,
    "x_scale": 1.0,
    "h_scale": 1.0,
    "w_scale": 1.0,
}
# Two boxes that share 9 tenths of their width, and one apart.
ANCHORS = np.array([[0.5, 0.5, 1, 1], [0.5, 0.55, 1, 1], [0.5, 3, 1, 1]], np.float32)
CORNERS = [[0, 0, 1, 1], [0, 0.05, 1, 1.05], [0, 2.5, 1, 3.5]]


def packed(**options: Any) -> Buffer:
    return Buffer(bytes(flexbuffers.Dumps(options)))


def detector(scores: Sequence[int], options: Buffer | None) -> Model:
    b = Builder()
    inputs = [b.input("encodings", (1, 3, 4)), b.input("scores", (1, *scores)), ANCHORS]
    outputs = b.add(CustomOp(CODE, options), inputs, outputs=4)
    return b.model(outputs)


def detect(scores: Any, **options: Any) -> list[Any]:
    scores = np.array(scores, np.float32)
    interpreter = Interpreter(model=detector(scores.shape, packed(**OPTIONS | options)))
    interpreter.allocate_tensors()
    for detail, array in zip(
        interpreter.get_input_details(), (np.zeros((1, 3, 4), np.float32), scores[None]), strict=True
    ):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"])[0] for detail in interpreter.get_output_details()]


def test_the_worse_of_two_boxes_goes() -> None:
    """Scores of a background class and two others."""
    boxes, classes, scores, count = detect([[9, 0.5, 0.6], [9, 0.7, 0.1], [9, 0.1, 0.3]])
    assert count == 2
    np.testing.assert_allclose(boxes, [CORNERS[1], CORNERS[2], [0] * 4], atol=1e-6)
    assert classes.tolist() == [0, 1, 0]
    assert scores.tolist() == pytest.approx([0.7, 0.3, 0])


def test_by_class_boxes_of_different_classes_both_stay() -> None:
    boxes, classes, scores, count = detect([[0.5, 0.6], [0.7, 0.1], [0.1, 0.1]], use_regular_nms=True)
    assert count == 2
    np.testing.assert_allclose(boxes[:2], [CORNERS[1], CORNERS[0]], atol=1e-6)
    assert classes.tolist() == [0, 1, 0]
    assert scores.tolist() == pytest.approx([0.7, 0.6, 0])


def test_several_classes_of_one_box() -> None:
    boxes, classes, scores, count = detect([[0.5, 0.6], [0.7, 0.1], [0.1, 0.1]], max_classes_per_detection=2)
    assert count == 1
    np.testing.assert_allclose(boxes[:2], [CORNERS[1], CORNERS[1]], atol=1e-6)
    assert (classes[:2].tolist(), scores[:2].tolist()) == ([0, 1], pytest.approx([0.7, 0.1]))


def test_equal_classes_come_in_the_order_of_the_runtimes_sort() -> None:
    assert largest(np.array([3, 1, 2]), 3) == [0, 2, 1]
    assert largest(np.array([1, 0, 1]), 2) == [2, 0]


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        ((3, 4), {}, "expected scores of 2 classes or one more, got 4"),
        ((2, 2), {}, r"expected shapes \[1, n, 4 or more\]"),
        ((3, 2), {"nms_iou_threshold": 0.0}, r"expected an nms_iou_threshold in \(0, 1\]"),
        ((3, 2), {"max_detections": -1}, "expected 0 or more detections"),
        ((3, 2), {"max_detections": 2**40}, "expected max_detections as an int32"),
        ((3, 2), {"max_detections": "many"}, "expected max_detections as a number"),
        ((3, 2), {"use_regular_nms": True, "detections_per_class": 0}, "expected 1 or more detections"),
        ((3, 2), {"max_classes_per_detection": 0}, "expected 1 or more classes"),
    ],
)
def test_options_that_do_not_fit_are_refused(scores: Shape, options: dict[str, Any], message: str) -> None:
    with pytest.raises((ModelError, RuntimeError), match=message):
        Interpreter(model=detector(scores, packed(**OPTIONS | options))).allocate_tensors()


@pytest.mark.parametrize("options", [None, Buffer(b""), Buffer(b"\0" * 9), Buffer(bytes(flexbuffers.Dumps([1, 2])))])
def test_bytes_without_a_map_are_refused(options: Buffer | None) -> None:
    with pytest.raises(ModelError, match="in a FlexBuffer map"):
        detector((3, 2), options)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_options_give_an_operator_or_a_model_error(data: Any) -> None:
    sound = bytearray(packed(**OPTIONS).data)
    for _ in range(data.draw(st.integers(1, 6))):
        sound[data.draw(st.integers(0, len(sound) - 1))] = data.draw(st.integers(0, 255))
    read = find(CODE)
    assert read is not None
    try:
        assert read(CustomOp(CODE, Buffer(bytes(sound)))).name == CODE
    except ModelError as error:
        assert error.where == "custom_options"  # noqa: PT017


def test_a_kernel_is_found_by_its_exact_code() -> None:
    assert find(CODE) is not None
    assert find(CODE.lower()) is None
    assert find("_kernel") is None
    assert find("../conv_2d") is None
    assert find("") is None
    assert find_operator("CUSTOM") is None


@dataclass(frozen=True, eq=False)
class Times(Op):
    factor: int

    @classmethod
    def read(cls, op: CustomOp) -> Times:
        assert op.options is not None
        return cls(bytes(op.options.data)[0])

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        shape = specs.input(0).shape
        assert shape is not None
        return [shape]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        return Step(lambda x: x * np.float32(self.factor), "times")


def test_a_registered_kernel_runs_a_custom_operator() -> None:
    b = Builder()
    model = b.model([b.add(CustomOp("Times", Buffer(b"\3")), [b.input("x", (2,))], shape=(2,))])
    with pytest.raises(Unsupported, match=r"Times .*: expected a custom operator with a kernel, got one without"):
        Program(Runtime(model, Profile.XNNPACK), 0).prepare([(2,)])
    program = Program(Runtime(model, Profile.XNNPACK, kernels={"Times": Times.read}), 0)
    program.prepare([(2,)])
    assert program.call(np.array([1, 2], np.float32))[0].tolist() == [3, 6]
