"""Processor variants, kernels for processors that aren't here, and what is said where none can run."""

from __future__ import annotations

import dataclasses
import itertools
import re
import sys

import numpy as np
import pytest
from float_plans import float_plans
from fresh import fresh_process
from more_plans import more_plans

from qengine.kernels.emit import elementwise, flip, library, native, pool, softmax, target
from qengine.kernels.emit.add_fixed import Vectors, plan_add_fixed
from qengine.kernels.emit.convolution import plan_convolution
from qengine.kernels.emit.crew import HELP, LEAD
from qengine.kernels.emit.dense import plan_dense
from qengine.kernels.emit.depthwise import plan_depthwise
from qengine.kernels.emit.dynamic import products as dynamic
from qengine.kernels.emit.dynamic.depthwise import plan_depthwise as plan_dynamic_depthwise
from qengine.kernels.emit.dynamic.layer import QUANTIZING, SCALING
from qengine.kernels.emit.dynamic.layer import Layer as DynamicLayer
from qengine.kernels.emit.fill import COPY
from qengine.kernels.emit.float32.pieces import ANY
from qengine.kernels.emit.float32.training import GRADIENT
from qengine.kernels.emit.layer import Geometry, Layer
from qengine.kernels.emit.lookup import plan_lookup
from qengine.kernels.emit.move import plan_moves
from qengine.kernels.emit.plan import Eight, Plan, result, source
from qengine.kernels.emit.quantize import ToBytes, ToFloats, plan_dequantize, plan_quantize
from qengine.kernels.emit.recurrent import plan_lstm, plan_svdf
from qengine.kernels.emit.resize import plan_resize_bilinear
from qengine.kernels.emit.rounding import FixedRule, FloatRule, RealRule
from qengine.kernels.emit.walker import ROUNDS, WALK
from qengine.kernels.reference.add import CommonScale, Scales, ZeroPoints
from qengine.kernels.reference.lstm_integer import Cell, Gate, Sum
from qengine.kernels.reference.resize import Places
from qengine.kernels.requantizers import DoubleRounding


def test_the_best_variant_is_chosen_and_can_be_forced(monkeypatch):
    monkeypatch.delenv("QENGINE_CPU", raising=False)
    everything = frozenset().union(*(variant.needs for variant in target.TARGETS.values()))
    assert target.choose(everything) is target.AVX512VNNI
    assert target.choose(everything - {"avx512bw"}) is target.AVXVNNI
    assert target.choose(frozenset({"avx2", "fma"})) is target.AVX2
    assert target.choose(frozenset()) is target.NEUTRAL
    monkeypatch.setenv("QENGINE_CPU", "avx2")
    assert target.choose(everything) is target.AVX2
    assert target.runs_on(target.AVXVNNI, target.AVX512VNNI.needs)


def test_a_variant_that_cannot_run_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="QENGINE_CPU is 'avx2', which this processor can't run"):
        target.choose(frozenset(), "avx2")
    monkeypatch.setenv("QENGINE_CPU", "mmx")
    with pytest.raises(ValueError, match=r"expected QENGINE_CPU to be one of .*, got 'mmx'"):
        target.choose(frozenset())


