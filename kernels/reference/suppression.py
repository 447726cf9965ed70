"""Non-maximum suppression: boxes in the order of their scores, without those that overlap better ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Float32Array, Int32Array


class Candidate(NamedTuple):
    """A box that waits: its score so far, and how many of the chosen ones it was compared with already."""

    score: np.float32
    box: int
    compared: int


def suppress(
    boxes: Float32Array,
    scores: Float32Array,
    limit: int,
    overlap: np.float32,
    lowest: np.float32,
    sigma: np.float32,
) -> tuple[Int32Array, Float32Array]:
    """Which of the boxes (n, 4: two opposite corners) survive, at most `limit`, best first, and their scores.

    A box is left out where its score isn't above `lowest`, or it overlaps one chosen before by `overlap` or more, the
    intersection's part of the union. With sigma > 0 each one chosen before also lowers its score, by
    exp(-part**2 / (2 sigma)), and the box waits until it is the best again. All in float32; equal scores come in the
    order of the runtime's heap. A chosen box waits again, too: only its overlap with itself keeps it from being chosen
    once more, so that a box without area fills what is left.
    """
    heap = Heap()
    for box in np.flatnonzero(scores > lowest).tolist():
        heap.push(Candidate(scores[box], box, 0))
    chosen = np.zeros(min(len(heap.items), max(limit, 0)), np.int32)
    kept = np.zeros(len(chosen), np.float32)
    corners = _corners(boxes)
    scale = np.float32(-0.5 / float(sigma)) if sigma > 0 else np.float32(0)
    count = 0
    while count < len(chosen) and heap.items:
        candidate = heap.pop()
        score, hard = candidate.score, False
        for part in _overlaps(corners[candidate.box], corners[chosen[candidate.compared : count]])[::-1]:
            hard = bool(part >= overlap)
            if hard:
                break
            if sigma > 0:
                score = score * np.float32(np.exp(np.float64(scale * part * part)))
            if score <= lowest:
                break
        if hard:
            continue
        waiting = Candidate(score, candidate.box, count)
        if score == candidate.score:
            chosen[count], kept[count] = candidate.box, score
            count += 1
        if score > lowest:
            heap.push(waiting)
    return chosen[:count], kept[:count]


def _corners(boxes: Float32Array) -> Float32Array:
    """Lowest and highest y and x, (n, 4), of boxes given by any two opposite corners."""
    first, second = boxes[:, :2], boxes[:, 2:]
    return np.concatenate([np.where(second < first, second, first), np.where(first < second, second, first)], axis=1)


def _overlaps(box: Float32Array, others: Float32Array) -> Float32Array:
    """The intersection's part of the union of a box and each of the others; 0 where one has no area."""
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    sides = np.where(sides < 0, np.float32(0), sides)
    shared = sides[:, 0] * sides[:, 1]
    with np.errstate(all="ignore"):
        parts: Float32Array = shared / (area + areas - shared)
    return np.where((area <= 0) | (areas <= 0), np.float32(0), parts)


class Heap:
    """The best candidate first, ties as the runtime's std::priority_queue leaves them."""

    def __init__(self) -> None:
        self.items: list[Candidate] = []

    def push(self, candidate: Candidate) -> None:
        self.items.append(candidate)
        self._rise(len(self.items) - 1, candidate)

    def pop(self) -> Candidate:
        items = self.items
        best, last = items[0], items.pop()
        if not items:
            return best
        hole, count = 0, len(items)
        while 2 * hole + 2 < count:
            child = 2 * hole + 2
            if items[child].score < items[child - 1].score:
                child -= 1
            items[hole] = items[child]
            hole = child
        if 2 * hole + 2 == count:
            items[hole] = items[2 * hole + 1]
            hole = 2 * hole + 1
        self._rise(hole, last)
        return best

    def _rise(self, hole: int, candidate: Candidate) -> None:
        while hole > 0 and self.items[(hole - 1) // 2].score < candidate.score:
            self.items[hole] = self.items[(hole - 1) // 2]
            hole = (hole - 1) // 2
        self.items[hole] = candidate
