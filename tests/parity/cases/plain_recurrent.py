"""RNN and its sequences in one direction and in both: float, float by 8-bit weights; second inputs; merged outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from drawn import Weights
from parity_case import Case

from qengine.build import Builder, Operand
from qengine.ops.bidirectional_sequence_rnn import BidirectionalSequenceRnn
from qengine.ops.rnn import Rnn
from qengine.ops.unidirectional_sequence_rnn import UnidirectionalSequenceRnn
from qengine.options import ActivationFunctionType

F = ActivationFunctionType
BATCH, STEPS, WIDTH, SECOND = 2, 4, 7, 9


def cell(w: Weights, name: str, units: int) -> list[Operand]:
    state = w.b.variable(name, (BATCH, units))
    return [w.matrix(units, WIDTH), w.matrix(units, units), w.bias(units), state]


def once(kind: str, fused: F, *, asymmetric: bool = False) -> Case:
    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        x = b.input("x", (BATCH, WIDTH))
        return [b.add(Rnn(fused, asymmetric), [x, *cell(Weights(b, rng, kind), "h", 5)])]

    return Case(f"rnn_{kind}_{fused.name.lower()}{'_asymmetric' * asymmetric}", build, within=1e-4, calls=4)


def sequence(kind: str, *, time_major: bool, asymmetric: bool = False) -> Case:
    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        x = b.input("x", (STEPS, BATCH, WIDTH) if time_major else (BATCH, STEPS, WIDTH))
        op = UnidirectionalSequenceRnn(time_major, F.RELU6, asymmetric)
        return [b.add(op, [x, *cell(Weights(b, rng, kind), "h", 5)])]

    words = f"{kind}{'_time_major' * time_major}{'_asymmetric' * asymmetric}"
    return Case(f"rnn_sequence_{words}", build, within=1e-4)


def both_ways(kind: str, second: str, *, time_major: bool, merge: bool, asymmetric: bool = False) -> Case:
    """second: "crossed", a second input with weights; "behind", one that replaces the first going back; or none."""

    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        w, first = Weights(b, rng, kind), (STEPS, BATCH) if time_major else (BATCH, STEPS)
        x = b.input("x", (*first, WIDTH))
        more = b.input("second", (*first, SECOND)) if second else None
        crossed = [w.matrix(5, SECOND), w.matrix(3, SECOND)] if second == "crossed" else [None, None]
        inputs = [x, *cell(w, "forth", 5), *cell(w, "back", 3), more, *crossed]
        op = BidirectionalSequenceRnn(time_major, F.RELU_N1_TO_1, merge, asymmetric)
        return b.add(op, inputs, outputs=1 if merge else 2)

    words = f"{kind}_{second}{'_time_major' * time_major}{'_merged' * merge}{'_asymmetric' * asymmetric}"
    return Case(f"rnn_both_ways_{words}", build, within=1e-4)


def cases() -> Iterator[Case]:
    for kind in ("float", "dynamic", "uint8"):
        for fused in (F.NONE, F.TANH):
            yield once(kind, fused)
        for time_major in (False, True):
            yield sequence(kind, time_major=time_major)
    for time_major in (False, True):
        for asymmetric in (False, True):
            yield sequence("dynamic", time_major=time_major, asymmetric=asymmetric)
            for second in ("", "crossed", "behind"):
                for merge in (False, True):
                    if not asymmetric:
                        yield both_ways("float", second, time_major=time_major, merge=merge)
                    if asymmetric or not (time_major and merge):  # there the runtime reads what isn't there
                        options = {"time_major": time_major, "merge": merge, "asymmetric": asymmetric}
                        yield both_ways("dynamic", second, **options)
    yield once("dynamic", F.SIGN_BIT, asymmetric=True)


CASES = list(cases())
