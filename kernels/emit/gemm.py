"""Matrix product of stored bytes and packed int8 weights, with requantization: convolutions and dense layers run on it.

A row of the left matrix is given by pieces: spans of 4 * k4 contiguous bytes at fixed distances from the row's start. For
a convolution that start is a pixel of a padded image, and a piece is one row of the filter: no patches are copied.

Weights lie as `[panel][piece][k4][vector][lane][4]`, a panel being the columns of `vectors` vectors. Weights outside int8
(uint8 less an asymmetric zero point) are clipped, and what is missing is added from a list, per panel, of the few groups
of four that have such a weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import rounding
from .language import I32, I64, POINTER, Function, Value
from .pieces import Finish, column, dot, store
from .plan import NOWHERE, Eight, Family, Place, Plan
from .rounding import Rule
from .target import Target

TILES = {
    "avx512vnni": {4: 6, 2: 12, 1: 16},
    "avxvnni": {2: 6, 1: 12},
    "avx2": {2: 4, 1: 8},
    "neutral": {4: 3, 2: 6, 1: 8},
}
"""Per variant, by vectors in a panel: the most rows of a tile whose accumulators stay in registers."""


def _write_gemm(f: Function, rows: int, vectors: int, rule: str, ending: str, width: str, weights: str) -> None:
    """out[line][tile][row][column]: `ending` plain or clamp, `width` full or part, `weights` int8 or outliers."""
    lanes = f.target.lanes
    vector, size = I32.x(lanes), 4 * lanes
    (a, lda, k4, pieces, piece_count, w, parameters, out, ldo, columns, finish, tiles, lines, a_line, out_line,
     outliers, outlier_count) = f.arguments(GEMM.slots)  # fmt: skip
    finishing = Finish(f, finish, ending == "plain")
    row_steps = [f.constant(0, I64), lda, lda << 1, lda * 3]
    group_step = lda << 2

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
        for i, row in enumerate(accumulators):
            pointer = pointers[i // 4] if i % 4 == 0 else pointers[i // 4] + row_steps[i % 4]
            x = pointer.load(I32).splat(lanes)
            result.append([dot(sum_, x, c) for sum_, c in zip(row, columns4, strict=True)])
        return result

    with f.loop(lines, a=a, out=out) as line:
        with f.loop(tiles, a=line.a, out=line.out) as tile:
            bias = [parameters.load(vector, size * j) for j in range(vectors)]
            with f.loop(piece_count, piece=pieces, w=w, sums=[bias] * rows) as each:
                start = tile.a + each.piece.load(I64, 0, 8)
                with f.loop(k4, pointers=groups(start), w=each.w, sums=each.sums) as k:
                    k.sums = products(k.sums, k.pointers, k.w)
                    k.pointers, k.w = [pointer + 4 for pointer in k.pointers], k.w + size * vectors
                each.sums, each.w, each.piece = k.sums, k.w, each.piece + 8
            sums = each.sums
            if weights == "outliers":
                with f.loop(outlier_count, True, entry=outliers, sums=sums) as extra:
                    pointers = groups(tile.a + extra.entry.load(I64, 0, 8))
                    extra.sums = products(extra.sums, pointers, extra.entry + 64)
                    extra.entry = extra.entry + (64 + size * vectors)
                sums = extra.sums
            numbers = [rounding.load(f, rule, parameters, j, vectors, lanes) for j in range(vectors)]
            for i in range(rows):
                rounded = [rounding.apply(f, rule, sums[i][j], numbers[j]) for j in range(vectors)]
                store(tile.out + ldo * i, finishing.narrow(rounded), columns if width == "part" else None)
            tile.a, tile.out = tile.a + lda * rows, tile.out + ldo * rows
        line.a, line.out = line.a + a_line, line.out + out_line


GEMM = Family(
    "gemm",
    "*a lda k4 *pieces piece_count *w *parameters *out ldo columns finish tiles lines a_line out_line "
    "*outliers outlier_count",
    _write_gemm,
)


@dataclass(frozen=True, slots=True)
class Panel:
    """The columns of `vectors` vectors, `columns` of them real."""

    first: int
    vectors: int
    columns: int
    weights: Place
    parameters: Place
    outliers: Place
    outlier_count: int


@dataclass(frozen=True, slots=True)
class Packed:
    """Weights in the order that the kernel reads them."""

    panels: tuple[Panel, ...]
    k4: int
    pieces: Place
    piece_count: int
    rule: str
    parameter_bytes_per_vector: int

    def parameter_bytes(self, panel: Panel) -> int:
        return panel.vectors * self.parameter_bytes_per_vector


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


def chosen_columns(first: int, vectors: int, lanes: int, columns: int) -> npt.NDArray[np.intp]:
    """The output column at (vector, lane) of a panel, flat; -1 where there is none."""
    chosen = np.array([first + column(vectors, j, e) for j in range(vectors) for e in range(lanes)], np.intp)
    return np.where(chosen < columns, chosen, -1)


def split_outliers(weights: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int8], list[npt.NDArray[np.int8]]]:
    """Integers in [-255, 255] as a sum of int8 arrays: the first, and the rest (at most two), each not all zero."""
    first = np.clip(weights, -128, 127)
    rest, parts = weights - first, []
    while rest.any():
        part = np.clip(rest, -128, 127)
        parts.append(part.astype(np.int8))
        rest = rest - part
    return first.astype(np.int8), parts


def accumulator_bound(
    weights: npt.NDArray[np.int32], bias: npt.NDArray[np.int64], activation: Eight
) -> npt.NDArray[np.float64]:
    """No |accumulator| of column c is above bound[c]; 2**31 where it may wrap. weights (columns, ...)."""
    reach = max(activation.stored_zero, 255 - activation.stored_zero)
    total = np.abs(weights.reshape(len(weights), -1)).sum(1, dtype=np.int64) * reach + np.abs(bias)
    return np.minimum(total, 2**31).astype(np.float64)


def folded_bias(
    weights: npt.NDArray[np.int32], bias: npt.NDArray[np.int64], activation: Eight
) -> npt.NDArray[np.int32]:
    """bias - zero point * sum(weights), so that kernels multiply stored bytes as they are; wraps as int32 does."""
    sums = weights.reshape(len(weights), -1).sum(1, dtype=np.int64)
    return (bias - activation.stored_zero * sums).astype(np.int32)


def parameter_block(bias: npt.NDArray[np.int32], rule: Rule, chosen: npt.NDArray[np.intp]) -> npt.NDArray[np.int32]:
    """What a panel's epilogue reads: the bias section, then the rule's."""
    own = np.where(chosen < 0, 0, bias[np.maximum(chosen, 0)]).astype(np.int32)
    return np.concatenate([own, *rule.sections(chosen)])


def pack(
    plan: Plan,
    weights: npt.NDArray[np.int32],
    bias: npt.NDArray[np.int64],
    piece_offsets: Sequence[int],
    activation: Eight,
    rule: Rule,
    k4_step: int = 1,
) -> Packed:
    """Pack weights (columns, pieces, k) less their zero point; piece p begins `piece_offsets[p]` bytes into a row.

    k is filled up with zero weights to a multiple of 4 * k4_step.
    """
    lanes = plan.target.lanes
    columns, pieces, k = weights.shape
    k4 = -(-k // (4 * k4_step)) * k4_step
    padded = np.zeros((columns + 1, pieces, 4 * k4), np.int32)  # the last is what column -1 finds
    padded[:columns, :, :k] = weights
    first, outliers = split_outliers(padded)
    folded = folded_bias(weights, bias, activation)
    widths = panel_widths(plan.target, columns)
    choices = [chosen_columns(start, vectors, lanes, columns) for start, vectors in widths]

    def panel_order(array: npt.NDArray[np.int8], chosen: npt.NDArray[np.intp]) -> npt.NDArray[np.int8]:
        """(pieces, k4, vector and lane, 4)"""
        return array[chosen].reshape(len(chosen), pieces, k4, 4).transpose(1, 2, 0, 3)

    packed_weights = plan.constant(np.concatenate([panel_order(first, chosen).ravel() for chosen in choices]))
    blocks = [parameter_block(folded, rule, chosen) for chosen in choices]
    parameters = plan.constant(np.concatenate(blocks))
    panels = []
    for (start, vectors), chosen, block in zip(widths, choices, blocks, strict=True):
        entries = []
        for part in outliers:
            ordered = panel_order(part, chosen)
            for piece, group in np.argwhere(ordered.any((2, 3))):
                head = np.array([piece_offsets[piece] + 4 * group] + [0] * 7, np.int64)
                entries.append(np.concatenate([head.view(np.int8), ordered[piece, group].ravel()]))
        listed = plan.constant(np.concatenate(entries)) if entries else NOWHERE
        real = min(columns - start, vectors * lanes)
        panels.append(Panel(start, vectors, real, packed_weights, parameters, listed, len(entries)))
        packed_weights += pieces * k4 * 4 * vectors * lanes
        parameters += block.nbytes
    name = rule.variant(accumulator_bound(weights, bias, activation))
    per_vector = blocks[0].nbytes // widths[0][1]
    return Packed(tuple(panels), k4, plan.constant(np.array(piece_offsets, np.int64)), pieces, name, per_vector)


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
    finish: tuple[int, int, int],
    lines: int = 1,
    a_line: int = 0,
    out_line: int = 0,
) -> None:
    """Rows that compute out[line][row][column] from a[line][row]; `finish` is zero point, low and high as stored."""
    depth = packed.k4 * packed.piece_count
    columns = sum(panel.columns for panel in packed.panels)
    ending = "plain" if finish == (0, 0, 255) else "clamp"
    block = _block_rows(rows, 4 * depth, columns) if lines == 1 else rows
    for start in range(0, rows, block):
        for panel in packed.panels:
            width = "full" if panel.columns == panel.vectors * plan.target.lanes else "part"
            kind = "outliers" if panel.outlier_count else "int8"
            row = start
            for height, tiles in cover(min(block, rows - start), TILES[plan.target.name][panel.vectors]):
                plan.row(
                    GEMM, height, panel.vectors, packed.rule, ending, width, kind,
                    a=a + row * lda, lda=lda, k4=packed.k4, pieces=packed.pieces, piece_count=packed.piece_count,
                    w=panel.weights, parameters=panel.parameters, out=out + (row * ldo + panel.first), ldo=ldo,
                    columns=panel.columns, finish=Finish.argument(*finish), tiles=tiles, lines=lines, a_line=a_line,
                    out_line=out_line, outliers=panel.outliers, outlier_count=panel.outlier_count,
                    work=lines * tiles * height * panel.vectors * (depth + 8),
                )  # fmt: skip
                row += height * tiles


def _block_rows(rows: int, depth: int, columns: int) -> int:
    """Rows to finish over all panels before the next: few enough that they stay in the first-level cache.

    Not where the weights wouldn't stay there beside them, or where the rows nearly fit anyway.
    """
    block = max(48, 24576 // (depth + columns) // 48 * 48)
    if depth * columns > 65536 or rows * 2 <= block * 3:
        return rows
    return block


__all__ = ["GEMM", "POINTER", "Packed", "Panel", "multiply", "pack"]