def plans_of_every_kind(variant):
    """One operation or more for every kernel family, with every word that a name may hold."""
    rng = np.random.default_rng(0)

    def layer(shape, outputs, signed, scale=0.01, rule=FloatRule):
        dtype, eight = (np.int8, Eight(True, -128)) if signed else (np.uint8, Eight(False, 7))
        weights = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max + 1, shape).astype(dtype)
        low, high = eight.range
        numbers = [np.full(outputs, scale, np.float64 if rule is RealRule else np.float32), eight.zero_point]
        if rule is FixedRule:
            ones = np.ones(outputs, np.int32)
            numbers = [ones * 2**30, ones * -int(scale), ones.astype(bool) & (scale > 1), eight.zero_point]
        made = rule(*numbers[: len(dataclasses.fields(rule))])
        return Layer(weights, 0 if signed else 100, None, eight, eight, low, high, made)

    for signed in (True, False):
        for outputs in (3, 16, 40, 70):
            geometry = Geometry(1, (9, 9, 5), (9, 9, outputs), (3, 3), before=(1, 1))
            yield plan_convolution(variant, geometry, layer((outputs, 3, 3, 5), outputs, signed))
            yield plan_dense(variant, 1, layer((outputs, 20), outputs, signed, 1e9))
        for rule, scale in ((FixedRule, 0), (FixedRule, 1), (FixedRule, 2), (RealRule, 0.1)):
            yield plan_convolution(variant, geometry, layer((70, 3, 3, 5), 70, signed, scale, rule))
            yield plan_dense(variant, 1, layer((70, 20), 70, signed, scale, rule))
        for channels, size in ((8, 3), (20, 3), (40, 5), (70, 3)):
            geometry = Geometry(1, (9, 9, channels), (9, 9, channels), (size, size), before=(size // 2, size // 2))
            yield plan_depthwise(variant, geometry, layer((1, size, size, channels), channels, signed))
        geometry = Geometry(1, (9, 9, 3), (7, 7, 6), (2, 2), dilation=(2, 2))
        yield plan_depthwise(variant, geometry, layer((1, 2, 2, 6), 6, signed))
        eight = Eight(signed, 5)
        low, high = eight.range
        geometry = Geometry(1, (5, 5, 70), (5, 5, 70), (3, 3), before=(1, 1))
        yield pool.plan_average_pool(variant, geometry, eight, low, high)
        yield pool.plan_max_pool(variant, geometry, eight, low, high)
        yield pool.plan_mean(variant, 1, 25, 70, eight, eight, 0.04, 1.0)
        ones = np.ones(70, np.int32)
        for shift, away in ((-1, True), (-1, False), (0, False)):
            rule = FixedRule(ones * 2**30, ones * shift, ones.astype(bool) & away, 0)
            yield pool.plan_mean_fixed(variant, 1, 25, 70, eight, eight, rule, 0, 0)
        for bits in (8, 16):
            yield softmax.plan_softmax_fixed(variant, 1, 12, bits, np.ones(256, np.int32))
        yield softmax.plan_softmax(variant, 1, 12, eight, np.ones(256, np.float32), 1 / 256)
        numbers = elementwise.AddNumbers(1500000, 750000, 20)
        for b_shape in ((3, 70), (1,)):
            yield elementwise.plan_add(variant, (3, 70), b_shape, eight, eight, eight, numbers, low, high)
            scale = CommonScale.of(Scales(0.1, 0.2, 0.3), ZeroPoints(0, 0, 0), 20)
            for sign, vectors in ((1, None), (1, Vectors(210, 16, True)), (-1, None)):
                yield plan_add_fixed(variant, (3, 70), b_shape, *[eight] * 3, scale, sign, low, high, vectors)
            yield plan_add_fixed(variant, (3, 70), b_shape, *[eight] * 3, scale, -1, low, high, square=True)
            yield elementwise.plan_mul(
                variant, (3, 70), b_shape, eight, eight, eight, FloatRule(np.full(1, 0.01, np.float32)), low, high
            )
        places = Places(np.zeros(3, np.int64), np.ones(3, np.int64), np.full(3, 512))
        for rule in ("up", "away"):
            yield plan_resize_bilinear(variant, 1, (2, 2, 70), places, places, signed, rule)
        yield flip.plan_flip(variant, 100)
        yield plan_quantize(variant, 0.1, eight, [(9, rule) for rule in ToBytes])
        yield plan_dequantize(variant, eight, 0.1, [(9, rule) for rule in ToFloats])
        for index, value in itertools.product((256, 65536), (np.uint8, np.int16, np.float32)):
            yield plan_lookup(variant, [(9, np.zeros(index, value))])
    for size in (*(1 << n for n in range(7)), 200):
        one = np.zeros(1, np.uint8)
        yield plan_moves(variant, [np.arange(2 * size).reshape(2, size)[::-1].reshape(-1)], {0: 0}, one)
        table = rng.permutation(100)[:, None] * size + np.arange(size)
        yield plan_moves(variant, [table.reshape(-1)], {0: 0}, one)
    yield from float_plans(variant)
    yield from more_plans(variant)
    yield from dynamic_plans(variant)
    plan = Plan(variant)
    plan.row(COPY, source=source(), target=result(), size=1, source_pitch=0, target_pitch=0, rows=1)
    yield plan.done("a copy")


def dynamic_plans(variant):
    for quantizing, scaling in itertools.product(QUANTIZING, SCALING):
        ones = np.ones(20, np.float32)
        layer = DynamicLayer(np.ones((20, 9), np.int8), ones, ones, ANY, quantizing, scaling)
        yield dynamic.plan_dense(variant, 2, layer)
        geometry = Geometry(1, (5, 5, 20), (5, 5, 20), (3, 3), before=(1, 1))
        weights = np.ones((1, 3, 3, 20), np.int8)
        yield plan_dynamic_depthwise(variant, geometry, DynamicLayer(weights, ones, ones, ANY, quantizing, scaling))


def recurrent_plans(variant):
    """Their states change from call to call."""
    rule = DoubleRounding.from_real(np.asarray(0.01))
    ones = np.ones((6, 5), np.int8)
    gates = [Gate(Sum.of(ones, 1, None, rule), Sum.of(np.ones((6, 6), np.int8), 1, None, rule)) for _ in range(4)]
    for exponent, clip in ((-12, 0), (-9, 100)):
        cell = Cell(*gates, exponent, rule, 1, 1, cell_clip=clip)
        yield plan_lstm(variant, 2, 1, cell, time_major=True, output_state=source(1), cell_state=source(2))
    times = np.ones((6, 4), np.int16)
    yield plan_svdf(variant, 1, ones, times, None, 2, (1, 1, 1), rule, rule, state=source(1))


def kernels_of_every_kind(variant):
    drivers = {HELP.name, LEAD.name, ROUNDS.name, WALK.name, f"{GRADIENT.name}_3_3_{variant.lanes}"}
    every = [*plans_of_every_kind(variant), *recurrent_plans(variant)]
    return sorted(drivers.union(*(compiled.kernels for compiled in every)))


def test_every_family_is_among_the_kernels_tried():
    """All but the one that only AVX-512 has, which its own variant tries."""
    tried = {name.split("_")[0] for name in kernels_of_every_kind(target.NEUTRAL)}
    assert tried == library.FAMILIES.keys() - {"depthflat"}
    assert {name.split("_")[0] for name in kernels_of_every_kind(target.AVX512VNNI)} == library.FAMILIES.keys()


def test_neutral_kernels_are_emitted_for_aarch64(host):
    """They need nothing of x86, and nothing from outside but what moves and fills memory."""
    for name in kernels_of_every_kind(target.NEUTRAL):
        text = library.text(name, target.NEUTRAL)
        assert "x86" not in text
        assembly = native.cross_assembly(text, "aarch64-unknown-linux-gnu")
        called = set(re.findall(r"^\s(?:bl|b)\s+([A-Za-z_]\w*)", assembly, re.MULTILINE))
        assert called <= {"memcpy", "memmove", "memset"}, name


def test_every_kernel_can_be_printed(variant):
    name = "gemm_2_1_float_plain_full_int8"
    assert f"define void @{variant.name}.{name}(" in library.text(name, variant)
    assert f"{variant.name}.{name}:" in native.assembly(library.text(name, variant), variant)


def test_an_unknown_kernel_is_an_error():
    with pytest.raises(KeyError, match="nothing"):
        library.text("nothing_1", target.NEUTRAL)


REFUSED = """
import ctypes
PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0):
    raise SystemExit(print('kernel too old'))
from qengine.kernels.emit import native
try:
    native.variant()
except native.NoNativeCode as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux' way to refuse executable memory")
def test_refused_executable_memory_is_said(tmp_path):
    said = fresh_process(REFUSED, tmp_path)
    if said == "kernel too old":
        pytest.skip("this Linux can't refuse executable memory")
    assert said == "no native code: the system refuses executable memory"


HIDDEN = """
import sys
sys.modules['llvmlite'] = None
from qengine.kernels.emit import native
try:
    native.variant()
except native.NoNativeCode as error:
    print(error)
"""


def test_a_missing_llvmlite_is_said(tmp_path):
    assert fresh_process(HIDDEN, tmp_path).startswith("no native code: llvmlite can't be imported (")


def test_importing_loads_neither_numba_nor_llvmlite(tmp_path):
    script = "import sys, qengine.kernels.emit.library; print(sys.modules.keys() & {'numba', 'llvmlite'})"
    assert fresh_process(script, tmp_path) == "set()"
