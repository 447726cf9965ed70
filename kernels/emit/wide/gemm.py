"""Matrix product of int16 numbers and packed int8 weights.

The numbers lie as two planes of bytes, the low ones and the high ones + 128, which multiply the same weights: twice the
dot products of 8 bits, and sums that 64 bits put together. Pieces are those of `..gemm`; weights lie as there, with the
columns of two vectors in the order of `column`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..fill import FILL
from ..gemm import TILES, cover, panel_widths
from ..language import I8, I16, I32, I64, Function, Value
from ..pieces import BLOCK, column, dot, store
from ..plan import Family, Place, Plan
from .layer import Halfwords, Layer, finished


def _write_split(f: Function) -> None:
    """`rows` rows of `size` int16 to two planes: the low bytes, and `high` bytes further the high ones + 128."""
    row, lanes = f.arguments(SPLIT.slots), 2 * f.target.lanes

    def split(a: Value, out: Value, count: Value | None) -> None:
        words = a.load(I16.x(lanes))
        store(out, words.truncate(I8), count)
        store(out + row.high, words.shift_right_unsigned(8).truncate(I8) ^ -128, count)

    with f.loop(row.rows, a=row.a, out=row.out) as line:
        full = row.size.shift_right_unsigned(lanes.bit_length() - 1)
        with f.loop(full, True, a=line.a, out=line.out) as part:
            split(part.a, part.out, None)
            part.a, part.out = part.a + 2 * lanes, part.out + lanes
        rest = row.size & (lanes - 1)
        with f.when(rest > 0):
            split(part.a, part.out, rest)
        line.a, line.out = line.a + row.a_pitch, line.out + row.out_pitch


SPLIT = Family("split", "*a *out high #size #rows a_pitch out_pitch", _write_split)


def _write_gemm(f: Function, rows: int, vectors: int, piece: str, ending: str, width: str) -> None:
    """int16 out[line][tile][row][column]; `ending` plain or clamp, `width` full or part."""
    lanes = f.target.lanes
    vector, size = I32.x(lanes), 4 * lanes
    row = f.arguments(WIDE_GEMM.slots)
    halfwords = Halfwords(f, row.low, row.top, ending)
    zero = f.constant(0, vector)
    row_steps = [f.constant(0, I64), row.lda, row.lda << 1, row.lda * 3]

    def groups(start: Value) -> list[Value]:
        pointers = [start]
        for _ in range(4, rows, 4):
            pointers.append(pointers[-1] + (row.lda << 2))
        return pointers

    with f.loop(row.lines, a=row.a, out=row.out) as line:
        with f.loop(row.tiles, a=line.a, out=line.out) as tile:
            none = [[[zero, zero] for _ in range(vectors)] for _ in range(rows)]
            with f.loop(row.piece_count, piece=row.pieces, w=row.w, sums=none) as each:
                start = tile.a + each.piece.load(I64, 0, 8)
                with f.loop(row.k4, pointers=groups(start), w=each.w, sums=each.sums) as k:
                    weights = [k.w.load(vector, size * j) for j in range(vectors)]
                    new = []
                    for i, own in enumerate(k.sums):
                        pointer = k.pointers[i // 4] + row_steps[i % 4] if i % 4 else k.pointers[i // 4]
                        planes = [at.load(I32).splat(lanes) for at in (pointer, pointer + row.high)]
                        new.append(
                            [
                                [dot(sum_, plane, w) for sum_, plane in zip(both, planes, strict=True)]
                                for both, w in zip(own, weights, strict=True)
                            ]
                        )
                    k.sums = new
                    k.pointers, k.w = [pointer + 4 for pointer in k.pointers], k.w + size * vectors
                each.sums, each.w, each.piece = k.sums, k.w, each.piece + 8
            for i, own in enumerate(each.sums):
                out = tile.out + row.ldo * i
                done = [finished(f, piece, both, row.parameters, j, vectors) for j, both in enumerate(own)]
                for j in range(0, vectors, 2):
                    words = halfwords.narrow(done[j : j + 2])
                    last = width == "part" and j + 2 >= vectors
                    store(out + 2 * lanes * j, words, row.columns - lanes * j if last else None)
            tile.a, tile.out = tile.a + row.lda * rows, tile.out + row.ldo * rows
        line.a, line.out = line.a + row.a_line, line.out + row.out_line


WIDE_GEMM = Family(
    "widegemm",
    "*a high lda #k4 *pieces #piece_count *w *parameters *out ldo #columns low top #tiles #lines a_line out_line",
    _write_gemm,
)


@dataclass(frozen=True, slots=True)
class Planes:
    """Two planes of bytes of int16 numbers: where the low ones begin, and how far behind them the high ones are."""

    low: Place
    high: int

    def __add__(self, step: int) -> Planes:
        return Planes(self.low + step, self.high)


@dataclass(frozen=True, slots=True)
class Panel:
    """The columns of `vectors` vectors, `columns` of them real."""

    first: int
    vectors: int
    columns: int
    weights: Place
    parameters: Place


@dataclass(frozen=True, slots=True)
class Packed:
    """Weights in the order that the kernel reads them."""

    panels: tuple[Panel, ...]
    k4: int
    pieces: Place
    piece_count: int
    layer: Layer


def split(
    plan: Plan, source: Place, image: tuple[int, int, int], padding: tuple[tuple[int, int], tuple[int, int]]
) -> Planes:
    """Rows that split an image (h, w, c) of int16 into planes in scratch memory, with a border of zeros."""
    height, width, channels = image
    (top, bottom), (left, right) = padding
    pitch = (left + width + right) * channels
    size = (top + height + bottom) * pitch
    low, high = plan.reserve(size), plan.reserve(size)
    distance = high.offset - low.offset
    if padding != ((0, 0), (0, 0)):
        for plane, value in ((low, 0), (high, 128)):
            plan.row(FILL, target=plane, size=size, pitch=0, rows=1, value=value, work=size // 64)
        plan.then()
    whole = left + right == 0
    rows, length = (1, height * width * channels) if whole else (height, width * channels)
    plan.row(
        SPLIT,
        a=source,
        out=low + (top * pitch + left * channels),
        high=distance,
        size=length,
        rows=rows,
        a_pitch=2 * length,
        out_pitch=pitch,
        work=height * width * channels // 16,
    )
    if whole:
        plan.divisible(SPLIT, "size", BLOCK, a=2, out=1)
    else:
        plan.divisible(SPLIT, "rows", a=2 * length, out=pitch)
    plan.then()
    return Planes(low, distance)


def pack(
    plan: Plan, layer: Layer, weights: npt.NDArray[np.int8], piece_offsets: Sequence[int], first: int = 0
) -> Packed:
    """Pack weights (columns, pieces, k); piece p begins `piece_offsets[p]` elements into a row.

    first: the output channel of the first column, by which bias and rule are found.
    """
    lanes = plan.target.lanes
    columns, pieces, k = weights.shape
    k4 = -(-k // 4)
    padded = np.zeros((columns + 1, pieces, 4 * k4), np.int8)  # the last is what column -1 finds
    padded[:columns, :, :k] = weights
    channels = len(layer.weights) if layer.bias is None else len(layer.bias)
    fold = np.zeros(max(channels, first + columns), np.int64)
    fold[first : first + columns] = weights.reshape(columns, -1).sum(1, dtype=np.int64) * -(1 << 15)
    panels = []
    for start, vectors in panel_widths(plan.target, columns):
        order = [column(2, j, e) for j in range(2) for e in range(lanes)] if vectors > 1 else list(range(lanes))
        chosen = start + (2 * lanes * np.arange(max(vectors // 2, 1))[:, None] + order).ravel()
        chosen = np.where(chosen < columns, chosen, -1)
        ordered = padded[chosen].reshape(len(chosen), pieces, k4, 4).transpose(1, 2, 0, 3)
        numbered = np.where(chosen < 0, -1, first + chosen).reshape(vectors, lanes)
        panels.append(
            Panel(
                start,
                vectors,
                min(columns - start, vectors * lanes),
                plan.constant(ordered),
                plan.constant(layer.parameters(fold, numbered)),
            )
        )
    return Packed(tuple(panels), k4, plan.constant(np.array(piece_offsets, np.int64)), pieces, layer)


def multiply(
    plan: Plan,
    packed: Packed,
    a: Planes,
    lda: int,
    rows: int,
    out: Place,
    ldo: int,
    lines: int = 1,
    a_line: int = 0,
    out_line: int = 0,
) -> None:
    """Rows that compute out[line][row][column] from a[line][row]. lda, a_line in elements, ldo, out_line in bytes."""
    depth, layer = packed.k4 * packed.piece_count, packed.layer
    for panel in packed.panels:
        row = 0
        for height, tiles in cover(rows, max(1, TILES[plan.target.name][panel.vectors] // 2)):
            plan.row(
                WIDE_GEMM,
                height,
                panel.vectors,
                layer.piece,
                layer.ending,
                "full" if panel.columns == panel.vectors * plan.target.lanes else "part",
                a=a.low + row * lda,
                high=a.high,
                lda=lda,
                k4=packed.k4,
                pieces=packed.pieces,
                piece_count=packed.piece_count,
                w=panel.weights,
                parameters=panel.parameters,
                out=out + (row * ldo + 2 * panel.first),
                ldo=ldo,
                columns=panel.columns,
                low=layer.low,
                top=layer.high,
                tiles=tiles,
                lines=lines,
                a_line=a_line,
                out_line=out_line,
                work=lines * tiles * height * panel.vectors * 2 * (depth + 16),
            )
            if lines > tiles:
                plan.divisible(WIDE_GEMM, "lines", a=a_line, out=out_line)
            else:
                plan.divisible(WIDE_GEMM, "tiles", a=height * lda, out=height * ldo)
            row += height * tiles
