"""BATCH_MATMUL over int8: matrices that are both computed while running, or a constant second one.

The second matrix is packed as constant weights are (`gemm`), by kernels; its numbers are multiplied as they are, so its
zero point adds a term for every row: sum((x - zx)(y - zy)) = sum(x y) - zx sum(y) - zy sum(x) + k zx zy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt

from . import gemm, rounding
from .fill import COPY
from .gemm import Packed, Panel, chosen_columns, panel_widths
from .language import I8, I32, I64, Function, Value
from .layer import Matrix
from .move import Loops, plan_nest
from .pieces import column, dot, interleave
from .plan import NOWHERE, Compiled, Eight, Family, Finish, Place, Plan, result, source
from .target import Target

_FLIP = -128


def _write_pack(f: Function, vectors: int, way: str) -> None:
    """Weights of a panel of `vectors` vectors, and its biases: base - x_zero * (sums of columns).

    rows: y is (k, n), and whole vectors are read of each row. columns: it is (n, k), `real` columns being there, whose
    places in a group of the panel are listed as int64 offsets. Numbers beyond k are 0; other columns are anything.
    """
    row, lanes = f.arguments(PACK.slots), f.target.lanes
    size = 4 * lanes
    if way == "rows":
        _pack_rows(f, row.y, row.pitch, row.k, row.w, row.none, vectors)
    else:
        _pack_columns(f, row, vectors)
    ones, zero = f.constant(1, I8.x(size)).bits(I32.x(lanes)), f.constant(0, I32.x(lanes))
    with f.loop((row.k + 3).shift_right_unsigned(2), w=row.w, sums=[zero] * vectors) as group:
        group.sums = [dot(sum_, ones, group.w.load(I32.x(lanes), size * j)) for j, sum_ in enumerate(group.sums)]
        group.w = group.w + size * vectors
    x_zero, base = (number.truncate(I32).splat(lanes) for number in (row.x_zero, row.base))
    for j, sum_ in enumerate(group.sums):
        row.bias.store(base - sum_ * x_zero, size * j)


def _pack_rows(f: Function, y: Value, pitch: Value, k: Value, w: Value, none: Value, vectors: int) -> None:
    lanes = f.target.lanes
    block, size = I8.x(vectors * lanes), 4 * lanes

    def packed(rows: list[Value], w: Value) -> None:
        read = [at.load(block) ^ _FLIP for at in rows]
        for j, vector in enumerate(_interleaved(read, vectors)):
            w.store(vector, size * j)

    with f.loop(k.shift_right_unsigned(2), True, y=y, w=w) as group:
        packed([group.y, group.y + pitch, group.y + (pitch << 1), group.y + pitch * 3], group.w)
        group.y, group.w = group.y + (pitch << 2), group.w + size * vectors
    rest = k & 3
    with f.when(rest > 0):
        packed([(rest > i).select(group.y + pitch * i, none) for i in range(4)], group.w)


def _interleaved(rows: list[Value], vectors: int) -> list[Value]:
    """Four rows of bytes to `vectors` vectors of int32, each the four bytes of one column, in the order of `column`."""
    if vectors == 4:
        return interleave(rows)
    n = rows[0].type.lanes
    lanes = n // vectors
    first, second = (a.shuffle(range(2 * n), b) for a, b in (rows[:2], rows[2:]))
    return [
        first.shuffle([i * n + column(vectors, j, e) for e in range(lanes) for i in range(4)], second).bits(
            I32.x(lanes)
        )
        for j in range(vectors)
    ]


def _pack_columns(f: Function, row: SimpleNamespace, vectors: int) -> None:
    step, flip = 4 * f.target.lanes * vectors, -0x7F7F7F80
    y, pitch, k, real, places = row.y, row.pitch, row.k, row.real, row.places
    rest = (k & 3).truncate(I32)
    mask = (f.constant(1, I32) << (rest << 3)) - 1
    with f.loop(real, y=y, place=places) as each:
        start = row.w + each.place.load(I64, 0, 8)
        with f.loop(k.shift_right_unsigned(2), True, y=each.y, w=start) as group:
            group.w.store(group.y.load(I32) ^ flip)
            group.y, group.w = group.y + 4, group.w + step
        with f.when(rest > 0):
            group.w.store((group.y.load(I32) ^ flip) & mask)
        each.y, each.place = each.y + pitch, each.place + 8


PACK = Family("pack", "*y pitch #k #real *places *none *w *bias x_zero base", _write_pack)


def _write_row_sums(f: Function) -> None:
    """int32 out: `factor` times the sum of each row of `size` bytes."""
    row, lanes = f.arguments(ROW_SUMS.slots), f.target.lanes
    block = 4 * lanes
    numbers = Value(f, I8.x(block), f"<{', '.join(f'i8 {i}' for i in range(block))}>")
    ones, zero = f.constant(1, I8.x(block)).bits(I32.x(lanes)), f.constant(0, I32.x(lanes))
    factor = row.factor.truncate(I32)
    with f.loop(row.rows, a=row.a, out=row.out) as line:
        with f.loop(row.size.shift_right_unsigned(int(math.log2(block))), True, a=line.a, sum_=zero) as part:
            part.sum_ = dot(part.sum_, part.a.load(I32.x(lanes)), ones)
            part.a = part.a + block
        inside = numbers < (row.size & (block - 1)).truncate(I8).splat(block)
        rest = inside.select(part.a.load(I8.x(block)), 0).bits(I32.x(lanes))
        total = f.call(f"llvm.vector.reduce.add.v{lanes}i32", I32, dot(part.sum_, rest, ones))
        line.out.store(total * factor)
        line.a, line.out = line.a + row.size, line.out + 4


ROW_SUMS = Family("rowsums", "*a *out #rows #size factor", _write_row_sums)


@dataclass(frozen=True, eq=False)
class Product:
    """x (..., m, k) times y (..., k, n), whose batches broadcast; either given with its last dimensions swapped.

    y: its int8 numbers where they are constant, as given, else None. y_zero: the zero point of y.
    """

    x_shape: tuple[int, ...]
    y_shape: tuple[int, ...]
    x_swapped: bool
    y_swapped: bool
    y: npt.NDArray[np.int8] | None
    y_zero: int

    @property
    def sizes(self) -> tuple[int, int, int]:
        """m, k, n."""
        m, k = self.x_shape[-2:][:: -1 if self.x_swapped else 1]
        return m, k, self.y_shape[-2 if self.y_swapped else -1]

    def batches(self) -> list[tuple[int, int]]:
        """Which matrix of x and which of y make each product."""
        outer = self.x_shape[:-2], self.y_shape[:-2]
        shape = np.broadcast_shapes(*outer)
        numbered = (np.broadcast_to(np.arange(math.prod(own)).reshape(own), shape).ravel() for own in outer)
        return [(int(x), int(y)) for x, y in zip(*numbered, strict=True)]


def plan_batch_matmul(target: Target, product: Product, x: Eight, output: Eight, rule: rounding.Rule) -> Compiled:
    """The product, requantized by a rule with the same number for each of n columns."""
    plan, (m, k, n) = Plan(target), product.sizes
    batches = product.batches()
    if 0 in (m, n, len(batches)):
        return plan.done("nothing to compute")
    images = {i: _rows_of(plan, product, i) for i in sorted({i for i, _ in batches})}
    plan.then()
    if product.y is None:
        packs = {i: _pack(plan, product, i, x.stored_zero, rule) for i in sorted({i for _, i in batches})}
    else:
        y = product.y.astype(np.int32).reshape(-1, *product.y_shape[-2:]) - product.y_zero
        matrices = y if product.y_swapped else y.transpose(0, 2, 1)
        packs = {
            i: gemm.pack(plan, Matrix(matrices[i].reshape(n, 1, k), np.zeros(n, np.int64), x, rule), [0])
            for i in sorted({i for _, i in batches})
        }
    terms: dict[int, Place] = {}
    if product.y is None and product.y_zero:
        for i, image in images.items():
            terms[i] = plan.reserve(4 * m)
            plan.row(ROW_SUMS, a=image, out=terms[i], rows=m, size=k, factor=-product.y_zero, work=m * (k // 64 + 4))
    plan.then()
    finish = Finish.of(output, *output.range)
    for at, (i, j) in enumerate(batches):
        gemm.multiply(plan, packs[j], images[i], k, m, result() + at * m * n, n, finish, terms=terms.get(i))
    return plan.done(f"{len(batches)} matrix products of {m} rows")


def _rows_of(plan: Plan, product: Product, number: int) -> Place:
    """A matrix of x as m rows of k bytes."""
    m, k, _ = product.sizes
    image = source(0) + number * m * k
    if not product.x_swapped or 1 in (m, k):
        return image
    turned = plan.reserve(m * k)
    plan_nest(plan, image, turned, Loops(0, 0, 1, ((k, m, 1), (m, 1, k))), 1)
    return turned


def _pack(plan: Plan, product: Product, number: int, x_zero: int, rule: rounding.Rule) -> Packed:
    """Rows that pack a matrix of y into scratch memory."""
    _, k, n = product.sizes
    lanes, k4 = plan.target.lanes, -(-k // 4)
    piece = rule.piece(np.full(n, float(k) * 255 * 255))
    none = plan.constant(np.full(4 * lanes, 0x80, np.uint8))
    begin = source(1) + number * k * n
    panels = []
    for first, vectors in panel_widths(plan.target, n):
        width = vectors * lanes
        real = min(width, n - first)
        sections = np.concatenate(rule.sections(np.zeros(width, np.intp)))
        weights, parameters = plan.reserve(4 * k4 * width), plan.reserve(4 * width + sections.nbytes)
        plan.row(
            COPY, source=plan.constant(sections), target=parameters + 4 * width, size=sections.nbytes,
            source_pitch=0, target_pitch=0, rows=1, work=4,
        )  # fmt: skip
        slots = np.empty(width, np.int64)
        slots[chosen_columns(0, vectors, lanes, width)] = 4 * np.arange(width)
        plan.row(
            PACK,
            vectors,
            "columns" if product.y_swapped else "rows",
            y=begin + (first * k if product.y_swapped else first),
            pitch=k if product.y_swapped else n,
            k=k,
            real=real,
            places=plan.constant(slots) if product.y_swapped else NOWHERE,
            none=none,
            w=weights,
            bias=parameters,
            x_zero=x_zero,
            base=k * x_zero * product.y_zero,
            work=k4 * (real if product.y_swapped else 4 * vectors) + 8,
        )
        panels.append(Panel(first, vectors, real, weights, parameters, 0, NOWHERE, 0))
    return Packed(tuple(panels), k4, plan.constant(np.zeros(1, np.int64)), 1, piece)
