"""Rows of floats quantized by their own range: bytes for matrix products, or q - zero point as floats.

The twin of quantize_* in kernels/reference/dynamic_range.py, whose docstrings say what is computed.
"""

from __future__ import annotations

from ..float32.functions import lanes_below
from ..language import F32, F64, I1, I8, I32, VOID, Function, Value
from ..pieces import store
from ..plan import Family, Place, Plan
from ..rounding import round_half_even

NUMBERS = 8
"""Bytes of what a row leaves behind: int32 zero point + 128, float32 scale."""


def _lane(x: Value, lane: int) -> Value:
    return x.function.emit(x.type.scalar, f"extractelement {x.type} {x.name}, i64 {lane}")


def _least(x: Value) -> Value:
    """The least lane, as a scalar."""
    while x.type.lanes > 2:
        half = x.type.lanes // 2
        x = x.shuffle(range(half)).min(x.shuffle(range(half, 2 * half)))
    return _lane(x, 0).min(_lane(x, 1))


def _range(f: Function, source: Value, blocks: Value, rest: Value) -> tuple[Value, Value]:
    """Least and greatest of 64 * blocks + rest floats and of 0."""
    lanes = f.target.lanes
    vector, zero = F32.x(lanes), f.constant(0.0, F32.x(lanes))
    each = 64 // lanes
    with f.loop(blocks, True, p=source, low=[zero] * each, high=[zero] * each) as block:
        numbers = [block.p.load(vector, 4 * lanes * i) for i in range(each)]
        block.low = [x.min(low) for x, low in zip(numbers, block.low, strict=True)]
        block.high = [x.max(high) for x, high in zip(numbers, block.high, strict=True)]
        block.p = block.p + 256
    low, high = zero, zero
    for a, b in zip(block.low, block.high, strict=True):
        low, high = low.min(a), high.max(b)
    with f.loop(
        (rest + (lanes - 1)) >> (lanes.bit_length() - 1), True, p=block.p, left=rest, low=low, high=high
    ) as one:
        x = lanes_below(f, one.left.min(lanes), lanes).select(one.p.load(vector), zero)
        one.low, one.high = x.min(one.low), x.max(one.high)
        one.p, one.left = one.p + 4 * lanes, one.left - lanes
    zero_alone = f.constant(0.0, F32)
    return _least(one.low), zero_alone - _least(f.constant(0.0, vector) - one.high)


def _away(x: Value) -> Value:
    """The nearest integer, ties away from zero; |x| < 2**31."""
    f = x.function
    whole = x.convert("fptosi", I32).convert("sitofp", x.type.scalar)
    rest = x - whole
    further = (rest >= 0.5).select(f.constant(1.0, x.type), f.constant(0.0, x.type))
    return whole + (f.constant(-0.5, x.type) >= rest).select(f.constant(-1.0, x.type), further)


class _Row:
    """How the numbers of one row are quantized: `factor` what they are multiplied by, all scalars of float32."""

    def __init__(self, f: Function, word: str, low: Value, high: Value) -> None:
        self.f, self.word = f, word
        one = f.constant(1.0, F32)
        zero = f.constant(0.0, F32)
        if word == "symmetric":
            reach = high.max(zero - low)
            empty = reach.equals(0.0)
            safe = empty.select(one, reach)
            self.factor = f.constant(127.0, F32).divide(safe)
            self.scale = empty.select(one, safe.divide(127.0))
            self.zero = zero
        elif word == "asymmetric":
            self._asymmetric(low, high, low.equals(high))
        else:
            empty = low.equals(high)
            self.factor = empty.select(one, f.constant(255.0, F32).divide(empty.select(one, high - low)))
            self.scale = one.divide(self.factor)
            below, above = low * self.factor, high * self.factor
            nearer = ((below + -128.0) + (above + 127.0)) > 0.0
            point = nearer.select(f.constant(-128.0, F32) - below, f.constant(127.0, F32) - above)
            self.zero = _lane(round_half_even(point.max(-128.0).min(127.0).splat(4)), 0).convert("sitofp", F32)

    def _asymmetric(self, low: Value, high: Value, empty: Value) -> None:
        f = self.f
        one = f.constant(1.0, F64)
        step = empty.select(one, (high - low).convert("fpext", F64).divide(255.0))
        below, above = (end.convert("fpext", F64).divide(step) for end in (low, high))
        nearer = (f.constant(128.0, F64) - below) < (above + 127.0)  # low <= 0 <= high
        point = nearer.select(f.constant(-128.0, F64) - below, f.constant(127.0, F64) - above)
        rounded = _away(point.max(-1000.0).min(1000.0)).max(-128.0).min(127.0)
        self.zero = empty.select(f.constant(0.0, F64), rounded).convert("fptrunc", F32)
        self.scale = step.convert("fptrunc", F32)
        self.factor = f.constant(1.0, F32).divide(self.scale)

    def centered(self, x: Value) -> tuple[Value, Value]:
        """A vector of float32 to q and the zero point, int32 both."""
        lanes = x.type.lanes
        product = (x * self.factor.splat(lanes)).max(-1000.0).min(1000.0)
        q = round_half_even(product) if self.word == "xnnpack" else _away(product).convert("fptosi", I32)
        zero = self.zero.convert("fptosi", I32).splat(lanes)
        return (q + zero).max(-127 if self.word == "symmetric" else -128).min(127), zero


