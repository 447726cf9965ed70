"""SVDF and LSTM: float, float by 8-bit weights, integers; every optional part of a cell there and not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from drawn import Weights, scaled
from parity_case import Case

from qengine.build import Builder, Operand, Output
from qengine.ops.bidirectional_sequence_lstm import BidirectionalSequenceLstm
from qengine.ops.lstm import Lstm
from qengine.ops.svdf import Svdf
from qengine.ops.unidirectional_sequence_lstm import UnidirectionalSequenceLstm
from qengine.options import ActivationFunctionType, LSTMKernelType

F = ActivationFunctionType


def svdf(kind: str, rank: int, fused: F, *, bias: bool = True, asymmetric: bool = False) -> Case:
    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        w, integer = Weights(b, rng, kind), kind == "integer"
        units, memory, width, batch = 5, 4, 6, 3
        x = b.input("x", (batch, width), *(("int8",) if integer else ()), **scaled(integer, 0.05, -9))
        times = w.wide(1e-4, units * rank, memory) if integer else w.matrix(units * rank, memory)
        state = b.variable(
            "state", (batch, units * rank * memory), "int16" if integer else "float32", **scaled(integer, 1e-3)
        )
        inputs = [x, w.matrix(units * rank, width), times, w.bias(units) if bias else None, state]
        return [b.add(Svdf(rank, fused, asymmetric), inputs, **scaled(integer, 0.2, 4))]

    label = f"svdf_{kind}_rank{rank}_{fused.name}{'' if bias else '_no_bias'}{'_asymmetric' if asymmetric else ''}"
    return Case(label.lower(), build, within=1e-4, calls=5)


def lstm(
    kind: str, parts: str = "", fused: F = F.TANH, exponent: int = -11, once: bool = False, **options: Any
) -> Case:
    """parts: of `coupled`, `peephole`, `projection`, `norm`, `diagonal`, those that the cell has. exponent: of the
    integer cell's scale. once: one step a call, LSTM."""
    has = {part: part in parts for part in ("coupled", "peephole", "projection", "norm", "diagonal")}

    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        w, integer = Weights(b, rng, kind), kind == "integer"
        batch, steps, width, cells = 2, 5, 7, 19
        out = 6 if has["projection"] else cells
        shape: tuple[int, ...] = (steps, batch, width) if options.get("time_major") else (batch, steps, width)
        shape = (batch, width) if once else shape
        x = b.input("x", shape, "int8" if integer else "float32", **scaled(integer, 0.03, -9))
        gates = range(1 if has["coupled"] else 0, 4)
        inputs: list[Any] = [x, *[None] * 19]
        for gate in gates:
            inputs[1 + gate] = w.matrix(cells, width)
            inputs[5 + gate] = w.real(cells) if has["diagonal"] else w.matrix(cells, out)
            inputs[12 + gate] = w.bias(cells)
            if has["peephole"] and gate != 2:
                inputs[9 + min(gate, 2)] = w.wide(3e-5, cells) if integer else w.matrix(cells)
        if has["projection"]:
            inputs[16], inputs[17] = w.matrix(out, cells), w.bias(out)
        inputs[18] = b.variable("h", (batch, out), "int8" if integer else "float32", **scaled(integer, 0.01, 5))
        inputs[19] = b.variable(
            "c", (batch, cells), "int16" if integer else "float32", **scaled(integer, 2.0**exponent)
        )
        if has["norm"]:
            inputs += [
                (w.wide(5e-5, cells) if integer else w.real(cells)) if gate in gates else None for gate in range(4)
            ]
        within = None
        if integer:
            within = [b.tensor(f"gate{gate}", (), "int16", scale=4e-4 + 1e-4 * gate) for gate in range(4)]
            within.append(b.tensor("hidden", (), "int8", scale=0.008, zero_point=3))
        op = Lstm(fused, **options) if once else UnidirectionalSequenceLstm(fused, **options)
        return [b.add(op, inputs, intermediates=within, **scaled(integer, 0.01, 5))]

    label = "_".join(
        [
            "lstm_once" if once else "lstm",
            kind,
            *parts.split(),
            fused.name,
            f"2e{exponent}",
            *(f"{k}_{v}" for k, v in options.items()),
        ]
    )
    refused = ("reference",) if has["diagonal"] else ()
    return Case(label.lower(), build, within=1e-4, calls=3, refused=refused)


