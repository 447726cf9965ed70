"""The pieces kernels are made of: a dot product, an interleave, narrowing to bytes, a store that stops in time.

Bytes in memory are unsigned: an int8 activation lies there as value XOR 0x80, so its zero point is 128 higher and one
instruction takes both types. `L` is the int32 lanes of a vector.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from .language import I1, I8, I16, I32, VOID, Function, Type, Value


def dot(accumulator: Value, bytes4: Value, weights4: Value) -> Value:
    """accumulator + the four products of unsigned bytes and signed weights in each int32 lane; wraps, not saturates."""
    f, type = accumulator.function, accumulator.type
    if f.target.dot == "vpdpbusd":
        return f.call(f"llvm.x86.avx512.vpdpbusd.{32 * type.lanes}", type, accumulator, bytes4, weights4)
    pairs = I16.x(2 * type.lanes)
    x, w = bytes4.bits(pairs), weights4.bits(pairs)
    even = x & 0xFF, (w << 8) >> 8
    odd = x.shift_right_unsigned(8), w >> 8
    if f.target.dot == "vpmaddwd":
        return accumulator + (pair_products(*even) + pair_products(*odd))
    for a, b in (even, odd):
        product = (a * b).bits(type)  # |product| <= 255 * 128 < 2**15
        accumulator = accumulator + ((product << 16) >> 16) + (product >> 16)
    return accumulator


def pair_products(a: Value, b: Value) -> Value:
    """Per int32 lane, the sum of the products of its two int16 pairs (vpmaddwd)."""
    f = a.function
    width = 16 * a.type.lanes
    name = {512: "avx512.pmaddw.d.512", 256: "avx2.pmadd.wd", 128: "sse2.pmadd.wd"}[width]
    return f.call(f"llvm.x86.{name}", I32.x(a.type.lanes // 2), a, b)


def dot_pairs(accumulator: Value, a: Value, b: Value) -> Value:
    """accumulator + the two products of int16 in each int32 lane (a and b as int32 lanes); the sum must fit."""
    f, type = accumulator.function, accumulator.type
    if f.target.dot == "vpdpbusd":
        return f.call(f"llvm.x86.avx512.vpdpwssd.{32 * type.lanes}", type, accumulator, a, b)
    if f.target.dot == "vpmaddwd":
        pairs = I16.x(2 * type.lanes)
        return accumulator + pair_products(a.bits(pairs), b.bits(pairs))
    return accumulator + ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16)


def lookup16(table: Value, index: Value) -> Value:
    """Within each 128 bits, the bytes of `table` at the lowest 4 bits of `index`; 0 where its highest bit is set."""
    name = {64: "avx512.pshuf.b.512", 32: "avx2.pshuf.b"}[table.type.lanes]
    return table.function.call(f"llvm.x86.{name}", table.type, table, index)


def unpack(a: Value, b: Value, upper: bool) -> Value:
    """Within each 128 bits, the lower (upper) halves of a and b, element by element in turn: a0 b0 a1 b1 ..."""
    lane = 16 if a.type.element == "i8" else 8
    start = lane // 2 if upper else 0
    order = [
        side * a.type.lanes + base + start + element
        for base in range(0, a.type.lanes, lane)
        for element in range(lane // 2)
        for side in (0, 1)
    ]
    return a.shuffle(order, b)


def interleave(rows: Sequence[Value]) -> list[Value]:
    """Four vectors of 4L bytes to four of L int32: each int32 holds the four rows' bytes of one channel.

    Channel of vector j, lane e: 16 * (e // 4) + 4 * j + e % 4, the order that `narrow` undoes.
    """
    n = rows[0].type.lanes
    half, quarter = I16.x(n // 2), I32.x(n // 4)
    result = []
    for upper in (False, True):
        first = unpack(rows[0], rows[1], upper).bits(half)
        second = unpack(rows[2], rows[3], upper).bits(half)
        result += [unpack(first, second, again).bits(quarter) for again in (False, True)]
    return result


def widen(values: Value) -> list[Value]:
    """4L bytes to four vectors of L int32 in the order of `interleave`."""
    zero = values.function.constant(0, values.type)
    return interleave([values, zero, zero, zero])


def column(vectors: int, vector: int, lane: int) -> int:
    """Which of vectors * L outputs `narrow` takes from a lane: a packer puts its weights there."""
    if vectors == 1:
        return lane
    return 4 * vectors * (lane // 4) + 4 * vector + lane % 4


class Narrowing:
    """From rounded int32 to stored bytes: the instructions of a `plan.Finish`, which arrives in one argument."""

    def __init__(self, f: Function, packed: Value, word: str) -> None:
        self.f, self.plain = f, word == "plain"
        self.zero_point = packed.truncate(I16)
        self.low = packed.shift_right_unsigned(16).truncate(I8)
        self.high = packed.shift_right_unsigned(24).truncate(I8)

    def narrow(self, vectors: Sequence[Value]) -> Value:
        """1, 2 or 4 vectors of L int32 to one of bytes, in the order of `column`."""
        if self.f.target.is_x86 and len(vectors) == 4:
            wide = vectors[0].type.lanes
            name = {16: "avx512.packuswb.512", 8: "avx2.packuswb", 4: "sse2.packuswb.128"}[wide]
            pairs = [self._words(vectors[0], vectors[1]), self._words(vectors[2], vectors[3])]
            result = self.f.call(f"llvm.x86.{name}", I8.x(4 * wide), *pairs)
        elif self.f.target.is_x86 and len(vectors) == 2:
            result = self._words(vectors[0], vectors[1]).max(0).min(255).truncate(I8)
        else:
            result = _joined([self._byte(vector) for vector in vectors])
        if self.plain:
            return result
        lanes = result.type.lanes
        return result.max_unsigned(self.low.splat(lanes)).min_unsigned(self.high.splat(lanes))

    def _words(self, a: Value, b: Value) -> Value:
        """Two vectors of int32 to one of int16 with the zero point added, saturating both times."""
        lanes = a.type.lanes
        name = {16: "avx512.packssdw.512", 8: "avx2.packssdw", 4: "sse2.packssdw.128"}[lanes]
        words = self.f.call(f"llvm.x86.{name}", I16.x(2 * lanes), a, b)
        if self.plain:
            return words
        return self.f.call(f"llvm.sadd.sat.v{2 * lanes}i16", words.type, words, self.zero_point.splat(2 * lanes))

    def _byte(self, vector: Value) -> Value:
        if not self.plain:
            vector = vector.max(-256).min(256) + self.zero_point.signed(I32).splat(vector.type.lanes)
        return vector.max(0).min(255).truncate(I8)


def _joined(parts: list[Value]) -> Value:
    """Byte vectors to one, in the order of `column`."""
    lanes = parts[0].type.lanes
    if len(parts) == 1:
        return parts[0]
    halves = [a.shuffle(range(2 * lanes), b) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    joined = halves[0] if len(halves) == 1 else halves[0].shuffle(range(4 * lanes), halves[1])
    order = sorted(range(len(parts) * lanes), key=lambda at: column(len(parts), at // lanes, at % lanes))
    return joined.shuffle(order)


def store(pointer: Value, values: Value, count: Value | None = None) -> None:
    """Store bytes or floats: all, or the first `count` (1 to all) and not one more."""
    f = pointer.function
    if count is None:
        pointer.store(values)
        return
    lanes = values.type.lanes
    if f.target.lanes == 16:
        store_masked(pointer, values, lowest_bits(count, lanes))
        return
    buffer = f.stack(lanes * values.type.size)
    buffer.store(values)
    size = count if values.type.size == 1 else count * values.type.size
    f.call("llvm.memcpy.p0.p0.i64", VOID, pointer, buffer, size, f.constant(0, I1))


def lowest_bits(count: Value, lanes: int) -> Value:
    """The mask of the first `count` lanes; count from 1 to `lanes`."""
    word = Type(f"i{lanes}")
    short = count if lanes == 64 else count.truncate(word)
    every = count.function.constant(-1, word)
    return every.shift_right_unsigned(count.function.constant(lanes, word) - short).bits(I1.x(lanes))


def store_masked(pointer: Value, values: Value, mask: Value) -> None:
    f = pointer.function
    f.call(f"llvm.masked.store.{values.type.overload}.p0", VOID, values, pointer, f.constant(1, I32), mask)


def load_masked(pointer: Value, type: Type, mask: Value, otherwise: Value) -> Value:
    """The lanes that the mask chooses; the others aren't touched in memory and come from `otherwise`."""
    f = pointer.function
    return f.call(f"llvm.masked.load.{type.overload}.p0", type, pointer, f.constant(1, I32), mask, otherwise)


BLOCK = 64
"""Bytes or numbers that make whole vectors in every variant: where a long row may be divided."""


def each_block(f: Function, size: Value, pointers: dict[str, Value], body: Callable[[dict[str, Value]], Value]) -> None:
    """Run `body` on every 4L bytes of `size`, storing what it gives at `out`; the last block is cut short.

    `pointers` move along, `out` among them; inputs are read up to 4L - 1 bytes beyond their end.
    """
    block = 4 * f.target.lanes
    full, rest = size.shift_right_unsigned(int(math.log2(block))), size & (block - 1)
    with f.loop(full, True, **pointers) as each:
        now = {name: getattr(each, name) for name in pointers}
        store(now["out"], body(now))
        for name, pointer in now.items():
            setattr(each, name, pointer + block)
    left = {name: getattr(each, name) for name in pointers}
    with f.when(rest > 0):
        store(left["out"], body(left), rest)
