"""Bytes moved and filled: the padded copy that convolutions read, exact copies, constants."""

from __future__ import annotations

from .language import I1, I8, VOID, Function
from .plan import Family, Place, Plan


def _write_pad(f: Function) -> None:
    """Copies `rows` rows of 64 * row_vectors bytes, each followed by a gap of 64 * gap_vectors bytes of `value`.

    In memory order, so that what a row or gap writes too much is put right by the next; the last needs slack.
    """
    row = f.arguments(PAD.slots)
    block = I8.x(64)
    filling = row.value.truncate(I8).splat(64)
    with f.loop(row.rows, source=row.source, target=row.target) as line:
        with f.loop(row.row_vectors, p=line.source, q=line.target) as copy:
            copy.q.store(copy.p.load(block))
            copy.p, copy.q = copy.p + 64, copy.q + 64
        with f.loop(row.gap_vectors, True, q=line.target + row.gap) as fill:
            fill.q.store(filling)
            fill.q = fill.q + 64
        line.source, line.target = line.source + row.source_pitch, line.target + row.target_pitch


PAD = Family("pad", "*source *target #row_vectors source_pitch target_pitch gap gap_vectors #rows value", _write_pad)


def _write_copy(f: Function) -> None:
    """Copies `rows` rows of `size` bytes, exactly."""
    row = f.arguments(COPY.slots)
    with f.loop(row.rows, source=row.source, target=row.target) as line:
        f.call("llvm.memcpy.p0.p0.i64", VOID, line.target, line.source, row.size, f.constant(0, I1))
        line.source, line.target = line.source + row.source_pitch, line.target + row.target_pitch


COPY = Family("copy", "*source *target size source_pitch target_pitch #rows", _write_copy)


def _write_fill(f: Function) -> None:
    """Fills `rows` rows of `size` bytes with `value`, exactly."""
    row = f.arguments(FILL.slots)
    value = row.value.truncate(I8)
    with f.loop(row.rows, target=row.target) as line:
        f.call("llvm.memset.p0.i64", VOID, line.target, value, row.size, f.constant(0, I1))
        line.target = line.target + row.pitch


FILL = Family("fill", "*target size pitch #rows value", _write_fill)


def _write_repeat(f: Function) -> None:
    """Copies bytes, each `times` times in a row."""
    row = f.arguments(REPEAT.slots)
    with f.loop(row.count, source=row.source, target=row.target) as each:
        byte = each.source.load(I8)
        with f.loop(row.times, target=each.target) as again:
            again.target.store(byte)
            again.target = again.target + 1
        each.source, each.target = each.source + 1, again.target


REPEAT = Family("repeat", "*source *target #count #times", _write_repeat)


def padded_copy(
    plan: Plan, source: Place, image: tuple[int, int, int], padding: tuple[tuple[int, int], tuple[int, int]], value: int
) -> Place:
    """Rows that copy an image (h, w, c) of bytes into scratch memory with a border of `value`; where it lies."""
    height, width, channels = image
    (top, bottom), (left, right) = padding
    row = width * channels
    pitch = (left + width + right) * channels
    size = (top + height + bottom) * pitch
    target = plan.reserve(size + left * channels)
    before = top * pitch + left * channels
    if before:
        plan.row(FILL, target=target, size=before, pitch=0, rows=1, value=value, work=before // 64)
    gap = (right + left) * channels
    plan.row(
        PAD,
        source=source,
        target=target + before,
        row_vectors=-(-row // 64),
        source_pitch=row,
        target_pitch=pitch,
        gap=row,
        gap_vectors=-(-gap // 64),
        rows=height,
        value=value,
        work=(size // 64) * 2,
    )
    plan.then()
    after = bottom * pitch - left * channels
    if after > 0:
        plan.row(
            FILL, target=target + before + height * pitch, size=after, pitch=0, rows=1, value=value, work=after // 64
        )
        plan.then()
    return target
