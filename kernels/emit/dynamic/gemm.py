"""Matrix product of quantized rows and packed int8 weights whose sums become floats by the scales of row and column.

Rows are given by pieces, as in kernels/emit/gemm.py. Weights lie as `[panel][piece][k4][vector][lane][4]`, what belongs
to the columns of a panel as minus the sums of their weights, scales and biases, in whole vectors each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..float32.gemm import panel_widths
from ..float32.pieces import Clamping
from ..gemm import cover
from ..language import F32, I32, I64, Function, Type, Value
from ..pieces import dot, store
from ..plan import Family, Place, Plan
from .layer import Layer, scaled
from .quantize import NUMBERS

TILES = {
    "avx512vnni": {8: 1, 4: 6, 2: 12, 1: 16},
    "avxvnni": {8: 1, 4: 1, 2: 6, 1: 12},
    "avx2": {8: 1, 4: 1, 2: 4, 1: 8},
    "neutral": {8: 1, 4: 1, 2: 6, 1: 8},
}
"""Per variant, by vectors in a panel: the most rows of a tile whose accumulators stay in registers."""


def _write_gemm(f: Function, rows: int, vectors: int, lanes: int, scaling: str, ending: str, width: str) -> None:
    """out[line][tile][row][column] float32: `ending` plain, low or clamp, `width` full or part."""
    vector, size = I32.x(lanes), 4 * lanes
    row = f.arguments(GEMM.slots)
    clamping = Clamping(ending, row.low, row.high)
    steps = [f.constant(0, I64), row.lda, row.lda << 1, row.lda * 3]
    group_step = row.lda << 2

    def section(number: int, type: Type, j: int) -> Value:
        values: Value = row.parameters.load(type.x(lanes), size * (vectors * number + j))
        return values

    with f.loop(row.lines, a=row.a, out=row.out) as line:
        with f.loop(row.tiles, a=line.a, out=line.out, numbers=row.numbers) as tile:
            numbers = [tile.numbers]
            for _ in range(1, rows):
                numbers.append(numbers[-1] + row.number_step)
            minus = [section(0, I32, j) for j in range(vectors)]
            first = [[total * at.load(I32).splat(lanes) for total in minus] for at in numbers]
            with f.loop(row.piece_count, piece=row.pieces, w=row.w, sums=first) as each:
                pointers = [tile.a + each.piece.load(I64, 0, 8)]
                for _ in range(4, rows, 4):
                    pointers.append(pointers[-1] + group_step)
                with f.loop(row.k4, pointers=pointers, w=each.w, sums=each.sums) as k:
                    columns = [k.w.load(vector, size * j) for j in range(vectors)]
                    sums = []
                    for i, old in enumerate(k.sums):
                        x = (k.pointers[i // 4] + steps[i % 4] if i % 4 else k.pointers[i // 4]).load(I32)
                        sums.append([dot(sum_, x.splat(lanes), c) for sum_, c in zip(old, columns, strict=True)])
                    k.sums = sums
                    k.pointers, k.w = [pointer + 4 for pointer in k.pointers], k.w + size * vectors
                each.sums, each.w, each.piece = k.sums, k.w, each.piece + 8
            for i in range(rows):
                row_scale = numbers[i].load(F32, 4).splat(lanes)
                at = tile.out + row.ldo * i
                for j, sum_ in enumerate(each.sums[i]):
                    ends = section(1, F32, j), section(2, F32, j)
                    result = scaled(scaling, sum_.convert("sitofp", F32), row_scale, *ends)
                    last = width == "part" and j == vectors - 1
                    store(at + size * j, clamping.apply(result), row.columns if last else None)
            tile.a, tile.out = tile.a + row.lda * rows, tile.out + row.ldo * rows
            tile.numbers = numbers[-1] + row.number_step
        line.a, line.out = line.a + row.a_line, line.out + row.out_line


GEMM = Family(
    "dyngemm",
    "*a lda #k4 *pieces #piece_count *w *parameters *numbers number_step *out ldo #columns #tiles #lines a_line "
    "out_line low high",
    _write_gemm,
)


@dataclass(frozen=True, slots=True)
class Panel:
    """The columns of `vectors` vectors of `lanes`; `columns` of the last vector are real."""

    first: int
    vectors: int
    lanes: int
    columns: int
    weights: Place
    parameters: Place


@dataclass(frozen=True, slots=True)
class Packed:
    """Weights in the order that the kernel reads them, and where its pieces lie."""

    panels: tuple[Panel, ...]
    k4: int
    pieces: Place
    piece_count: int


WIDEST = 8
"""Vectors of a panel for one row of input alone: as many sums go on at a time, which hides latency."""


def pack(plan: Plan, layer: Layer, piece_offsets: Sequence[int], widest: int = 0) -> Packed:
    """Pack weights (columns, pieces, k), k filled up with zeros; piece p begins `piece_offsets[p]` bytes into a row.

    widest: the most vectors of a panel, 0 for what tiles of rows take.
    """
    columns, pieces, k = layer.weights.shape
    k4 = -(-k // 4)
    panels = []
    for first, vectors, lanes in panel_widths(plan.target, columns, widest):
        part = layer.part(slice(first, first + vectors * lanes))
        real, whole = len(part.weights), vectors * lanes
        block = np.zeros((whole, pieces, 4 * k4), np.int8)
        block[:real, :, :k] = part.weights
        parameters = np.zeros((3, whole), np.int32)
        parameters[0] = -block.reshape(whole, -1).sum(axis=1, dtype=np.int64)
        parameters[1, :real], parameters[2, :real] = part.scale.view(np.int32), part.bias.view(np.int32)
        ordered = plan.constant(block.reshape(whole, pieces, k4, 4).transpose(1, 2, 0, 3))
        last = real - (vectors - 1) * lanes
        panels.append(Panel(first, vectors, lanes, last, ordered, plan.constant(parameters)))
    return Packed(tuple(panels), k4, plan.constant(np.array(piece_offsets, np.int64)), pieces)


def multiply(
    plan: Plan,
    packed: Packed,
    a: Place,
    lda: int,
    rows: int,
    numbers: Place,
    out: Place,
    ldo: int,
    layer: Layer,
    *,
    one_row_each: bool = False,
    lines: int = 1,
    a_line: int = 0,
    out_line: int = 0,
) -> None:
    """Rows that compute out[line][row][column] from a[line][row]; lda, ldo in bytes.

    one_row_each: whether every row has numbers of its own; else all have the first.
    """
    step = NUMBERS if one_row_each else 0
    depth = packed.k4 * packed.piece_count
    for panel in packed.panels:
        row = 0
        for height, tiles in cover(rows, TILES[plan.target.name][panel.vectors]):
            plan.row(
                GEMM,
                height,
                panel.vectors,
                panel.lanes,
                layer.scaling,
                layer.clamp.word,
                "full" if panel.columns == panel.lanes else "part",
                a=a + row * lda,
                lda=lda,
                k4=packed.k4,
                pieces=packed.pieces,
                piece_count=packed.piece_count,
                w=panel.weights,
                parameters=panel.parameters,
                numbers=numbers + row * step,
                number_step=step,
                out=out + (row * ldo + 4 * panel.first),
                ldo=ldo,
                columns=panel.columns,
                tiles=tiles,
                lines=lines,
                a_line=a_line,
                out_line=out_line,
                work=lines * tiles * height * panel.vectors * (depth + 12),
                **layer.clamp.arguments,
            )
            if lines > 1:
                plan.divisible(GEMM, "lines", a=a_line, out=out_line)
            else:
                plan.divisible(GEMM, "tiles", a=height * lda, out=height * ldo, numbers=height * step)
            row += height * tiles
