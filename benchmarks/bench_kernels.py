"""Emitted kernels against what this processor can do, and against what other engines have for the same layer.

    python benchmarks/bench_kernels.py [--variant avx2] [--json] [--seconds 0.1] [--alone]

Multiply-accumulates a second, as a share of the peak: the dot product on registers alone, measured in the same run,
alternating with each kernel. A share near 1 means that a layer waits for nothing but multiplications. Small layers are
all start and end: their share is low in any engine.

Then (but for `--alone`, and with the best variant only) whole calls of a network of that one layer, ours over the real
runtime's three kernel sets and onnxruntime's where they are installed (see `peers`). Such a call holds copies of input
and output, in every engine, so this ratio and the share above are different questions.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
import one_layer
from peers import Pair, about, pairs

import qengine as qe
from qengine.kernels.emit import native, target
from qengine.kernels.emit.convolution import plan_convolution
from qengine.kernels.emit.dense import plan_dense
from qengine.kernels.emit.depthwise import plan_depthwise
from qengine.kernels.emit.elementwise import AddNumbers, plan_add
from qengine.kernels.emit.language import I32, Function
from qengine.kernels.emit.layer import Geometry, Layer
from qengine.kernels.emit.pieces import dot
from qengine.kernels.emit.plan import SLACK, Compiled, Eight, Family, Plan, aligned, result, source
from qengine.kernels.emit.pool import plan_average_pool
from qengine.kernels.emit.program import Program
from qengine.kernels.emit.rounding import FloatRule
from qengine.kernels.emit.target import Target
from qengine.kernels.reference.add import FloatScales, Scales, ZeroPoints

ROUNDS = 7
PEAK_STEPS = 2000
EIGHT = Eight(True, -128)

# size, channels, outputs, taps, stride
CONVOLUTIONS = [
    (224, 3, 32, 3, 2),
    (112, 16, 96, 1, 1),
    (56, 24, 144, 1, 1),
    (28, 192, 32, 1, 1),
    (14, 64, 384, 1, 1),
    (14, 576, 96, 1, 1),
    (7, 320, 1280, 1, 1),
    (32, 16, 16, 3, 1),
    (16, 32, 64, 3, 2),
    (28, 128, 128, 3, 1),
    (20, 48, 96, 5, 1),
]
# size, channels, taps, stride
DEPTHWISE = [
    (112, 32, 3, 1),
    (112, 96, 3, 2),
    (56, 144, 3, 1),
    (14, 384, 3, 1),
    (7, 960, 3, 1),
    (48, 8, 3, 1),
    (48, 16, 3, 2),
    (28, 120, 5, 1),
    (14, 240, 5, 2),
]


@dataclass(frozen=True)
class Case:
    """An operation, its bytes of input and output, and its multiply-accumulates (of sums: additions).

    network: the same shape as a network of its own; None of the peak, which is no layer.
    """

    name: str
    compiled: Compiled | str
    input_bytes: int
    output_bytes: int
    macs: int
    network: qe.Model | None = None

    def ready(self) -> Callable[[], None]:
        """The operation on memory of its own. Both operands of a sum are the same."""
        assert isinstance(self.compiled, Compiled), self.compiled
        sizes = self.input_bytes + SLACK, self.output_bytes, self.compiled.scratch
        memory = [aligned(np.zeros(size, np.uint8)) for size in sizes]
        a, out, scratch = (int(part.ctypes.data) for part in memory)
        stages = self.compiled.bind([a, a], [out], scratch)
        program = Program(stages, self.compiled.target)

        def run() -> None:
            assert memory  # keeps it alive
            program.run()

        return run


@dataclass(frozen=True)
class Result:
    kernel: str
    why: str
    microseconds: float
    gmacs: float
    share: float
    spread: float
    peers: tuple[Pair, ...] = ()

    def __str__(self) -> str:
        line = (
            f"{self.kernel:34s} {self.microseconds:9.2f} us {self.gmacs:7.1f} GMAC/s {self.share:5.0%} of peak, "
            f"spread {self.spread:4.0%}"
        )
        ratios = ", ".join(
            f"{pair.peer} {pair.ratio:.2f}{' DIFFERS' if pair.equal is False else ''}" for pair in self.peers
        )
        return f"{line}  {ratios or self.why}"


def peak(variant: Target) -> Case:
    """Nothing but dot products on registers."""
    name, sums = "peak", max(8, variant.registers - 8)
    f = Function(native.symbol(name, variant), variant)
    slots = "*a *out #steps"
    row = f.arguments(slots)
    vector = I32.x(variant.lanes)
    x, w = row.a.load(vector), row.a.load(vector, 64)
    with f.loop(row.steps, sums=[f.constant(0, vector)] * sums) as each:
        each.sums = [dot(sum_, x, w) for sum_ in each.sums]
    for at, sum_ in enumerate(each.sums):
        row.out.store(sum_, 64 * at)
    native.link({name: native.compile(f.text(), variant)}, variant)

    family = Family(name, slots, lambda f: None)
    plan = Plan(variant)
    plan.row(family, a=source(), out=result(), steps=PEAK_STEPS)
    return Case(name, plan.done("registers alone"), 128, 64 * sums, PEAK_STEPS * sums * 4 * variant.lanes)


def layer(shape: tuple[int, ...], outputs: int) -> Layer:
    weights = np.random.default_rng(0).integers(-127, 128, shape).astype(np.int8)
    return Layer(weights, 0, None, EIGHT, EIGHT, -128, 127, FloatRule(np.full(outputs, 1e-3, np.float32)))


def same_padded(size: int, channels: int, outputs: int, taps: int, stride: int) -> Geometry:
    out = -(-size // stride)
    before = max((out - 1) * stride + taps - size, 0) // 2
    return Geometry(
        1, (size, size, channels), (out, out, outputs), (taps, taps), (stride, stride), before=(before, before)
    )


def cases(variant: Target) -> Iterator[Case]:
    for size, channels, outputs, taps, stride in CONVOLUTIONS:
        geometry = same_padded(size, channels, outputs, taps, stride)
        compiled = plan_convolution(variant, geometry, layer((outputs, taps, taps, channels), outputs))
        produced = geometry.output[0] * geometry.output[1] * outputs
        name = f"conv {taps}x{taps} /{stride} {size}x{size}x{channels} -> {outputs}"
        network = one_layer.convolution(size, channels, outputs, taps, stride)
        yield Case(name, compiled, size * size * channels, produced, produced * taps * taps * channels, network)
    for size, channels, taps, stride in DEPTHWISE:
        geometry = same_padded(size, channels, channels, taps, stride)
        compiled = plan_depthwise(variant, geometry, layer((1, taps, taps, channels), channels))
        produced = geometry.output[0] * geometry.output[1] * channels
        name = f"depthwise {taps}x{taps} /{stride} {size}x{size}x{channels}"
        network = one_layer.depthwise(size, channels, taps, stride)
        yield Case(name, compiled, size * size * channels, produced, produced * taps * taps, network)
    for k, columns in ((128, 128), (640, 128), (1280, 1001)):
        compiled = plan_dense(variant, 1, layer((columns, k), columns))
        yield Case(f"dense {k} -> {columns}", compiled, k, columns, k * columns, one_layer.dense(k, columns))
    scales = FloatScales.of(Scales(1.0, 0.7, 1.3), ZeroPoints(-128, -128, -128), 1)
    numbers = AddNumbers(scales.a, scales.b, scales.shift)
    for size in (1024, 100_000):
        add = plan_add(variant, (size,), (size,), EIGHT, EIGHT, EIGHT, numbers, -128, 127)
        yield Case(f"add {size}", add, size, size, 2 * size, one_layer.add(size))
    geometry = Geometry(1, (7, 7, 1280), (1, 1, 1280), (7, 7))
    pool = plan_average_pool(variant, geometry, EIGHT, -128, 127)
    yield Case("average pool 7x7x1280", pool, 49 * 1280, 1280, 49 * 1280, one_layer.average_pool(7, 1280))


def seconds_of(run: Callable[[], None], budget: float) -> float:
    """Seconds of one call, over as many calls as fit into the budget."""
    start = time.perf_counter()
    run()
    count = max(1, int(budget / max(time.perf_counter() - start, 1e-7)))
    start = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - start) / count


def measure(case: Case, best: Case, seconds: float, alone: bool) -> Result:
    """Medians over rounds that alternate with the peak; and beside others, unless `alone`."""
    run, run_best, took, shares = case.ready(), best.ready(), [], []
    for _ in range(ROUNDS):
        rate = best.macs / seconds_of(run_best, seconds / ROUNDS / 4)
        took.append(seconds_of(run, seconds / ROUNDS))
        shares.append(case.macs / took[-1] / rate)
    middle = statistics.median(took)
    why = case.compiled if isinstance(case.compiled, str) else case.compiled.why
    spread = (max(took) - min(took)) / middle
    beside = () if alone or case.network is None else pairs(qe.to_bytes(case.network), 1, seconds)
    return Result(case.name, why, middle * 1e6, case.macs / middle / 1e9, statistics.median(shares), spread, beside)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", choices=sorted(target.TARGETS), help="default: the best this processor has")
    parser.add_argument("--seconds", type=float, default=0.1, help="measured time per kernel")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--alone", action="store_true", help="no other engines")
    options = parser.parse_args()
    variant = native.variant(options.variant)
    alone = options.alone or variant != native.variant()
    best = peak(variant)
    facts = {**about(), "variant": variant.name, "peak GMAC/s": round(best.macs / seconds_of(best.ready(), 0.1) / 1e9)}
    results = (measure(case, best, options.seconds, alone) for case in cases(variant))
    if options.json:
        print(json.dumps({"about": facts, "kernels": [asdict(line) for line in results]}, indent=1))
        return
    print(", ".join(f"{key} {value}" for key, value in facts.items()))
    for line in results:
        print(line, flush=True)


if __name__ == "__main__":
    main()
