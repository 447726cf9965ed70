"""Matrix product of stored bytes and packed int8 weights, with requantization: convolutions and dense layers run on it.

A row of the left matrix is given by pieces: spans of 4 * k4 contiguous bytes at fixed distances from the row's start.
For a convolution that start is a pixel of a padded image, and a piece is one row of the filter: no patches are copied.

Weights lie as `[panel][piece][k4][vector][lane][4]`, a panel being the columns of `vectors` vectors. Weights outside
int8 (uint8 less an asymmetric zero point) are clipped, and what is missing is added from a list, per panel, of the few
groups of four that have such a weight.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from . import rounding
from .language import I32, I64, Function, Value
from .layer import Matrix, split_outliers
from .pieces import Narrowing, column, dot, store
from .plan import NOWHERE, Family, Finish, Place, Plan
from .target import Target

TILES = {
    "avx512vnni": {4: 6, 2: 12, 1: 16},
    "avxvnni": {2: 6, 1: 12},
    "avx2": {2: 4, 1: 8},
    "neutral": {4: 3, 2: 6, 1: 8},
}
"""Per variant, by vectors in a panel: the most rows of a tile whose accumulators stay in registers."""


def _write_gemm(f: Function, rows: int, vectors: int, rule: str, ending: str, width: str, weights: str) -> None:
    """out[line][tile][row][column]: `ending` plain or clamp, `width` full or part, `weights` int8, outliers or rows.

    With `rows` an int32 for every row is added to its sums: they lie at `outliers`.
    """
    lanes = f.target.lanes
    vector, size = I32.x(lanes), 4 * lanes
    row = f.arguments(GEMM.slots)
    narrowing = Narrowing(f, row.finish, ending)
    row_steps = [f.constant(0, I64), row.lda, row.lda << 1, row.lda * 3]
    group_step = row.lda << 2

    def groups(start: Value) -> list[Value]:
        """One pointer per four rows."""
        pointers = [start]
        for _ in range(4, rows, 4):
            pointers.append(pointers[-1] + group_step)
        return pointers

    def products(accumulators: list[list[Value]], pointers: list[Value], w: Value) -> list[list[Value]]:
        """The tile's next four k."""
        columns4 = [w.load(vector, size * j) for j in range(vectors)]
        result = []
        for i, sums in enumerate(accumulators):
            pointer = pointers[i // 4] if i % 4 == 0 else pointers[i // 4] + row_steps[i % 4]
            x = pointer.load(I32).splat(lanes)
            result.append([dot(sum_, x, c) for sum_, c in zip(sums, columns4, strict=True)])
        return result

    with f.loop(row.lines, a=row.a, out=row.out) as line:
        with f.loop(row.tiles, a=line.a, out=line.out, terms=row.outliers) as tile:
            bias = [row.parameters.load(vector, size * j) for j in range(vectors)]
            with f.loop(row.piece_count, piece=row.pieces, w=row.w, sums=[bias] * rows) as each:
                start = tile.a + each.piece.load(I64, 0, 8)
                with f.loop(row.k4, pointers=groups(start), w=each.w, sums=each.sums) as k:
                    k.sums = products(k.sums, k.pointers, k.w)
                    k.pointers, k.w = [pointer + 4 for pointer in k.pointers], k.w + size * vectors
                each.sums, each.w, each.piece = k.sums, k.w, each.piece + 8
            sums = each.sums
            if weights == "outliers":
                with f.loop(row.outlier_count, True, entry=row.outliers, sums=sums) as extra:
                    pointers = groups(tile.a + extra.entry.load(I64, 0, 8))
                    extra.sums = products(extra.sums, pointers, extra.entry + 64)
                    extra.entry = extra.entry + (64 + size * vectors)
                sums = extra.sums
            if weights == "rows":
                terms = [tile.terms.load(I32, 4 * i).splat(lanes) for i in range(rows)]
                sums = [[sum_ + term for sum_ in own] for own, term in zip(sums, terms, strict=True)]
                tile.terms = tile.terms + 4 * rows
            numbers = [rounding.load(f, rule, row.parameters, j, vectors, lanes) for j in range(vectors)]
            for i in range(rows):
                rounded = [rounding.apply(f, rule, sums[i][j], numbers[j]) for j in range(vectors)]
                store(tile.out + row.ldo * i, narrowing.narrow(rounded), row.columns if width == "part" else None)
            tile.a, tile.out = tile.a + row.lda * rows, tile.out + row.ldo * rows
        line.a, line.out = line.a + row.a_line, line.out + row.out_line


GEMM = Family(
    "gemm",
    "*a lda #k4 *pieces #piece_count *w *parameters *out ldo #columns finish #tiles #lines a_line out_line "
    "*outliers outlier_count",
    _write_gemm,
)


class Panel(NamedTuple):
    """The columns of `vectors` vectors, `columns` of them real."""

    first: int
    vectors: int
    columns: int
    weights: Place
    parameters: Place
    parameter_bytes: int
    outliers: Place
    outlier_count: int


class Packed(NamedTuple):
    """Weights in the order that the kernel reads them."""

    panels: tuple[Panel, ...]
    k4: int
    pieces: Place
    piece_count: int
    rule: str


def panel_widths(target: Target, columns: int) -> list[tuple[int, int]]:
    """(first column, vectors) of the panels that cover `columns`: wide ones while at most one vector is wasted."""
    result, first = [], 0
    widths = TILES[target.name]
    while first < columns:
        left = columns - first
        vectors = 4 if left > 3 * target.lanes and 4 in widths else 2 if left > target.lanes else 1
        result.append((first, vectors))
        first += vectors * target.lanes
    return result


@cache
def _natural_order(vectors: int, lanes: int) -> npt.NDArray[np.intp]:
    """The column at (vector, lane) of a panel that begins at column 0, flat."""
    return np.array([column(vectors, j, e) for j in range(vectors) for e in range(lanes)], np.intp)


def chosen_columns(first: int | npt.NDArray[np.intp], vectors: int, lanes: int, columns: int) -> npt.NDArray[np.intp]:
    """The output column at (vector, lane) of a panel, flat; -1 where there is none. One row for each of several."""
    chosen = np.asarray(first)[..., None] + _natural_order(vectors, lanes)
    return np.where(chosen < columns, chosen, -1)


def pack(plan: Plan, matrix: Matrix, piece_offsets: Sequence[int], k4_step: int = 1) -> Packed:
    """Pack weights (columns, pieces, k); piece p begins `piece_offsets[p]` bytes into a row.

    k is filled up with zero weights to a multiple of 4 * k4_step.
    """
    lanes = plan.target.lanes
    columns, pieces, k = matrix.values.shape
    k4 = -(-k // (4 * k4_step)) * k4_step
    quads, *outliers = [_quads(part, k4) for part in split_outliers(matrix.values)]
    widths = panel_widths(plan.target, columns)
    weights, memory = plan.room(pieces * k4 * 4 * lanes * sum(vectors for _, vectors in widths))
    panels = []
    for vectors, run in itertools.groupby(widths, lambda width: width[1]):
        starts, whole = [first for first, _ in run], vectors * lanes
        chosen = chosen_columns(np.array(starts), vectors, lanes, columns)
        shape = len(starts), pieces, k4, whole
        size = 4 * pieces * k4 * whole
        memory[: len(starts) * size].view(np.int32).reshape(shape)[:] = quads[chosen].transpose(0, 2, 3, 1)
        memory = memory[len(starts) * size :]
        block = matrix.parameters(chosen)
        parameters = plan.constant(block)
        for first, of_panel in zip(starts, chosen, strict=True):
            entries = [entry for part in outliers for entry in _entries(part[of_panel], piece_offsets)]
            listed = plan.constant(np.concatenate(entries)) if entries else NOWHERE
            real = min(columns - first, whole)
            panels.append(Panel(first, vectors, real, weights, parameters, block[0].nbytes, listed, len(entries)))
            weights, parameters = weights + size, parameters + block[0].nbytes
    return Packed(tuple(panels), k4, plan.constant(np.array(piece_offsets, np.int64)), pieces, matrix.piece)


def _quads(values: npt.NDArray[np.int8], k4: int) -> npt.NDArray[np.int32]:
    """Weights (columns, pieces, k) four k to a word, (columns + 1, pieces, k4): the last are what column -1 finds."""
    columns, pieces, k = values.shape
    padded = np.zeros((columns + 1, pieces, 4 * k4), np.int8)
    padded[:columns, :, :k] = values
    return padded.view(np.int32)


def _entries(quads: npt.NDArray[np.int32], piece_offsets: Sequence[int]) -> Iterator[npt.NDArray[np.int32]]:
    """Of weights (column, piece, k4) of a panel, per group of four k that has any: where it lies in a row of input
    (8 of 64 bytes), and its weights."""
    for piece, group in np.argwhere(quads.any(0)):
        head = np.zeros(8, np.int64)
        head[0] = piece_offsets[piece] + 4 * group
        yield np.concatenate([head.view(np.int32), quads[:, piece, group]])


def cover(rows: int, most: int) -> list[tuple[int, int]]:
    """(tile rows, tiles) that cover `rows` exactly with tiles of at most `most`: two neighbouring heights do."""
    tiles = -(-rows // most)
    low, more = divmod(rows, tiles)
    return [(height, count) for height, count in ((low + 1, more), (low, tiles - more)) if count]


def multiply(
    plan: Plan,
    packed: Packed,
    a: Place,
    lda: int,
    rows: int,
    out: Place,
    ldo: int,
    finish: Finish,
    lines: int = 1,
    a_line: int = 0,
    out_line: int = 0,
    terms: Place | None = None,
) -> None:
    """Rows that compute out[line][row][column] from a[line][row]. terms: an int32 for every row, of one line."""
    depth = packed.k4 * packed.piece_count
    columns = sum(panel.columns for panel in packed.panels)
    block = _block_rows(rows, 4 * depth, columns) if lines == 1 else rows

    def multiply_block(start: int, rows: int) -> int:
        """How many rows of the plan that are."""
        count = 0
        for panel in packed.panels:
            width = "full" if panel.columns == panel.vectors * plan.target.lanes else "part"
            kind = "outliers" if panel.outlier_count else "int8" if terms is None else "rows"
            row = start
            for height, tiles in cover(rows, TILES[plan.target.name][panel.vectors]):
                plan.row(
                    GEMM,
                    height,
                    panel.vectors,
                    packed.rule,
                    finish.word,
                    width,
                    kind,
                    a=a + row * lda,
                    lda=lda,
                    k4=packed.k4,
                    pieces=packed.pieces,
                    piece_count=packed.piece_count,
                    w=panel.weights,
                    parameters=panel.parameters,
                    out=out + (row * ldo + panel.first),
                    ldo=ldo,
                    columns=panel.columns,
                    finish=finish.argument,
                    tiles=tiles,
                    lines=lines,
                    a_line=a_line,
                    out_line=out_line,
                    outliers=panel.outliers if terms is None else terms + 4 * row,
                    outlier_count=panel.outlier_count,
                    work=lines * tiles * height * panel.vectors * (depth + 8),
                )
                if lines > tiles:
                    plan.divisible(GEMM, "lines", a=a_line, out=out_line)
                else:
                    plan.divisible(
                        GEMM, "tiles", a=height * lda, out=height * ldo, outliers=0 if terms is None else 4 * height
                    )
                row += height * tiles
                count += 1
        return count

    count = multiply_block(0, block)
    plan.again(count, rows // block - 1, GEMM, a=block * lda, out=block * ldo)
    if left := rows % block:
        multiply_block(rows - left, left)


def _block_rows(rows: int, depth: int, columns: int) -> int:
    """Rows to finish over all panels before the next: few enough that they stay in the first-level cache.

    Not where the weights wouldn't stay there beside them, or where the rows nearly fit anyway.
    """
    block = max(48, 24576 // (depth + columns) // 48 * 48)
    if depth * columns > 65536 or rows * 2 <= block * 3:
        return rows
    return block
