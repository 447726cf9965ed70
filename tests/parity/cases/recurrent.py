"""SVDF and LSTM: float, float by 8-bit weights, integers; every optional part of a cell there and not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from drawn import Weights, scaled
from parity_case import Case

from qengine.build import Builder, Operand
from qengine.ops.svdf import Svdf
from qengine.ops.unidirectional_sequence_lstm import UnidirectionalSequenceLstm
from qengine.options import ActivationFunctionType

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


def lstm(kind: str, parts: str = "", fused: F = F.TANH, exponent: int = -11, **options: Any) -> Case:
    """parts: of `coupled`, `peephole`, `projection`, `norm`, `diagonal`, those that the cell has. exponent: of the
    integer cell's scale."""
    has = {part: part in parts for part in ("coupled", "peephole", "projection", "norm", "diagonal")}

    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        w, integer = Weights(b, rng, kind), kind == "integer"
        batch, steps, width, cells = 2, 5, 7, 19
        out = 6 if has["projection"] else cells
        shape = (steps, batch, width) if options.get("time_major") else (batch, steps, width)
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
        op = UnidirectionalSequenceLstm(fused, **options)
        return [b.add(op, inputs, intermediates=within, **scaled(integer, 0.01, 5))]

    label = "_".join(
        ["lstm", kind, *parts.split(), fused.name, f"2e{exponent}", *(f"{k}_{v}" for k, v in options.items())]
    )
    beyond = ("reference",) if has["diagonal"] else ()
    return Case(label.lower(), build, within=1e-4, calls=3, beyond=beyond)


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


CASES = [*svdfs(), *lstms()]