def svdfs() -> Iterator[Case]:
    for fused in (F.NONE, F.RELU, F.TANH, F.SIGN_BIT):
        yield svdf("float", 2, fused)
    yield svdf("float", 1, F.RELU6, bias=False)
    for kind in ("dynamic", "uint8"):
        for asymmetric in (False, True):
            yield svdf(kind, 2, F.RELU, asymmetric=asymmetric)
    yield svdf("integer", 1, F.RELU)
    yield svdf("integer", 3, F.RELU, bias=False)


def lstms() -> Iterator[Case]:
    parts = [
        "",
        "coupled",
        "peephole",
        "projection",
        "norm",
        "coupled peephole norm",
        "peephole projection",
        "coupled peephole projection norm",
    ]
    for kind in ("float", "dynamic", "integer"):
        for names in parts:
            yield lstm(kind, names, cell_clip=0.75, proj_clip=0.25)
        yield lstm(kind, "peephole projection", time_major=True)
        yield lstm(kind)
    for exponent in (-17, -9, -8):
        yield lstm("integer", exponent=exponent)
    yield lstm("uint8", "peephole", asymmetric_quantize_inputs=True)
    yield lstm("dynamic", "projection norm", asymmetric_quantize_inputs=True)
    for kind in ("float", "dynamic"):
        yield lstm(kind, "diagonal", diagonal_recurrent_tensors=True)
        yield lstm(kind, "norm", F.RELU)
        yield lstm(kind, "", F.NONE)
        yield lstm(kind, "norm", F.NONE, time_major=True)
    yield lstm("float", "diagonal", F.NONE, diagonal_recurrent_tensors=True)


def both_ways(
    kind: str, second: str, parts: str, *, time_major: bool, merge: bool, asymmetric: bool = False, fused: F = F.TANH
) -> Case:
    """second: "crossed", a second input with weights; "behind", one that replaces the first going back; or none."""
    coupled, peeps, projects = (part in parts for part in ("coupled", "peephole", "projection"))
    batch, steps, width, cells, wide = 2, 3, 5, 16, 4  # batch * out fills lines of memory: see `Neighbours`
    out = 8 if projects else cells

    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        w, shape = Weights(b, rng, kind), (steps, batch) if time_major else (batch, steps)
        inputs: list[Any] = [b.input("x", (*shape, width))]
        for _ in range(2):
            for columns in (width, out):
                inputs += [None if coupled and gate == 0 else w.matrix(cells, columns) for gate in range(4)]
            inputs += [w.matrix(cells) if peeps and not (coupled and gate == 0) else None for gate in range(3)]
            inputs += [None if coupled and gate == 0 else w.bias(cells) for gate in range(4)]
            inputs += [w.matrix(out, cells), w.bias(out)] if projects else [None, None]
        for way in ("forth", "back"):
            inputs += [b.variable(f"{way}_h", (batch, out)), b.variable(f"{way}_c", (batch, cells))]
        inputs.append(b.input("second", (*shape, wide if second == "crossed" else width)) if second else None)
        for gate in 2 * list(range(4)):
            crossed = second == "crossed" and not (coupled and gate == 0)
            inputs.append(w.matrix(cells, wide) if crossed else None)
        op = BidirectionalSequenceLstm(fused, 0.9, 0.4, merge, time_major, asymmetric)
        return b.add(op, inputs, outputs=1 if merge else 2)

    words = [kind, second, *parts.split(), fused.name.lower(), "time_major" * time_major, "merged" * merge]
    label = "_".join(word for word in (*words, "asymmetric" * asymmetric) if word)
    return Case(f"lstm_both_ways_{label}", build, within=1e-4)


