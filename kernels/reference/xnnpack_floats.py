"""XNNPACK's float functions: the activations step by step, the others where they differ by more than rounding.

float32 arrays, subnormal numbers already zero; they count as zero in results, too. Products and sums that XNNPACK
rounds once together are taken in float64 and rounded: that is twice, which changes a bit about once in 10**8. Source:
XNNPACK's float microkernels for x86 with AVX-512.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import rational
from ..arrays import Float32Array, Int32Array
from ..rational import Exponential, Rational
from . import activations
from .subnormals import flush_subnormals
from .windows import Slide, counts, every_tap

F = np.float32
_LARGE = F(2.0**126)


def exp(x: Float32Array) -> Float32Array:
    """exp(x); NaN gives 0, for it is clamped to the smallest exponent."""
    return np.where(np.isnan(x), F(0), activations.exp(x)).astype(np.float32)


def log(x: Float32Array) -> Float32Array:
    """ln(x), infinite from 2**128 / sqrt(2) on: x is scaled by sqrt(2) first."""
    return np.where(x * F(np.sqrt(2)) == np.inf, F(np.inf), activations.log(x)).astype(np.float32)


def rsqrt(x: Float32Array) -> Float32Array:
    """1 / sqrt(x), NaN for 0.

    The last step of Newton's method, y * (1.5 - 0.5 * x * y**2), meets a subnormal y**2 from 2**126 on: 1.5 * y.
    """
    root = np.asarray(F(1) / np.sqrt(x), np.float32)
    return np.where(x == 0, F(np.nan), _unconverged(x, root)).astype(np.float32)


def sqrt(x: Float32Array) -> Float32Array:
    """sqrt(x) as x times `rsqrt`."""
    return _unconverged(x, np.sqrt(x))


def _unconverged(x: Float32Array, root: Float32Array) -> Float32Array:
    return np.where((x > _LARGE) & np.isfinite(x), F(1.5) * root, root).astype(np.float32)


def sin(x: Float32Array) -> Float32Array:
    """sin(x): x less its multiples of 2 * pi, which stay exact up to about 1e6; then a rational function."""
    return _sine(_reduced(x))


def cos(x: Float32Array) -> Float32Array:
    """cos(x) as sin(pi / 2 - x), see `sin`."""
    half_pi = np.float64(F(np.pi / 2))
    rest = F(np.pi / 2 - half_pi)
    return _sine((F(half_pi) - _reduced(x)) + rest)


def _reduced(x: Float32Array) -> Float32Array:
    """x less the nearest multiple of 2 * pi, in two steps of which each rounds once."""
    turns = np.rint(x * F(0.15915494))
    return fused(turns, F(-1.9353072e-3), fused(turns, F(-6.28125), x))


def _sine(x: Float32Array) -> Float32Array:
    """sin(x), |x| <= 3 * pi / 2 folded into [-pi / 2, pi / 2]; what lies outside goes through the same formula."""
    pi = F(np.pi)
    x = np.minimum(x, pi - x)
    x = np.maximum(x, -pi - x)
    x = np.minimum(x, pi - x)
    square = x * x
    numerator = x * _horner(square, (3.2340581529e-03, -1.3314664364e-01, 1.0))
    return numerator / _horner(square, (4.8770775902e-04, 3.3519912511e-02, 1.0))


def tanh(x: Float32Array) -> Float32Array:
    """tanh(x) as a rational function."""
    return _odd(x, rational.XNNPACK_TANH)


def gelu(x: Float32Array) -> Float32Array:
    """x / 2 * (erf(x / sqrt(2)) + 1), erf a rational function."""
    return (x * F(0.5)) * (_odd(x, rational.XNNPACK_ERF) + F(1))


def gelu_tanh(x: Float32Array) -> Float32Array:
    """x / 2 * (t + 1), t a rational function for tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))."""
    return (x * F(0.5)) * (_odd(x, rational.XNNPACK_ERF_BY_TANH) + F(1))


def hard_swish(x: Float32Array) -> Float32Array:
    """clamp(x / 6 + 1/2, 0, 1) * x."""
    return np.minimum(np.maximum(fused(x, F(1 / 6), F(0.5)), F(0)), F(1)) * x


def logistic(x: Float32Array) -> Float32Array:
    """e / (1 + e) for e = exp(-|x|), 1 less that for positive x; e from a table of 2**(k / 32)."""
    size = np.maximum(-np.abs(x), F(-128))
    magic = F(1.5 * 2.0**18)
    shifted = fused(size, F(rational.OF_LN2), magic)
    n = shifted - magic
    step = np.asarray(rational.POWERS_OF_TWO, F)[shifted.view(np.int32) & 31]
    rest = fused(n, F(float.fromhex("-0x1.62E430p-1")), size)
    rest = fused(n, F(float.fromhex("0x1.05C61p-29")), rest)
    series = fused(rest, F(0.5), F(float.fromhex("0x1.0000F6p-0")))
    whole: Int32Array = np.floor(np.where(np.isnan(n), 0, n)).astype(np.int32)
    power = flush_subnormals(np.ldexp(fused(rest * step, series, step), whole))
    below = power / (power + F(1))
    return np.where(np.signbit(x), below, F(1) - below)


def elu(x: Float32Array) -> Float32Array:
    """x, and exp(x) - 1 below 0."""
    rule = rational.XNNPACK_ELU
    low = np.maximum(x, F(rational.ELU_CUTOFF))
    power, rest = _parts(np.minimum(low, 0), rule)
    series = _horner(rest, rule.series) * rest
    rest = rest * power
    return np.where(x < 0, fused(series, rest, rest) + (power - F(1)), x)


def softmax(x: Float32Array, beta: float = 1.0) -> Float32Array:
    """exp(x) over its sum along the last axis. beta: 1, the only one that XNNPACK takes."""
    rule = rational.XNNPACK_SOFTMAX
    less = x - np.fmax.reduce(x, axis=-1, keepdims=True, initial=np.finfo(F).min)
    power, rest = _parts(less, rule)
    exps = fused(rest * power, _horner(rest, rule.series), power)
    exps = np.where(less < F(rational.SOFTMAX_CUTOFF), F(0), exps)
    return flush_subnormals(exps * (F(1) / _sum_of_powers(exps)[..., np.newaxis]))


def fused(a: Float32Array, b: Float32Array | F, c: Float32Array | F) -> Float32Array:
    """a * b + c, the product not rounded."""
    return np.asarray(a.astype(np.float64) * np.float64(b) + np.float64(c)).astype(F)


def average_pool(x: Float32Array, slides: Sequence[Slide]) -> Float32Array:
    """Means over windows of x (n h w c) -> (n oh ow c): sums times the reciprocal of how many inputs there are.

    Positions of the window are taken column by column, nine at a time, those outside the image as 0: (2 + 3) + (4 + 5)
    and ((0 + 1) + 8) + (6 + 7), the sums of nine in a row.
    """
    shape = (x.shape[0], *(slide.output for slide in slides), x.shape[3])
    nines: dict[int, list[Float32Array]] = {}
    for (column, row), (across_, down), (from_x, from_y) in every_tap((x.shape[2], x.shape[1]), slides[::-1]):
        group, place = divmod(column * slides[0].size + row, 9)
        taps = nines.setdefault(group, [np.zeros(shape, F) for _ in range(9)])
        taps[place][:, down, across_] = x[:, from_y, from_x]
    total = np.zeros(shape, F)
    for group in sorted(nines):
        t = nines[group]
        total = total + (((t[2] + t[3]) + (t[4] + t[5])) + (((t[0] + t[1]) + t[8]) + (t[6] + t[7])))
    return np.asarray(total * (F(1) / counts(x.shape[1:3], slides)[..., np.newaxis].astype(F)))


def sums(x: Float32Array, axes: Sequence[int]) -> Float32Array:
    """Sums along `axes`, which stay with length 1: along the last alone as `row_sums`, else one after the other."""
    if tuple(axes) == (x.ndim - 1,):
        return row_sums(x)[..., np.newaxis]
    return np.asarray(np.add.reduce(x, axis=tuple(axes), keepdims=True, initial=0, dtype=F), F)


def means(x: Float32Array, axes: Sequence[int]) -> Float32Array:
    """`sums` times the reciprocal of how many numbers there are; of nothing NaN."""
    count = F(np.prod([x.shape[axis] for axis in axes]))
    return sums(x, axes) * (F(1) / count)


def row_sums(x: Float32Array) -> Float32Array:
    """Sums along the last axis: 16 lanes twice, of every other 16 numbers; both added, then what is left; `across`."""
    blocks, rest = _blocks(x, 16)
    return across(_chain(blocks[..., 0::2, :]) + _chain(blocks[..., 1::2, :]) + rest)


def across(lanes: Float32Array) -> Float32Array:
    """The sum of 16 lanes: the halves added, four times."""
    while lanes.shape[-1] > 1:
        half = lanes.shape[-1] // 2
        lanes = lanes[..., :half] + lanes[..., half:]
    return lanes[..., 0]


def _sum_of_powers(x: Float32Array) -> Float32Array:
    """As `row_sums`, but what is left beyond a multiple of 64 numbers follows the sum of both."""
    blocks, rest = _blocks(x, 16)
    whole = blocks.shape[-2] // 4 * 4
    total = _chain(blocks[..., 0:whole:2, :]) + _chain(blocks[..., 1:whole:2, :])
    for block in range(whole, blocks.shape[-2]):
        total = total + blocks[..., block, :]
    return across(total + rest)


def _blocks(x: Float32Array, lanes: int) -> tuple[Float32Array, Float32Array]:
    """The last axis as (blocks, lanes), and what is left filled up with zeros."""
    whole = x.shape[-1] // lanes * lanes
    rest = np.zeros((*x.shape[:-1], lanes), F)
    rest[..., : x.shape[-1] - whole] = x[..., whole:]
    return x[..., :whole].reshape(*x.shape[:-1], -1, lanes), rest


def _chain(blocks: Float32Array) -> Float32Array:
    """(.., blocks, lanes) summed one after the other."""
    if not blocks.shape[-2]:
        return np.zeros((*blocks.shape[:-2], blocks.shape[-1]), F)
    return np.add.accumulate(blocks, axis=-2, dtype=F)[..., -1, :]


def _parts(x: Float32Array, rule: Exponential) -> tuple[Float32Array, Float32Array]:
    """2**n and r of exp(x) = 2**n * exp(r)."""
    shifted = fused(x, F(rational.OF_LN2), F(rule.magic))
    power = (shifted.view(np.int32) << 23).view(F)
    n = shifted - F(rule.magic)
    rest = fused(n, F(rule.high), x)
    return power, fused(n, F(rule.low), rest) if rule.low else rest


def _horner(x: Float32Array, coefficients: tuple[float, ...]) -> Float32Array:
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result = fused(x, result, F(coefficient))
    return result


def _odd(x: Float32Array, rule: Rational) -> Float32Array:
    x = np.clip(x, -F(rule.bound), F(rule.bound))
    square = x * x
    return (x * _horner(square, rule.numerator)) / _horner(square, rule.denominator)
