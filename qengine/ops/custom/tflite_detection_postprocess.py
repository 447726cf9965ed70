"""TFLite_Detection_PostProcess."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from ...errors import ModelError, Unsupported
from ...kernels.arrays import AnyArray
from ...kernels.profile import Profile
from ...kernels.reference.detection import (
    Detections,
    Suppression,
    decode_boxes,
    dequantize_points,
    dequantize_scores,
    suppress_each_class,
    suppress_fast,
)
from ...model import Shape, TensorType
from ...op import CustomOp, Graphs, Spec, Specs, Step
from ...scales import scale_of, zero_point_of
from ...shapes import of_rank
from ._flexbuffer import Options
from ._kernel import BuiltInCustom

T = TensorType


@dataclass(frozen=True, eq=False)
class DetectionPostProcess(BuiltInCustom):
    """Encodings (1 n 4..), scores (1 n classes, or one more in front for the background), anchors (n 4), of float32 or
    all uint8 -> boxes (1 k 4), classes (1 k), scores (1 k), number of detections (1), float32.

    k = max_detections * max_classes_per_detection; what isn't detected is 0. (The runtime leaves it as it finds it
    where use_regular_nms is false.)
    """

    custom_code: ClassVar[str] = "TFLite_Detection_PostProcess"

    max_detections: int
    max_classes_per_detection: int
    detections_per_class: int
    use_regular_nms: bool
    nms_score_threshold: float
    nms_iou_threshold: float
    num_classes: int
    y_scale: float
    x_scale: float
    h_scale: float
    w_scale: float

    @classmethod
    def read(cls, op: CustomOp) -> Self:
        options = Options(op)
        return cls(
            options.integer("max_detections"),
            options.integer("max_classes_per_detection"),
            options.integer("detections_per_class", 100),
            options.flag("use_regular_nms"),
            options.real("nms_score_threshold"),
            options.real("nms_iou_threshold"),
            options.integer("num_classes"),
            options.real("y_scale"),
            options.real("x_scale"),
            options.real("h_scale"),
            options.real("w_scale"),
        )

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        if len(specs.inputs) != 3:
            raise ModelError(f"expected 3 inputs, got {len(specs.inputs)}", "inputs")
        if min(self.max_detections, self.max_classes_per_detection) < 0:
            raise ModelError(
                f"expected 0 or more detections, got {self.max_detections} of {self.max_classes_per_detection} classes",
                "custom_options",
            )
        count = self.max_detections * self.max_classes_per_detection
        return [(1, count, 4), (1, count), (1, count), (1,)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self._check_operands(specs)
        self._check_options(specs)
        real = [_reader(specs.input(i), f"inputs[{i}]", scores=i == 1) for i in range(3)]
        scales = np.array([self.y_scale, self.x_scale, self.h_scale, self.w_scale], np.float32)
        count = self.max_detections * self.max_classes_per_detection

        def run(encodings: AnyArray, scores: AnyArray, anchors: AnyArray) -> tuple[AnyArray, ...]:
            boxes = decode_boxes(real[0](encodings[0]), real[2](anchors), scales)
            if (boxes[:, :2] > boxes[:, 2:]).any():
                raise RuntimeError("expected boxes whose ends don't lie before their starts, got one")
            found = self._detect(boxes, real[1](scores[0])[:, scores.shape[2] - self.num_classes :])
            outputs = [np.zeros(shape, np.float32) for shape in ((1, count, 4), (1, count), (1, count), (1,))]
            places = self._places(len(found.boxes))
            outputs[0][0, places] = boxes[found.boxes]
            outputs[1][0, places] = found.classes
            outputs[2][0, places] = found.scores
            outputs[3][0] = len(found.boxes) // (1 if self.use_regular_nms else self._classes_each)
            return tuple(outputs)

        return Step(run, "regular" if self.use_regular_nms else "fast")

    @property
    def _classes_each(self) -> int:
        return min(self.max_classes_per_detection, self.num_classes)

    def _detect(self, boxes: AnyArray, scores: AnyArray) -> Detections:
        rule = Suppression(self.nms_score_threshold, self.nms_iou_threshold)
        if self.use_regular_nms:
            each = min(self.detections_per_class, self.max_detections)
            return suppress_each_class(boxes, scores, rule, self.max_detections, each)
        return suppress_fast(boxes, scores, rule, self.max_detections, self._classes_each)

    def _places(self, found: int) -> AnyArray:
        """Where in the outputs detections go: fast ones leave room for max_classes_per_detection classes a box."""
        if self.use_regular_nms:
            return np.arange(found)
        box, rank = np.divmod(np.arange(found), self._classes_each)
        return np.asarray(box * self.max_classes_per_detection + rank)

    def _check_operands(self, specs: Specs) -> None:
        one, boxes, width = of_rank(specs.input(0), 3, "inputs[0]")
        also_one, scored, classes = of_rank(specs.input(1), 3, "inputs[1]")
        anchors = of_rank(specs.input(2), 2, "inputs[2]")
        if one != 1 or also_one != 1 or width < 4 or scored != boxes or anchors != (boxes, 4):
            shapes = ", ".join(str(list(specs.input(i).shape or ())) for i in range(3))
            raise ModelError(f"expected shapes [1, n, 4 or more], [1, n, classes] and [n, 4], got {shapes}", "inputs")
        kinds = [specs.input(i).type for i in range(3)]
        if any(kind not in (T.FLOAT32, T.UINT8) for kind in kinds) or kinds[0] is not kinds[2]:
            raise Unsupported(f"types {', '.join(kind.name for kind in kinds)}", "inputs")
        if any(output.type is not T.FLOAT32 for output in specs.outputs):
            raise ModelError("expected outputs of type FLOAT32", "outputs")
        if self.num_classes < 1 or not 0 <= classes - self.num_classes <= 1:
            raise ModelError(f"expected scores of {self.num_classes} classes or one more, got {classes}", "inputs[1]")

    def _check_options(self, specs: Specs) -> None:
        if not 0 < np.float32(self.nms_iou_threshold) <= 1:
            raise ModelError(f"expected an nms_iou_threshold in (0, 1], got {self.nms_iou_threshold}", "custom_options")
        if self.use_regular_nms and min(self.detections_per_class, self.max_detections) < 1:
            raise ModelError(
                f"expected 1 or more detections, got {self.detections_per_class} a class of {self.max_detections}",
                "custom_options",
            )
        if self.max_classes_per_detection < 1:
            raise ModelError("expected 1 or more classes a detection, got 0", "custom_options")


def _reader(spec: Spec, where: str, *, scores: bool) -> Callable[[AnyArray], AnyArray]:
    """Numbers of an operand as float32."""
    if spec.type is T.FLOAT32:
        return lambda x: x
    scale, point = scale_of(spec, where), zero_point_of(spec, where)
    kernel = dequantize_scores if scores else dequantize_points
    return lambda x: kernel(x, scale, point)