def small(kind: str, batch: int, width: int, cells: int) -> Case:
    """The basic kernel."""

    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        op = Lstm(kernel_type=LSTMKernelType.BASIC)
        if kind == "float":
            w = Weights(b, rng, kind)
            x, h = b.input("x", (batch, width)), b.input("h", (batch, cells))
            weights, bias = w.real(4 * cells, width + cells), w.real(4 * cells)
            return b.add(op, [x, h, weights, bias, b.input("c", (batch, cells))], outputs=4)
        unit: dict[str, Any] = {"scale": 1 / 128, "zero_point": 128}
        x, h = b.input("x", (batch, width), "uint8", **unit), b.input("h", (batch, cells), "uint8", **unit)
        weights = rng.integers(0, 256, (4 * cells, width + cells)).astype(np.uint8)
        bias = b.constant(rng.integers(-20000, 20000, 4 * cells).astype(np.int32), scale=1e-4)
        c = b.input("c", (batch, cells), "int16", scale=2.0**-11)
        outputs = [
            Output(type="uint8", **unit),
            Output(type="int16", scale=2.0**-11),
            Output(type="uint8", **unit),
            Output(type="int16", scale=2.0**-12),
        ]
        return b.add(op, [x, h, b.constant(weights, scale=0.0128, zero_point=131), bias, c], outputs=outputs)

    return Case(f"lstm_small_{kind}_{batch}x{width}x{cells}", build, within=1e-4)


def narrow(cell_clip: float, proj_clip: float, batch: int) -> Case:
    """Integers with products of 8 bits."""

    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        w, width, cells, out = Weights(b, rng, "integer"), 11, 21, 6
        inputs: list[Any] = [b.input("x", (batch, width), "int8", scale=0.03, zero_point=-9), None]
        inputs += [w.matrix(cells, width) for _ in range(3)]
        inputs += [None, *(w.matrix(cells, out) for _ in range(3))]
        inputs += [None] * 4 + [w.bias(cells) for _ in range(3)]
        inputs += [w.matrix(out, cells), w.bias(out)]
        inputs += [
            b.variable("h", (batch, out), "int8", scale=0.01, zero_point=5),
            b.variable("c", (batch, cells), "int16", scale=2.0**-15),
        ]
        inputs += [None, *(w.wide(5e-5, cells) for _ in range(3))]
        within = [
            b.tensor(f"part{at}", (), "int8", scale=0.02 + 0.001 * at, zero_point=at - 6)
            if at % 3
            else b.tensor(f"gate{at}", (), "int16", scale=2.0**-12)
            for at in range(12)
        ]
        op = Lstm(F.TANH, cell_clip, proj_clip)
        return [b.add(op, inputs, intermediates=within, type="int8", scale=0.01, zero_point=5)]

    return Case(f"lstm_narrow_{cell_clip}_{proj_clip}_{batch}", build, calls=4)


def others() -> Iterator[Case]:
    for kind in ("float", "dynamic", "integer"):
        yield lstm(kind, once=True)
        yield lstm(kind, "coupled peephole norm", once=True, cell_clip=0.75)
        yield lstm(kind, "projection", once=True, proj_clip=0.25)
    yield lstm("uint8", "projection norm", once=True, asymmetric_quantize_inputs=True)
    yield lstm("float", "", F.NONE, once=True)
    for kind in ("float", "uint8"):
        for sizes in ((1, 3, 5), (2, 40, 24)):
            yield small(kind, *sizes)
    for clips in ((0.0, 0.0), (0.5, 0.75), (1.5, 0.0)):
        yield narrow(*clips, 2)
    for second in ("", "crossed", "behind"):
        for time_major in (False, True):
            for merge in (False, True):
                ways = {"time_major": time_major, "merge": merge}
                yield both_ways("float", second, "peephole projection", **ways)
                yield both_ways("dynamic", second, "coupled", **ways)
                yield both_ways("uint8", second, "peephole", **ways, asymmetric=True)
    yield both_ways("float", "crossed", "", time_major=True, merge=False, fused=F.RELU6)
    yield both_ways("float", "crossed", "", time_major=True, merge=False, fused=F.NONE)


CASES = [*svdfs(), *lstms(), *others()]
