"""TFLite_Detection_PostProcess: both ways to suppress, floats and uint8, ties. Outputs are filled to the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from flatbuffers import flexbuffers
from parity_case import Case

from qengine.build import Builder, Operand
from qengine.model import Buffer
from qengine.op import CustomOp
from qengine.output import Output

SCALES = {"y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0}


def detect(name: str, kind: str, classes: int, *, background: bool = True, ties: bool = False, **options: Any) -> Case:
    boxes = 40

    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        real = kind == "float32"
        given = {} if real else {"scale": 0.05, "zero_point": 120}
        x = b.input("encodings", (1, boxes, 4), kind, **given)
        scored = b.input("scores", (1, boxes, classes + background), kind, **({} if real else {"scale": 1 / 256}))
        corners = np.concatenate([rng.uniform(0, 1, (boxes, 2)), rng.uniform(0.05, 0.5, (boxes, 2))], axis=1)
        if real:
            anchors = b.constant(corners.astype(np.float32))
        else:
            anchors = b.constant((corners * 255).astype(np.uint8), scale=1 / 255)
        values = SCALES | {"num_classes": classes, "nms_score_threshold": 0.0, "nms_iou_threshold": 0.6} | options
        op = CustomOp("TFLite_Detection_PostProcess", Buffer(bytes(flexbuffers.Dumps(values))))
        return list(b.add(op, [x, scored, anchors], outputs=[Output(type="float32")] * 4, version=1))

    def feed(rng: np.random.Generator) -> Sequence[Any]:
        encodings = rng.normal(0, 2, (1, boxes, 4))
        scores = (
            rng.integers(0, 4, (1, boxes, classes + background)) / 4
            if ties
            else rng.uniform(0, 1, (1, boxes, classes + background))
        )
        if kind == "float32":
            return encodings.astype(np.float32), scores.astype(np.float32)
        return (encodings * 20 + 120).clip(0, 255).astype(np.uint8), (scores * 255).astype(np.uint8)

    return Case(f"detection_{name}_{kind}", build, feed)


CASES = [
    case
    for kind in ("float32", "uint8")
    for case in (
        detect("fast", kind, 5, max_detections=8, max_classes_per_detection=1, nms_iou_threshold=1.0),
        detect("fast_three_classes", kind, 7, max_detections=8, max_classes_per_detection=3, nms_iou_threshold=1.0),
        detect("fast_ties", kind, 6, ties=True, max_detections=9, max_classes_per_detection=4, nms_iou_threshold=1.0),
        detect("by_class", kind, 4, use_regular_nms=True, max_detections=20, max_classes_per_detection=1),
        detect(
            "by_class_few",
            kind,
            3,
            background=False,
            ties=True,
            use_regular_nms=True,
            max_detections=10,
            max_classes_per_detection=1,
            detections_per_class=4,
            nms_score_threshold=0.3,
        ),
    )
]
