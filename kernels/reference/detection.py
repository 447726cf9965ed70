"""Detection: boxes decoded from their anchors, and those suppressed that overlap a better one.

Boxes (n, 4) are float32 corners (top, left, bottom, right); scores are (n, classes).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import AnyArray, Float32Array, Int64Array
from .partial_sort import largest


class Suppression(NamedTuple):
    """Boxes that score at least `score` count; one that overlaps a better one by more than `overlap` goes.

    overlap: intersection over union, in (0, 1].
    """

    score: float
    overlap: float


class Detections(NamedTuple):
    """The best first: which box (k,), which class (k,), its score (k,)."""

    boxes: Int64Array
    classes: Int64Array
    scores: Float32Array


def dequantize_points(q: AnyArray, scale: np.float32, zero_point: int) -> Float32Array:
    """(q - zero_point) * scale, float32."""
    result: Float32Array = (q.astype(np.float32) - np.float32(zero_point)) * scale
    return result


def dequantize_scores(q: AnyArray, scale: np.float32, zero_point: int) -> Float32Array:
    """uint8 scores as the vector kernel reads them: q * scale - zero_point * scale, but for the last n % 8 of all."""
    flat = q.reshape(-1)
    bias = np.float32(-float(zero_point) * float(scale))
    real = flat.astype(np.float32) * scale + bias
    tail = flat.size // 8 * 8
    real[tail:] = scale * (flat[tail:].astype(np.int32) - zero_point).astype(np.float32)
    return real.reshape(q.shape)


def decode_boxes(encodings: Float32Array, anchors: Float32Array, scales: AnyArray) -> Float32Array:
    """Encodings (n, 4 or more) and anchors (n, 4), both (y, x, height, width): centers moved by parts of the anchor's
    size, sizes scaled by exponentials. scales: what each of the four is divided by. Computed in float64, cornered in
    float32."""
    moves = encodings[:, :4].astype(np.float64) / np.asarray(scales, np.float32).astype(np.float64)
    wide = anchors.astype(np.float64)
    centers = (moves[:, :2] * wide[:, 2:] + wide[:, :2]).astype(np.float32)
    halves = (0.5 * np.exp(moves[:, 2:]) * wide[:, 2:]).astype(np.float32)
    return np.concatenate([centers - halves, centers + halves], axis=1)


def overlaps(box: Float32Array, others: Float32Array) -> Float32Array:
    """Intersection over union of one box (4,) with others (n, 4); 0 with a box of no area."""
    zero = np.float32(0)
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    sides = np.maximum(high - low, zero)
    shared = sides[:, 0] * sides[:, 1]
    ratio = shared / (area + areas - shared)
    return np.where((area <= 0) | (areas <= 0), zero, ratio)


def suppress(boxes: Float32Array, scores: Float32Array, rule: Suppression, count: int) -> Int64Array:
    """Up to `count` boxes of one class (scores (n,)), the best first, of equals the first."""
    kept = np.flatnonzero(scores >= np.float32(rule.score))
    left = kept[np.argsort(-scores[kept], kind="stable")]
    selected: list[np.int64] = []
    while len(left) and len(selected) < count:
        best, left = left[0], left[1:]
        selected.append(best)
        left = left[~(overlaps(boxes[best], boxes[left]) > np.float32(rule.overlap))]
    return np.array(selected, np.int64)


def suppress_fast(
    boxes: Float32Array, scores: Float32Array, rule: Suppression, count: int, classes_each: int
) -> Detections:
    """Boxes compete by their best class, whichever it is; each that stays is reported with its `classes_each` best."""
    best = suppress(boxes, scores.max(axis=1), rule, count)
    if classes_each == 1:
        ranked = scores[best].argmax(axis=1)[:, np.newaxis]
    else:
        ranked = np.array([largest(row, classes_each) for row in scores[best]], np.int64).reshape(-1, classes_each)
    return Detections(
        np.repeat(best, ranked.shape[1]), ranked.reshape(-1), np.take_along_axis(scores[best], ranked, 1).reshape(-1)
    )


def suppress_each_class(
    boxes: Float32Array, scores: Float32Array, rule: Suppression, count: int, count_a_class: int
) -> Detections:
    """Boxes compete within every class; of all that stay, the best `count`, of equals those of the first class."""
    found = Detections(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    for number in range(scores.shape[1]):
        best = suppress(boxes, scores[:, number], rule, count_a_class)
        all_boxes = np.concatenate([found.boxes, best])
        all_classes = np.concatenate([found.classes, np.full(len(best), number)])
        all_scores = np.concatenate([found.scores, scores[best, number]])
        order = np.argsort(-all_scores, kind="stable")[:count]
        found = Detections(all_boxes[order], all_classes[order], all_scores[order])
    return found