def _write_quantize(f: Function, word: str, kind: str) -> None:
    """out[row][line]: kind `bytes` are q + 128, `floats` q - zero point. numbers[row] is what belongs to the row.

    A row of 64 * blocks + rest floats is lines of lanes * vectors + last each (last >= 1). Of bytes, `fill` are first
    set to the zero point.
    """
    lanes = f.target.lanes
    vector, size = F32.x(lanes), lanes * (1 if kind == "bytes" else 4)
    row = f.arguments(QUANTIZE.slots)
    with f.loop(row.rows, source=row.source, out=row.out, numbers=row.numbers) as each:
        rule = _Row(f, word, *_range(f, each.source, row.blocks, row.rest))
        stored_zero = rule.zero.convert("fptosi", I32) + 128
        each.numbers.store(stored_zero)
        each.numbers.store(rule.scale, 4)
        if kind == "bytes":
            with f.when(row.fill > 0):
                f.call("llvm.memset.p0.i64", VOID, each.out, stored_zero.truncate(I8), row.fill, f.constant(0, I1))

        def converted(x: Value, rule: _Row = rule) -> Value:
            q, zero = rule.centered(x)
            return (q + 128).truncate(I8) if kind == "bytes" else (q - zero).convert("sitofp", F32)

        with f.loop(row.lines, p=each.source, q=each.out + row.before) as line:
            with f.loop(row.vectors, True, p=line.p, q=line.q) as one:
                one.q.store(converted(one.p.load(vector)))
                one.p, one.q = one.p + 4 * lanes, one.q + size
            store(one.q, converted(one.p.load(vector)), row.last)
            line.p, line.q = one.p + (row.last << 2), line.q + row.pitch
        each.source, each.out = line.p, each.out + row.out_step
        each.numbers = each.numbers + NUMBERS


QUANTIZE = Family(
    "dynquantize",
    "*source blocks rest *out fill before #lines vectors #last pitch out_step *numbers #rows",
    _write_quantize,
)


def quantize(
    plan: Plan,
    word: str,
    source: Place,
    rows: int,
    lines: int,
    line: int,
    out: Place,
    pitch: int,
    *,
    before: int = 0,
    fill: int = 0,
    out_step: int = 0,
    kind: str = "bytes",
) -> Place:
    """Rows that quantize `rows` rows of `lines` lines of `line` floats; where their numbers lie.

    pitch, before, out_step: bytes from line to line, before the first, from row to row.
    """
    lanes = plan.target.lanes
    numbers = plan.reserve(rows * NUMBERS)
    blocks, rest = divmod(lines * line, 64)
    vectors = (line - 1) // lanes
    plan.row(
        QUANTIZE,
        word,
        kind,
        source=source,
        blocks=blocks,
        rest=rest,
        out=out,
        fill=fill,
        before=before,
        lines=lines,
        vectors=vectors,
        last=line - vectors * lanes,
        pitch=pitch,
        out_step=out_step,
        numbers=numbers,
        rows=rows,
        work=rows * lines * (vectors + 1) * 4,
    )
    plan.divisible(QUANTIZE, "rows", source=4 * lines * line, out=out_step, numbers=NUMBERS)
    return numbers
