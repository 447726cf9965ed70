"""How a program's rows are divided into chunks that threads share, ahead of time.

Rows of one stage are independent, so a stage with enough work is shared: cut into chunks, large ones at both ends and
small ones between, where those who come early help those who are late. Stages with little work stay on one thread,
together with what follows, up to the next one that is shared.
"""

from __future__ import annotations

from collections.abc import Sequence

from .plan import BoundRow

SHARED_WORK = 16384
"""Vector operations of a stage from which it is shared: a million multiply-accumulates of bytes with AVX-512."""
WORTH = 1 << 19
"""Shared vector operations of a program from which other threads are worth their waking: some 100 microseconds."""
CHUNKS = (0.6, 0.24, 0.16)
"""Of a thread's fair share of a stage: the first takes it the farthest, the last are what another may take over."""

Share = list[list[BoundRow]]
"""The chunks of a stage; a single one where it isn't shared."""


def shares(stages: Sequence[Sequence[BoundRow]], threads: int) -> list[Share]:
    """The stages, divided for so many threads where that is worth it."""
    divided = [_divide(stage, threads) if threads > 1 else None for stage in stages]
    gain = sum(_work(stage) for stage, chunks in zip(stages, divided, strict=True) if chunks is not None)
    result: list[Share] = []
    for stage, chunks in zip(stages, divided, strict=True):
        if chunks is not None and gain >= WORTH:
            result.append(chunks)
        elif result and len(result[-1]) == 1:
            result[-1][0].extend(stage)
        else:
            result.append([list(stage)])
    return result


def _work(rows: Sequence[BoundRow]) -> int:
    return sum(row.work for row in rows)


def _divide(stage: Sequence[BoundRow], threads: int) -> Share | None:
    """A stage's chunks; None where there is too little to share, or no way to.

    The first thread takes chunks from the front, the others from the back.
    """
    total = _work(stage)
    if total < SHARED_WORK:
        return None
    sizes = [*CHUNKS, *(size for size in reversed(CHUNKS) for _ in range(1, threads))]
    chunks: Share = []
    left, wanted = list(stage), 0.0
    for size in sizes:
        chunk: list[BoundRow] = []
        wanted += size * total / threads
        while left and wanted > 0:
            first, rest = left[0].cut(wanted)
            if first is None:
                break
            chunk.append(first)
            wanted -= first.work
            left[:1] = [] if rest is None else [rest]
        if chunk:
            chunks.append(chunk)
    if left:
        chunks.append(left)
    return chunks if max(_work(chunk) for chunk in chunks) <= 0.75 * total else None
