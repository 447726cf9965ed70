"""Functions of float32 vectors as pieces: the exponential and its kin, to a few units in the last place. NaN stays.

exp(x) = 2**n * exp(r), n the nearest integer to x / ln 2, |r| <= ln 2 / 2; exp(r) - 1 by a polynomial.
"""

from __future__ import annotations

import math

import numpy as np

from ..language import F32, I32, Function, Value
from .pieces import multiply_add

_MAGIC = 1.5 * 2.0**23
"""Added to a float32 of less than 2**22, leaves its nearest integer in the last bits."""
_MAGIC_BITS = 0x4B400000
_LN2_HIGH = 0.693359375  # 9 bits: n * _LN2_HIGH is exact
_LN2_LOW = math.log(2.0) - _LN2_HIGH
_FAR = 104.0
"""exp of this is infinite, of less the negative of it 0."""


def polynomial(x: Value, coefficients: list[float]) -> Value:
    """By Horner's rule, the highest power first."""
    f = x.function
    result = f.constant(coefficients[0], x.type)
    for coefficient in coefficients[1:]:
        result = multiply_add(f.constant(coefficient, x.type), result, x)
    return result


def clamp(x: Value, low: float, high: float) -> Value:
    f = x.function
    return f.constant(high, x.type).min(f.constant(low, x.type).max(x))


def _reduced(x: Value) -> tuple[Value, Value]:
    """exp(r) - 1 and n, for |x| <= 2 * _FAR."""
    f = x.function
    shifted = multiply_add(f.constant(_MAGIC, x.type), x, f.constant(1.0 / math.log(2.0), x.type))
    n = shifted - _MAGIC
    r = multiply_add(multiply_add(x, n, f.constant(-_LN2_HIGH, x.type)), n, f.constant(-_LN2_LOW, x.type))
    tail = polynomial(r, [1 / math.factorial(k) for k in (7, 6, 5, 4, 3, 2)])
    return multiply_add(r, r * r, tail), shifted.bits(I32.x(x.type.lanes)) - _MAGIC_BITS


def power_of_two(n: Value) -> Value:
    """2**n for n in [-126, 127]."""
    return ((n + 127) << 23).bits(F32.x(n.type.lanes))


def exponential(x: Value) -> Value:
    """exp(x). 2**n in two steps, so that it may leave the range of float32 on either side."""
    small, n = _reduced(clamp(x, -_FAR, _FAR))
    half = n >> 1
    return (small + 1.0) * power_of_two(half) * power_of_two(n - half)


def exponential_less_one(x: Value) -> Value:
    """exp(x) - 1 without cancellation near 0, for x below 88."""
    small, n = _reduced(clamp(x, -_FAR / 2, 88.0))
    power = power_of_two(n)
    return multiply_add(power - 1.0, small, power)


def logistic(x: Value) -> Value:
    f = x.function
    return f.constant(1.0, x.type).divide(exponential(f.constant(0.0, x.type) - x) + 1.0)


def tanh(x: Value) -> Value:
    """(exp(2x) - 1) / (exp(2x) + 1)"""
    small = exponential_less_one(clamp(x + x, -40.0, 40.0))
    return small.divide(small + 2.0)


def logarithm(x: Value) -> Value:
    """ln(x) for normal x: the exponent times ln 2 and, |m - 1| < 0.42, ln(m) by Cephes' polynomial for float32.

    Of 0 and of subnormal numbers it is -infinity, of negative ones NaN.
    """
    f = x.function
    bits = x.bits(I32.x(x.type.lanes))
    mantissa = ((bits & 0x007FFFFF) | 0x3F000000).bits(x.type)  # in [1/2, 1)
    small = mantissa < math.sqrt(0.5)
    exponent = (bits >> 23) - 126 - small.unsigned(I32)
    m = small.select(mantissa + mantissa, mantissa) - 1.0
    square, n = m * m, exponent.convert("sitofp", F32)
    series = polynomial(
        m,
        [
            7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
            -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
        ],
    )  # fmt: skip
    tail = multiply_add(series * m * square, n, f.constant(_LN2_LOW, x.type)) - square * 0.5
    result = multiply_add(m + tail, n, f.constant(_LN2_HIGH, x.type))
    result = (x < math.inf).select(result, x)  # infinity and NaN
    return (x < 2.0**-126).select((x < -(2.0**-126)).select(f.constant(math.nan, x.type), -math.inf), result)


def sine(x: Value) -> Value:
    """sin(x), |x| <= 3 * pi / 2 folded into [-pi / 2, pi / 2], by XNNPACK's rational function."""
    f, pi = x.function, float(np.float32(np.pi))
    x = x.min(f.constant(pi, x.type) - x)
    x = x.max(f.constant(-pi, x.type) - x)
    x = x.min(f.constant(pi, x.type) - x)
    square = x * x
    one = f.constant(1.0, x.type)
    above = multiply_add(
        one, square, multiply_add(f.constant(-0.13314664364, x.type), square, f.constant(0.0032340581529, x.type))
    )
    below = multiply_add(
        one, square, multiply_add(f.constant(0.033519912511, x.type), square, f.constant(0.00048770775902, x.type))
    )
    return (x * above).divide(below)


def without_turns(x: Value) -> Value:
    """x less the nearest multiple of 2 * pi, in two steps."""
    f = x.function
    turns = rounded(x * (0.5 / math.pi), "rint")
    first = multiply_add(x, turns, f.constant(-6.28125, x.type))  # 11 bits of 2 * pi
    return multiply_add(first, turns, f.constant(6.28125 - 2 * math.pi, x.type))


def rounded(x: Value, way: str) -> Value:
    """To integers: `floor`, `ceil` or `rint` (half to even).

    Without instructions of its own a number below 2**23 loses its fraction when that is added.
    """
    f = x.function
    if f.target.lanes > 4:
        return f.call(f"llvm.{way}.{x.type.overload}", x.type, x)
    size, integers = magnitude(x), I32.x(x.type.lanes)
    whole = (((size + 2.0**23) - 2.0**23).bits(integers) | (x.bits(integers) & -(2**31))).bits(x.type)
    if way == "floor":
        whole = (whole > x).select(whole - 1.0, whole)
    elif way == "ceil":
        whole = (whole < x).select(whole + 1.0, whole)
    return (size < 2.0**23).select(whole, x)


def magnitude(x: Value) -> Value:
    integers = I32.x(x.type.lanes)
    return (x.bits(integers) & 0x7FFFFFFF).bits(x.type)


def square_root(x: Value) -> Value:
    return x.function.call(f"llvm.sqrt.{x.type.overload}", x.type, x)


def without_subnormals(x: Value) -> Value:
    """x, with numbers below 2**-126 replaced by a zero of their sign."""
    bits = x.bits(I32.x(x.type.lanes))
    return ((bits & 0x7FFFFFFF) < 0x00800000).select((bits & -0x80000000).bits(x.type), x)


def lanes_below(f: Function, count: Value, lanes: int) -> Value:
    """The mask of the first `count` lanes."""
    numbers = Value(f, I32.x(lanes), f"<{', '.join(f'i32 {i}' for i in range(lanes))}>")
    return numbers < count.truncate(I32).splat(lanes)
