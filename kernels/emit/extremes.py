"""The largest or smallest number along an axis, and where it is: REDUCE_MAX, REDUCE_MIN, ARG_MAX, ARG_MIN.

A tensor is seen as (outer, size, inner), the middle being reduced. Numbers are those of `numbers.TYPES`. Either vectors
lie across `inner`, whose elements don't meet, or, where there is no `inner`, along the axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from .language import F32, I1, I8, I16, I32, I64, Function, Type, Value
from .numbers import TYPES, lanes_of
from .pieces import store
from .plan import Compiled, Family, Plan, result, source
from .target import Target

SHORT = 16
"""Bytes of a row for which one vector does."""
Binary = Callable[[Value, Value], Value]


def _first(type: str, which: str) -> float:
    """What every number beats, or ties with."""
    if type == "f32":
        return -math.inf if which == "max" else math.inf
    limits = np.iinfo(np.uint8 if type == "byte" else f"i{TYPES[type].size}")
    return int(limits.min if which == "max" else limits.max)


def _beats(type: str, which: str) -> Binary:
    """Whether the second number goes before the first."""
    if type == "byte":
        return lambda old, new: old.below_unsigned(new) if which == "max" else new.below_unsigned(old)
    return lambda old, new: new > old if which == "max" else new < old


def _numbered(f: Function, lanes: int, type: Type = I32) -> Value:
    """0, 1, 2, ..."""
    return Value(f, type.x(lanes), f"<{', '.join(f'{type.element} {i}' for i in range(lanes))}>")


def _across(f: Function, values: Value, better: Binary) -> Value:
    """All lanes to one number."""
    lanes = values.type.lanes
    while lanes > 2:
        lanes //= 2
        values = better(values.shuffle(range(lanes)), values.shuffle(range(lanes, 2 * lanes)))
    return better(_lane(f, values, 0), _lane(f, values, 1))


def _lane(f: Function, values: Value, lane: int) -> Value:
    return f.emit(values.type.scalar, f"extractelement {values.type} {values.name}, i64 {lane}")


def _write_extreme(f: Function, which: str, type: str, way: str) -> None:
    """`along` or `across`; no number that is NaN beats another, and of nothing but NaN comes an infinity."""
    row, element = f.arguments(EXTREME.slots), TYPES[type]
    lanes, beats = lanes_of(f.target, element), _beats(type, which)
    vector, size = element.x(lanes), element.size
    start = f.constant(_first(type, which), vector)

    def better(old: Value, new: Value) -> Value:
        return beats(old, new).select(new, old)

    if way == "across":
        with f.loop(row.outer, a=row.a, out=row.out) as line:
            with f.loop(row.blocks, a=line.a, out=line.out, left=row.inner) as block:
                with f.loop(row.size, a=block.a, best=start) as each:
                    each.best = better(each.best, each.a.load(vector))
                    each.a = each.a + row.pitch
                store(block.out, each.best, block.left.min(lanes))
                block.a, block.out, block.left = block.a + lanes * size, block.out + lanes * size, block.left - lanes
            line.a, line.out = line.a + row.outer_pitch, line.out + row.pitch
        return
    with f.loop(row.outer, a=row.a, out=row.out) as line:
        with f.loop(row.blocks, a=line.a, left=row.size, best=start) as part:
            read = part.a.load(vector)
            inside = _numbered(f, lanes) < part.left.min(lanes).truncate(I32).splat(lanes)
            part.best = inside.select(better(part.best, read), part.best)
            part.a, part.left = part.a + lanes * size, part.left - lanes
        line.out.store(_across(f, part.best, better))
        line.a, line.out = line.a + row.outer_pitch, line.out + size


EXTREME = Family("extreme", "*a *out #outer outer_pitch #size pitch #inner #blocks", _write_extreme)


def plan_extreme(target: Target, which: str, type: str, outer: int, size: int, inner: int) -> Compiled:
    """The `max` or `min` of (outer, size, inner) over the middle."""
    plan, element = Plan(target), TYPES[type]
    if outer * inner:
        lanes = lanes_of(target, element)
        plan.row(
            EXTREME,
            which,
            type,
            "along" if inner == 1 else "across",
            a=source(),
            out=result(),
            outer=outer,
            outer_pitch=size * inner * element.size,
            size=size,
            pitch=inner * element.size,
            inner=inner,
            blocks=-(-(size if inner == 1 else inner) // lanes),
            work=outer * (size * inner // lanes + 4) * 2,
        )
        plan.divisible(EXTREME, "outer", a=size * inner * element.size, out=inner * element.size)
    return plan.done("vectors")


def _write_place(f: Function, which: str, type: str, way: str, index: str) -> None:
    """The first place of the extreme number, as `index` i32 or i64; NaN loses against every number.

    `short` is for up to 16 bytes, `along` for integers, `lanes` for floats along the axis, `across` for all.
    """
    row = f.arguments(PLACE.slots)
    write = {"short": _place_short, "along": _place_along, "lanes": _place_in_lanes, "across": _place_across}
    with f.loop(row.outer, a=row.a, out=row.out) as line:
        write[way](f, row, (line.a, line.out), TYPES[type], _beats(type, which), _first(type, which), TYPES[index])
        line.a, line.out = line.a + row.outer_pitch, line.out + row.out_pitch


def _place_along(
    f: Function, row: SimpleNamespace, at: tuple[Value, Value], element: Type, beats: Binary, first: float, index: Type
) -> None:
    lanes = lanes_of(f.target, element)
    vector, (a, out) = element.x(lanes), at
    numbers = _numbered(f, lanes)

    def better(old: Value, new: Value) -> Value:
        return beats(old, new).select(new, old)

    blocks, size = row.blocks, row.size
    with f.loop(blocks, a=a, left=size, best=f.constant(first, vector)) as part:
        inside = numbers < part.left.min(lanes).truncate(I32).splat(lanes)
        part.best = inside.select(better(part.best, part.a.load(vector)), part.best)
        part.a, part.left = part.a + lanes * element.size, part.left - lanes
    best = _across(f, part.best, better).splat(lanes)
    bits = Type(f"i{lanes}")
    with f.loop(blocks, a=a, before=0, found=f.constant(0, bits)) as search:
        search.found = search.a.load(vector).equals(best).bits(bits)  # what lies beyond the end comes after a real one
        search.stop_when(search.found.equals(0) ^ True)
        search.a, search.before = search.a + lanes * element.size, search.before + lanes
    place = f.call(f"llvm.cttz.{bits}", bits, search.found, f.constant(0, I1))
    place = (place.unsigned(I64) if bits.size < 8 else place) + (search.before - lanes)
    out.store(place if index == I64 else place.truncate(I32))


def _place_short(
    f: Function, row: SimpleNamespace, at: tuple[Value, Value], element: Type, beats: Binary, first: float, index: Type
) -> None:
    """A byte and its place as one number of 16 bits, of which the least is wanted."""
    (a, out), numbers, bytes_ = at, _numbered(f, SHORT, I16), I8.x(SHORT)
    read = a.load(bytes_)
    read = read ^ -1 if first == 0 else read  # the largest byte is the least of the others
    keys = (read.unsigned(I16) << 8) | numbers
    inside = numbers < row.size.truncate(I16).splat(SHORT)
    least = f.call(f"llvm.vector.reduce.umin.v{SHORT}i16", I16, inside.select(keys, -1))
    out.store((least & 0xFF).unsigned(index))


def _place_in_lanes(
    f: Function, row: SimpleNamespace, at: tuple[Value, Value], element: Type, beats: Binary, first: float, index: Type
) -> None:
    """As the runtime finds it, by four lanes and what is left of the line, which shows where there is NaN.

    A comparison between lanes with NaN keeps its left side; a line whose best is NaN gives 0.
    """
    size, (a, out) = row.size, at
    vector, nan = F32.x(4), f.constant(math.nan, F32.x(4))
    numbers = _numbered(f, 4)
    groups = size.shift_right_unsigned(2)
    with f.loop(groups, a=a, now=numbers, best=nan, place=numbers) as four:
        read = four.a.load(vector)
        wins = beats(four.best, read) | ((four.best.equals(four.best) ^ True) & read.equals(read))
        four.best, four.place = wins.select(read, four.best), wins.select(four.now, four.place)
        four.a, four.now = four.a + 16, four.now + 4
    values = [_lane(f, four.best, lane) for lane in range(4)]
    pairs = [beats(x, y).select(y, x) for x, y in (values[:2], values[2:])]
    best = beats(*pairs).select(pairs[1], pairs[0])
    least = four.best.equals(best.splat(4)).select(four.place, 0x7FFFFFFF)
    place = _across(f, least, lambda x, y: x.min(y))
    with f.loop(size & 3, True, a=four.a, now=(groups << 2).truncate(I32), best=best, place=place) as rest:
        read = rest.a.load(F32)
        wins = beats(rest.best, read) | ((rest.best.equals(rest.best) ^ True) & read.equals(read))
        rest.best, rest.place = wins.select(read, rest.best), wins.select(rest.now, rest.place)
        rest.a, rest.now = rest.a + 4, rest.now + 1
    place = rest.best.equals(rest.best).select(rest.place, 0)
    out.store(place.signed(I64) if index == I64 else place)


def _place_across(
    f: Function, row: SimpleNamespace, at: tuple[Value, Value], element: Type, beats: Binary, first: float, index: Type
) -> None:
    lanes, (a, out) = f.target.lanes, at
    vector, zero = element.x(lanes), f.constant(0, I32.x(lanes))
    blocks, size, pitch, inner = row.blocks, row.size, row.pitch, row.inner
    with f.loop(blocks, a=a, out=out, left=inner) as block:
        start = block.a.load(vector)
        with f.loop(size, a=block.a, now=zero, best=start, place=zero) as each:
            read = each.a.load(vector)
            wins = beats(each.best, read)
            if element == F32:
                wins = wins | ((each.best.equals(each.best) ^ True) & read.equals(read))
            each.best, each.place = wins.select(read, each.best), wins.select(each.now, each.place)
            each.a, each.now = each.a + pitch, each.now + 1
        store(block.out, each.place.signed(I64) if index == I64 else each.place, block.left.min(lanes))
        block.a, block.out = block.a + lanes * element.size, block.out + lanes * index.size
        block.left = block.left - lanes


PLACE = Family("place", "*a *out #outer outer_pitch out_pitch #size pitch #inner #blocks", _write_place)


def plan_place(target: Target, which: str, type: str, index: str, outer: int, size: int, inner: int) -> Compiled:
    """Where the `max` or `min` of (outer, size, inner) lies along the middle, the first of equals, as `index`."""
    plan, element, index_size = Plan(target), TYPES[type], TYPES[index].size
    if outer * inner:
        along = inner == 1 and (type != "f32" or size >= 4)
        way = ("lanes" if type == "f32" else "along") if along else "across"
        if along and type == "byte" and size <= SHORT:
            way = "short"
        lanes = lanes_of(target, element) if along else target.lanes
        plan.row(
            PLACE,
            which,
            type,
            way,
            index,
            a=source(),
            out=result(),
            outer=outer,
            outer_pitch=size * inner * element.size,
            out_pitch=inner * index_size,
            size=size,
            pitch=inner * element.size,
            inner=inner,
            blocks=-(-(size if along else inner) // lanes),
            work=outer * (size * inner // target.lanes + 8) * 3,
        )
        plan.divisible(PLACE, "outer", a=size * inner * element.size, out=inner * index_size)
    return plan.done("vectors")
