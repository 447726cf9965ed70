"""Strategies of layers: shapes, types, weights and rounding numbers for emitted kernels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from qengine.kernels.emit.layer import Geometry, Layer
from qengine.kernels.emit.plan import Eight
from qengine.kernels.emit.rounding import FixedRule, FloatRule, RealRule
from qengine.kernels.fixed_point import quantize_multipliers
from qengine.kernels.requantizers import DoubleRounding, Float32, Float64, HalfUp, Requantizer

WINDOWS, DILATIONS = st.integers(1, 4), st.sampled_from([1, 1, 2])
CHANNELS = st.sampled_from([1, 2, 3, 4, 5, 8, 12, 16, 17, 24, 32, 33, 40, 64, 65, 80])


def eight(draw, signed):
    low = -128 if signed else 0
    return Eight(signed, draw(st.integers(low, low + 255)))


def random_bytes(rng, shape, signed):
    dtype = np.int8 if signed else np.uint8
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, shape).astype(dtype)


@st.composite
def geometries(draw, channels, outputs, windows=WINDOWS, dilations=DILATIONS):
    """Windows of any size, stride and dilation on small images, padded as SAME, as VALID or oddly."""
    window, stride, dilation, size, output, before = [], [], [], [], [], []
    for _ in range(2):
        k, s, d = draw(windows), draw(st.integers(1, 3)), draw(dilations)
        reach = (k - 1) * d + 1
        if draw(st.booleans()):  # SAME
            n = draw(st.integers(1, 10))
            o = -(-n // s)
            before.append(max((o - 1) * s + reach - n, 0) // 2)
        else:
            n = draw(st.integers(reach, reach + 8))
            o = (n - reach) // s + 1
            before.append(0)
        window.append(k), stride.append(s), dilation.append(d), size.append(n), output.append(o)
    return Geometry(
        draw(st.integers(1, 2)),
        (*size, channels),
        (*output, outputs),
        tuple(window),
        tuple(stride),
        tuple(dilation),
        tuple(before),
    )


@st.composite
def layers(draw, weight_shape, outputs, terms):
    """A layer of int8, or of uint8 with any weight zero point: usually few weights fall outside int8, or many do."""
    signed = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = random_bytes(rng, weight_shape, signed)
    zero_point = 0 if signed else draw(st.integers(0, 255))
    if not signed and draw(st.booleans()):  # a few outliers
        weights = np.where(rng.random(weight_shape) < 0.02, weights, np.uint8(zero_point)).astype(np.uint8)
    bias = rng.integers(-20000, 20000, outputs).astype(np.int32) if draw(st.booleans()) else None
    output = eight(draw, signed)
    low, high = output.range
    if draw(st.booleans()):
        low = max(low, output.zero_point)
    if draw(st.booleans()):
        high = min(high, low + draw(st.integers(0, 255)))
    scale = rng.uniform(0.2, 3, outputs) / (70 * np.sqrt(terms))
    if draw(st.integers(0, 9)) == 0:
        scale *= 2.0**20  # products beyond int32
    rule = draw(rules(scale, output.zero_point))
    return Layer(weights, zero_point, bias, eight(draw, signed), output, low, high, rule), rng


@st.composite
def rules(draw, scale, zero_point):
    """Each rule, for these real multipliers."""
    kind = draw(st.sampled_from(["float", "float", "real", "up", "away", "split"]))
    if kind == "float":
        return FloatRule(scale.astype(np.float32))
    if kind == "real":
        return RealRule(scale, zero_point)
    multiplier, shift = quantize_multipliers(scale)
    away = {"up": np.inf, "away": 0, "split": len(scale) // 8 * 8}[kind] <= np.arange(len(scale))
    return FixedRule(multiplier, shift, away, zero_point)


def requantizer(rule):
    """The reference of a rule."""
    if isinstance(rule, FloatRule):
        return Float32(rule.scale)
    if isinstance(rule, RealRule):
        return Float64(rule.scale)
    return Mixed(rule.multiplier, rule.shift, rule.away)


@dataclass(frozen=True, eq=False)
class Mixed(Requantizer):
    """DoubleRounding in some channels, HalfUp in the others."""

    multiplier: np.ndarray
    shift: np.ndarray
    away: np.ndarray

    def rescale(self, acc):
        rounded = (rule(self.multiplier, self.shift).rescale(acc) for rule in (DoubleRounding, HalfUp))
        return np.where(self.away, *rounded)
