"""Matrix product of float32 activations and packed weights, with bias and clamp, for convolutions and dense layers.

A row of the left matrix is given by pieces, each `depth` contiguous floats: where it lies from the row's start, and
which k of the packed weights it meets. So an output whose window reaches out of the image lists fewer or shorter pieces
than one inside: no padded copy, no patches.

Weights lie as `[panel][k][vector][lane]`, a panel being the columns of `vectors` vectors; or as a matrix (k, columns)
does that is computed while running.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..gemm import cover
from ..language import F32, I64, Function, Value
from ..pieces import store
from ..plan import Family, Place, Plan
from ..target import Target
from .layer import Floats, Layer
from .pieces import Clamping, Summing, narrowest

TILES = {
    "avx512vnni": {4: 6, 2: 12, 1: 16},
    "avxvnni": {2: 6, 1: 12},
    "avx2": {2: 6, 1: 12},
    "neutral": {2: 6, 1: 8},
}
"""Per variant, by vectors in a panel: the most rows of a tile whose accumulators stay in registers."""


def _write_gemm(f: Function, rows: int, vectors: int, lanes: int, order: str, ending: str, width: str) -> None:
    """out[line][tile][row][column]: `order` of an Order, `ending` plain, low or clamp, `width` full or part."""
    vector, size = F32.x(lanes), 4 * lanes
    row = f.arguments(GEMM.slots)
    summing, clamping = Summing(order), Clamping(ending, row.low, row.high)
    row_steps = [f.constant(0, I64), row.lda, row.lda << 1, row.lda * 3]
    group_step = row.lda << 2

    def groups(start: Value) -> list[Value]:
        """One pointer per four rows."""
        pointers = [start]
        for _ in range(4, rows, 4):
            pointers.append(pointers[-1] + group_step)
        return pointers

    with f.loop(row.lines, a=row.a, out=row.out) as line:
        with f.loop(row.tiles, a=line.a, out=line.out) as tile:
            bias = [row.bias.load(vector, size * j) for j in range(vectors)]
            with f.loop(
                row.piece_count, True, piece=row.pieces, sums=[[summing.start(b) for b in bias]] * rows
            ) as each:
                start = tile.a + each.piece.load(I64, 0, 8)
                w = row.w + each.piece.load(I64, 8, 8) * row.w_step
                with f.loop(row.depth, pointers=groups(start), w=w, sums=each.sums) as k:
                    columns = [k.w.load(vector, size * j) for j in range(vectors)]
                    sums = []
                    for i, old in enumerate(k.sums):
                        x = (k.pointers[i // 4] + row_steps[i % 4] if i % 4 else k.pointers[i // 4]).load(F32)
                        x = x.splat(lanes)
                        sums.append([summing.add(sum_, x, c) for sum_, c in zip(old, columns, strict=True)])
                    k.sums = sums
                    k.pointers, k.w = [pointer + 4 for pointer in k.pointers], k.w + row.w_step
                each.sums, each.piece = k.sums, each.piece + 16
            for i in range(rows):
                at = tile.out + row.ldo * i
                for j, sum_ in enumerate(each.sums[i]):
                    last = width == "part" and j == vectors - 1
                    store(at + size * j, clamping.apply(summing.end(sum_, bias[j])), row.columns if last else None)
            tile.a, tile.out = tile.a + row.lda * rows, tile.out + row.ldo * rows
        line.a, line.out = line.a + row.a_line, line.out + row.out_line


GEMM = Family(
    "floatgemm",
    "*a lda *pieces piece_count #depth *w w_step *bias *out ldo #columns #tiles #lines a_line out_line low high",
    _write_gemm,
)


@dataclass(frozen=True, slots=True)
class Panel:
    """The columns of `vectors` vectors of `lanes`; `columns` of the last vector are real.

    step: bytes from the weights of one k to the next's.
    """

    first: int
    vectors: int
    lanes: int
    columns: int
    weights: Place
    bias: Place
    step: int = 0

    @property
    def width(self) -> str:
        return "full" if self.columns == self.lanes else "part"


def panel_widths(target: Target, columns: int, widest: int = 0) -> list[tuple[int, int, int]]:
    """(first column, vectors, lanes) of the panels that cover `columns`, wide ones first.

    widest: the most vectors of one, a power of two; 0 for what tiles of rows take.
    """
    result, first, lanes = [], 0, target.lanes
    widest = widest or max(TILES[target.name])
    while first < columns:
        left = columns - first
        whole = (left + lanes // 2 - 1) // lanes  # a rest of half a vector has a panel of its own
        vectors = next(n for n in (8, 4, 2, 1) if n <= min(widest, max(whole, 1)))
        used = lanes if whole else narrowest(target, left)
        result.append((first, vectors, used))
        first += vectors * used
    return result


def pack(plan: Plan, weights: Floats, bias: Floats | None, widest: int = 0) -> list[Panel]:
    """Pack weights (columns, k) and bias (columns,) in the panels of `panel_widths`."""
    columns, k = weights.shape
    whole_bias = np.zeros(columns, np.float32) if bias is None else bias
    widths = panel_widths(plan.target, columns, widest)
    packed: list[Floats] = []
    biases: list[Floats] = []
    for first, vectors, lanes in widths:
        part, size = slice(first, first + vectors * lanes), vectors * lanes
        block, ends = np.zeros((k, size), np.float32), np.zeros(size, np.float32)
        block[:, : len(weights[part])], ends[: len(weights[part])] = weights[part].T, whole_bias[part]
        packed.append(block.ravel())
        biases.append(ends)
    w, b = plan.constant(np.concatenate(packed)), plan.constant(np.concatenate(biases))
    panels = []
    for (first, vectors, lanes), block in zip(widths, packed, strict=True):
        last = min(columns - first - (vectors - 1) * lanes, lanes)
        panels.append(Panel(first, vectors, lanes, last, w, b, 4 * vectors * lanes))
        w, b = w + block.nbytes, b + 4 * vectors * lanes
    return panels


def in_place(plan: Plan, matrix: Place, columns: int) -> list[Panel]:
    """The panels of a matrix (k, columns) as it lies, without bias; up to a vector is read beyond its end."""
    none = plan.constant(np.zeros(max(TILES[plan.target.name]) * plan.target.lanes, np.float32))
    panels = []
    for first, vectors, lanes in panel_widths(plan.target, columns):
        last = min(columns - first - (vectors - 1) * lanes, lanes)
        panels.append(Panel(first, vectors, lanes, last, matrix + 4 * first, none, 4 * columns))
    return panels


@dataclass(frozen=True, slots=True)
class Pieces:
    """Where the k of an output lie: `count` pieces of `depth` floats, (bytes from its start, first k) each."""

    table: Place
    count: int
    depth: int


def pieces(plan: Plan, places: Sequence[tuple[int, int]], depth: int) -> Pieces:
    """Pieces at these places; none where `depth` is 0."""
    listed = places if depth else []
    return Pieces(plan.constant(np.array(listed, np.int64)), len(listed), max(depth, 1))


def multiply(
    plan: Plan,
    panels: Sequence[Panel],
    along: Pieces,
    a: Place,
    lda: int,
    rows: int,
    out: Place,
    ldo: int,
    layer: Layer,
    lines: int = 1,
    a_line: int = 0,
    out_line: int = 0,
) -> None:
    """Rows that compute out[line][row][column] from a[line][row]. Distances are in bytes."""
    depth = along.count * along.depth
    columns = sum(panel.vectors * panel.lanes for panel in panels)
    block = _block_rows(rows, 4 * depth, 4 * columns) if lines == 1 else rows
    for start in range(0, rows, block):
        for panel in panels:
            row = start
            for height, tiles in cover(min(block, rows - start), TILES[plan.target.name][panel.vectors]):
                plan.row(
                    GEMM,
                    height,
                    panel.vectors,
                    panel.lanes,
                    layer.order.value,
                    layer.clamp.word,
                    panel.width,
                    a=a + row * lda,
                    lda=lda,
                    pieces=along.table,
                    piece_count=along.count,
                    depth=along.depth,
                    w=panel.weights,
                    w_step=panel.step,
                    bias=panel.bias,
                    out=out + (row * ldo + 4 * panel.first),
                    ldo=ldo,
                    columns=panel.columns,
                    tiles=tiles,
                    lines=lines,
                    a_line=a_line,
                    out_line=out_line,
                    work=lines * tiles * height * panel.vectors * (depth + 2),
                    **layer.clamp.arguments,
                )
                if lines > tiles:
                    plan.divisible(GEMM, "lines", a=a_line, out=out_line)
                else:
                    plan.divisible(GEMM, "tiles", a=height * lda, out=height * ldo)
                row += height * tiles


def _block_rows(rows: int, depth: int, columns: int) -> int:
    """Rows to finish over all panels before the next, so that they stay cached; depth, columns: bytes of a row."""
    block = max(48, 24576 // (depth + columns) // 48 * 48)
    if depth * columns // 4 > 65536 or rows * 2 <= block * 3:
        return rows
    return block
