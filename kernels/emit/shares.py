"""How a program's rows are divided among threads, ahead of time.

Rows of one stage are independent, so a stage with enough work is shared: each thread gets a stretch of its rows of
about equal work, and a row that lies across a border is cut where it can be. Stages with little work stay on the first
thread, together with what follows, up to the next one that is shared.
"""

from __future__ import annotations

from collections.abc import Sequence

from .plan import BoundRow

SHARED_WORK = 16384
"""Vector operations of a stage from which it is shared: a million multiply-accumulates of bytes with AVX-512."""
WORTH = 1 << 20
"""Shared vector operations of a program from which other threads are worth their waking: some 200 microseconds."""

Segment = list[list[BoundRow]]
"""Each thread's rows between two barriers."""


def segments(stages: Sequence[Sequence[BoundRow]], threads: int) -> list[Segment]:
    """The stages as segments for so many threads; all on the first thread where sharing isn't worth it."""
    divided = [_divide(stage, threads) for stage in stages]
    shared = sum(_work(stage) for stage, parts in zip(stages, divided, strict=True) if parts is not None)
    result: list[Segment] = []
    alone = False
    for stage, parts in zip(stages, divided, strict=True):
        if parts is not None and shared >= WORTH:
            result.append(parts)
            alone = False
        elif alone:
            result[-1][0].extend(stage)
        else:
            result.append([list(stage), *([] for _ in range(1, threads))])
            alone = True
    return result


def _work(rows: Sequence[BoundRow]) -> int:
    return sum(row.work for row in rows)


def _divide(stage: Sequence[BoundRow], threads: int) -> Segment | None:
    """A stage's rows for each thread; None where there is too little to share, or no way to."""
    total = _work(stage)
    if total < SHARED_WORK:
        return None
    parts: Segment = []
    left = list(stage)
    for thread in range(threads):
        part: list[BoundRow] = []
        wanted = _work(left) / (threads - thread)
        while left and wanted > 0:
            first, rest = left[0].cut(wanted)
            if first is None:
                break
            part.append(first)
            wanted -= first.work
            left[:1] = [] if rest is None else [rest]
        parts.append(part)
    parts[-1] += left
    return parts if max(_work(part) for part in parts) <= 0.75 * total else None
