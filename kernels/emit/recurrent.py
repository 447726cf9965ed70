"""Layers with a memory: UNIDIRECTIONAL_SEQUENCE_LSTM over bytes with an int16 cell, SVDF with int8 or int16 state.

States lie as NumPy has them (not flipped), since they outlive a call; a state of bytes is flipped into scratch memory
before the first step and back after the last.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..reference.lstm_integer import Cell, Sum
from ..requantizers import DoubleRounding, Requantizer
from .fixed_point import divide_by_pot, logistic_int16, multiply, saturate_int16, tanh_int16
from .flip import FLIP
from .language import I1, I8, I16, I32, VOID, Function, Type, Value
from .pieces import dot, store
from .plan import Compiled, Family, Place, Plan, result, source
from .target import Target

Integers = npt.NDArray[np.integer]
SQUASHED = range(7)
"""Integer bits of a cell's state that the runtime has a tanh for."""


def _splat(f: Function, scalar: Value) -> Value:
    return scalar.truncate(I32).splat(f.target.lanes)


def _write_products(f: Function, terms: str) -> None:
    """int16 out: products of a row of bytes and weights, rescaled and saturated; `two`: those of a second row added.

    Weights lie as [panel][k4][lane][4] and biases as [panel][lane], the second row's after the first's.
    """
    lanes = f.target.lanes
    vector, size = I32.x(lanes), 4 * lanes
    row = f.arguments(PRODUCTS.slots)

    def rescaled(a: Value, k4: Value, panel: tuple[Value, Value], numbers: tuple[Value, Value, Value]) -> list[Value]:
        w, bias = panel
        with f.loop(k4, a=a, w=w, total=bias.load(vector)) as k:
            k.total = dot(k.total, k.a.load(I32).splat(lanes), k.w.load(vector))
            k.a, k.w = k.a + 4, k.w + size
        multiplier, left, right = (_splat(f, number) for number in numbers)
        return [multiply(k.total, multiplier, left, right), k.w]

    with f.loop(row.panels, w=row.w, v=row.v, bias=row.bias, out=row.out) as panel:
        first = (row.multiplier, row.shift_left, row.shift_right)
        total, panel.w = rescaled(row.a, row.k4, (panel.w, panel.bias), first)
        total = saturate_int16(total)
        if terms == "two":
            second = (row.other_multiplier, row.other_left, row.other_right)
            more, panel.v = rescaled(row.h, row.h4, (panel.v, panel.bias + size), second)
            total = saturate_int16(total + more)
        panel.bias = panel.bias + size * (2 if terms == "two" else 1)
        panel.out.store(total.truncate(I16))
        panel.out = panel.out + 2 * lanes


PRODUCTS = Family(
    "products",
    "*a #k4 *w *h #h4 *v *bias *out #panels multiplier shift_left shift_right other_multiplier other_left other_right",
    _write_products,
)


def _write_cell(f: Function, shift: int, clip: str) -> None:
    """One step of the cell: gates (input, forget, cell, output) int16, state int16 of scale 2**(shift - 30), h and out
    bytes. Where that isn't a scale of `SQUASHED`, the input gate is taken for the state's tanh, as by the runtime.

    h is written in whole vectors."""
    lanes, integer_bits = f.target.lanes, shift - 15
    halves = I16.x(lanes)
    row = f.arguments(CELL.slots)
    multiplier, left, right = (_splat(f, n) for n in (row.multiplier, row.shift_left, row.shift_right))
    zero_point, bound = _splat(f, row.zero_point), _splat(f, row.clip)
    with f.loop(row.panels, gates=row.gates, state=row.state, h=row.h, out=row.out, left=row.columns) as panel:
        raw = [(panel.gates + at).load(halves).signed(I32) for at in (0, row.pitch, row.pitch << 1, row.pitch * 3)]
        admit, forget, opened = (logistic_int16(raw[at], 3) for at in (0, 1, 3))
        kept = _cut(divide_by_pot(forget * panel.state.load(halves).signed(I32), 15))
        added = _cut(divide_by_pot(admit * tanh_int16(raw[2], 3), shift))
        state = saturate_int16(kept + added)
        if clip == "clip":
            state = state.min(bound).max(bound * -1)
        squashed = tanh_int16(state, integer_bits) if integer_bits in SQUASHED else admit
        hidden = multiply(opened * squashed, multiplier, left, right) + zero_point
        now = panel.left.min(lanes)
        store(panel.state, state.truncate(I16).bits(I8.x(2 * lanes)), now << 1)
        stored = (hidden.max(-128).min(127) + 128).truncate(I8)
        panel.h.store(stored)
        store(panel.out, stored, now)
        panel.gates, panel.state = panel.gates + 2 * lanes, panel.state + 2 * lanes
        panel.h, panel.out = panel.h + lanes, panel.out + lanes
        panel.left = panel.left - lanes


def _cut(x: Value) -> Value:
    """To int16 and back."""
    return (x << 16) >> 16


CELL = Family(
    "cell",
    "*gates pitch *state *h *out #panels #columns multiplier shift_left shift_right zero_point clip",
    _write_cell,
)


def _write_remember(f: Function, bits: int) -> None:
    """Moves a state (filters, memory) of so many bits on by one step and puts the newest numbers, int16, last.

    They are clamped to the state's type, then the zero point is added, which wraps.
    """
    row, size, number = f.arguments(REMEMBER.slots), bits // 8, Type(f"i{bits}")
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    zero_point = row.zero_point.truncate(number)
    f.call("llvm.memmove.p0.p0.i64", VOID, row.state, row.state + size, row.bytes, f.constant(0, I1))
    with f.loop(row.filters, at=row.state + row.last, newest=row.newest) as each:
        newest = each.newest.load(I16)
        each.at.store((newest.max(low).min(high).truncate(number) if bits < 16 else newest) + zero_point)
        each.at, each.newest = each.at + row.pitch, each.newest + 2


REMEMBER = Family("remember", "*state bytes *newest #filters last pitch zero_point", _write_remember)


def _write_over_time(f: Function, bits: int) -> None:
    """int32 out: for each unit, bias plus state (of so many bits) less its zero point times weights.

    Weights are padded with zeros to whole vectors.
    """
    lanes, size = f.target.lanes, bits // 8
    row = f.arguments(OVER_TIME.slots)
    zero, zero_point = f.constant(0, I32.x(lanes)), _splat(f, row.zero_point)
    with f.loop(row.units, state=row.state, w=row.w, bias=row.bias, out=row.out) as unit:
        with f.loop(row.vectors, state=unit.state, w=unit.w, total=zero) as part:
            state = part.state.load(Type(f"i{bits}", lanes)).signed(I32) - zero_point
            part.total = part.total + state * part.w.load(I16.x(lanes)).signed(I32)
            part.state, part.w = part.state + size * lanes, part.w + 2 * lanes
        total = f.call(f"llvm.vector.reduce.add.v{lanes}i32", I32, part.total) + unit.bias.load(I32)
        unit.out.store(total)
        unit.state, unit.w = unit.state + row.pitch, part.w
        unit.bias, unit.out = unit.bias + 4, unit.out + 4


OVER_TIME = Family("overtime", "*state *w *bias *out #units #vectors pitch zero_point", _write_over_time)


def _write_narrow(f: Function) -> None:
    """int32 to stored bytes, rescaled."""
    lanes = f.target.lanes
    row = f.arguments(NARROW.slots)
    multiplier, left, right = (_splat(f, n) for n in (row.multiplier, row.shift_left, row.shift_right))
    zero_point = _splat(f, row.zero_point)
    with f.loop(row.panels, a=row.a, out=row.out, left=row.columns) as panel:
        q = multiply(panel.a.load(I32.x(lanes)), multiplier, left, right) + zero_point
        store(panel.out, (q.max(-128).min(127) + 128).truncate(I8), panel.left.min(lanes))
        panel.a, panel.out, panel.left = panel.a + 4 * lanes, panel.out + lanes, panel.left - lanes


NARROW = Family("narrow", "*a *out #panels #columns multiplier shift_left shift_right zero_point", _write_narrow)


def _rescaling(rule: Requantizer, prefix: str = "") -> dict[str, int]:
    """A rule's numbers as arguments."""
    assert isinstance(rule, DoubleRounding)
    multiplier, shift = int(np.asarray(rule.multiplier).item()), int(np.asarray(rule.shift).item())
    names = ("other_multiplier", "other_left", "other_right") if prefix else ("multiplier", "shift_left", "shift_right")
    return dict(zip(names, (multiplier, max(shift, 0), max(-shift, 0)), strict=True))


def _packed(weights: Integers, lanes: int) -> npt.NDArray[np.int8]:
    """(columns, k) as [panel][k4][lane][4], padded with zeros."""
    columns, k = weights.shape
    padded = np.zeros((-(-columns // lanes) * lanes, -(-k // 4) * 4), np.int8)
    padded[:columns, :k] = weights
    return np.ascontiguousarray(padded.reshape(-1, lanes, padded.shape[1] // 4, 4).transpose(0, 2, 1, 3))


def _biases(weights: Integers, bias: Integers, lanes: int) -> npt.NDArray[np.int32]:
    """bias less what the 128 in every stored byte adds, by panel."""
    folded = np.zeros(-(-len(bias) // lanes) * lanes, np.int64)
    folded[: len(bias)] = bias - 128 * weights.sum(axis=1, dtype=np.int64)
    return folded.astype(np.int32).reshape(-1, lanes)


def plan_lstm(
    target: Target, steps: int, batch: int, cell: Cell, *, time_major: bool, output_state: Place, cell_state: Place
) -> Compiled | str:
    """x (t b i) or (b t i) -> outputs, with int8 and int16 states (b o); or why not."""
    gates = (cell.input_gate, cell.forget_gate, cell.cell_gate, cell.output_gate)
    plain = [gate for gate in gates if gate is not None and gate.peephole is None and gate.norm is None]
    if len(plain) != 4 or cell.projection is not None:
        return "no native kernel for peepholes, layer normalization, projection or coupled gates"
    plan, lanes = Plan(target), target.lanes
    width, columns = plain[0].input.weights.shape
    if 0 in (steps, batch, columns, width):
        return "nothing to compute"
    panels = -(-columns // lanes)
    padded = panels * lanes
    gate_memory, memory = plan.reserve(4 * 2 * padded), plan.reserve(batch * padded)
    packed = [_pack_gate(plan, gate.input, gate.recurrent) for gate in plain]
    for b in range(batch):
        plan.row(FLIP, a=output_state + b * columns, out=memory + b * padded, size=columns, work=1)
    plan.then()
    for step in range(steps):
        for b in range(batch):
            at, h = step * batch + b if time_major else b * steps + step, memory + b * padded
            for number, (gate, (w, v, bias)) in enumerate(zip(plain, packed, strict=True)):
                plan.row(
                    PRODUCTS, "two",
                    a=source() + at * width, k4=-(-width // 4), w=w, h=h, h4=-(-columns // 4), v=v, bias=bias,
                    out=gate_memory + number * 2 * padded, panels=panels,
                    **_rescaling(gate.input.rule), **_rescaling(gate.recurrent.rule, "other"),
                    work=panels * (width + columns) // 4,
                )  # fmt: skip
            plan.then()
            plan.row(
                CELL, 30 + cell.cell_exponent, "clip" if cell.cell_clip > 0 else "free",
                gates=gate_memory, pitch=2 * padded, state=cell_state + 2 * b * columns, h=h,
                out=result() + at * columns, panels=panels, columns=columns, **_rescaling(cell.hidden),
                zero_point=cell.hidden_zero_point, clip=cell.cell_clip, work=panels * 400,
            )  # fmt: skip
            plan.then()
    for b in range(batch):
        plan.row(FLIP, a=memory + b * padded, out=output_state + b * columns, size=columns, work=1)
    return plan.done(f"{steps} steps of a cell in fixed point")


def _pack_gate(plan: Plan, first: Sum, second: Sum) -> tuple[Place, Place, Place]:
    lanes = plan.target.lanes
    w, v = first.weights.T.astype(np.int64), second.weights.T.astype(np.int64)
    bias = np.concatenate([_biases(w, first.bias, lanes), _biases(v, second.bias, lanes)], axis=1)
    return plan.constant(_packed(w, lanes)), plan.constant(_packed(v, lanes)), plan.constant(bias)


def plan_svdf(
    target: Target,
    batch: int,
    features: Integers,
    times: Integers,
    bias: Integers | None,
    rank: int,
    zero_points: tuple[int, int, int],
    to_state: DoubleRounding,
    to_output: DoubleRounding,
    *,
    state: Place,
) -> Compiled | str:
    """x (b i) int8 -> (b units) int8, with `state` (b, filters * memory) of the type of `times`; or why not.

    features int8 (filters, i), times int8 or int16 (filters, memory), bias int32 (units,). zero_points: of x, of the
    state and of the output.
    """
    size = times.dtype.itemsize
    plan, lanes = Plan(target), target.lanes
    (filters, width), memory = features.shape, times.shape[1]
    units = filters // rank
    if 0 in (batch, filters, width):
        return "nothing to compute"
    panels = -(-filters // lanes)
    newest, totals = plan.reserve(2 * panels * lanes), plan.reserve(4 * -(-units // lanes) * lanes)
    folded = -zero_points[0] * features.sum(axis=1, dtype=np.int64)
    w, offsets = plan.constant(_packed(features, lanes)), plan.constant(_biases(features, folded, lanes))
    vectors = -(-rank * memory // lanes)
    padded = np.zeros((units, vectors * lanes), np.int16)
    padded[:, : rank * memory] = times.reshape(units, rank * memory)
    over_time = plan.constant(padded)
    added = plan.constant(np.zeros(units, np.int32) if bias is None else bias.astype(np.int32))
    for b in range(batch):
        now = state + size * b * filters * memory
        plan.row(
            PRODUCTS, "one",
            a=source() + b * width, k4=-(-width // 4), w=w, h=newest, h4=1, v=w, bias=offsets, out=newest,
            panels=panels, **_rescaling(to_state), **_rescaling(to_state, "other"),
            work=panels * width // 4,
        )  # fmt: skip
        plan.then()
        plan.row(
            REMEMBER, 8 * size, state=now, bytes=size * (filters * memory - 1), newest=newest, filters=filters,
            last=size * (memory - 1), pitch=size * memory, zero_point=zero_points[1], work=filters,
        )  # fmt: skip
        plan.then()
        plan.row(
            OVER_TIME, 8 * size, state=now, w=over_time, bias=added, out=totals, units=units, vectors=vectors,
            pitch=size * rank * memory, zero_point=zero_points[1], work=units * vectors * 4,
        )  # fmt: skip
        plan.then()
        plan.row(
            NARROW, a=totals, out=result() + b * units, panels=-(-units // lanes), columns=units,
            **_rescaling(to_output), zero_point=zero_points[2], work=units,
        )  # fmt: skip
        plan.then()
    return plan.done("filters over features, then over time")
