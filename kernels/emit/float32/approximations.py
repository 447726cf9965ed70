"""The runtime's own approximations of functions of float32 vectors, step by step: XNNPACK's and Eigen's.

Twins of `reference/xnnpack_floats.py` and `reference/eigen_floats.py`; to the last bit where the processor multiplies
and adds with one rounding. Coefficients: `rational.py`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence

from ... import rational
from ...rational import Exponential, Rational
from ..language import F32, I16, I32, Function, Type, Value, literal
from .functions import magnitude, power_of_two, square_root, without_subnormals
from .pieces import multiply_add

Step = Callable[[Value, Value, Value], Value]
"""sum, a, b: sum + a * b."""


def twice_rounded(sum_: Value, a: Value, b: Value) -> Value:
    return sum_ + a * b


def tanh(x: Value) -> Value:
    return _odd(x, rational.XNNPACK_TANH)


def gelu(x: Value) -> Value:
    return (x * 0.5) * (_odd(x, rational.XNNPACK_ERF) + 1.0)


def gelu_tanh(x: Value) -> Value:
    return (x * 0.5) * (_odd(x, rational.XNNPACK_ERF_BY_TANH) + 1.0)


def hard_swish(x: Value) -> Value:
    f = x.function
    gate = multiply_add(f.constant(0.5, x.type), x, f.constant(1 / 6, x.type))
    return gate.max(f.constant(0.0, x.type)).min(f.constant(1.0, x.type)) * x


def logistic(x: Value) -> Value:
    f, integers = x.function, I32.x(x.type.lanes)
    size = f.constant(-128.0, x.type).max(f.constant(0.0, x.type) - magnitude(x))
    magic = 1.5 * 2.0**18
    shifted = multiply_add(f.constant(magic, x.type), size, f.constant(rational.OF_LN2, x.type))
    n, bits = shifted - magic, shifted.bits(integers)
    step = _look_up(_powers_of_two(f, x.type.lanes), bits & 31, x.type)
    rest = multiply_add(size, n, f.constant(float.fromhex("-0x1.62E430p-1"), x.type))
    rest = multiply_add(rest, n, f.constant(float.fromhex("0x1.05C61p-29"), x.type))
    series = multiply_add(f.constant(float.fromhex("0x1.0000F6p-0"), x.type), rest, f.constant(0.5, x.type))
    whole = (bits - struct.unpack("<i", struct.pack("<f", magic))[0]) >> 5
    power = _times_power_of_two(multiply_add(step, rest * step, series), whole)
    power = without_subnormals(power)
    below = power.divide(power + 1.0)
    return (x.bits(integers) < 0).select(below, f.constant(1.0, x.type) - below)


def elu(x: Value) -> Value:
    f, rule = x.function, rational.XNNPACK_ELU
    power, rest = _parts(f.constant(rational.ELU_CUTOFF, x.type).max(x), rule)
    series = horner(rest, rule.series, multiply_add) * rest
    rest = rest * power
    return (x < 0.0).select(multiply_add(rest, series, rest) + (power - 1.0), x)


def softmax_power(x: Value) -> Value:
    """exp(x) for x <= 0, as XNNPACK's softmax takes it."""
    rule = rational.XNNPACK_SOFTMAX
    power, rest = _parts(x, rule)
    result = multiply_add(power, rest * power, horner(rest, rule.series, multiply_add))
    return (x < rational.SOFTMAX_CUTOFF).select(0.0, result)


def reciprocal_root(x: Value) -> Value:
    """1 / sqrt(x): the processor's estimate of 14 bits and one step of Newton's method; of 0 NaN.

    Beyond 2**126 the step meets a subnormal number and gives 1.5 times the estimate. Where there is no such estimate,
    the root itself is taken for it.
    """
    f = x.function
    x = without_subnormals(x)
    one = f.constant(1.0, x.type)
    if x.type.lanes == 16 and "avx512f" in f.target.needs:
        every = f.constant(-1, I16)
        first = f.call("llvm.x86.avx512.rsqrt14.ps.512", x.type, x, f.constant(0.0, x.type), every)
    else:
        first = one.divide(square_root(x))
    step = (x * (first * first) - 1.0) * (first * 0.5)
    root = (x > 2.0**126).select(first * 1.5, first - step)
    root = x.equals(math.inf).select(0.0, root)
    return x.equals(0.0).select(math.nan, root)


def eigen_tanh(x: Value) -> Value:
    rule = rational.EIGEN_TANH
    x = within(x, rule.bound)
    square = x * x
    numerator = twice_rounded(x, square * x, horner(square, rule.numerator[:-1], twice_rounded))
    return numerator.divide(horner(square, rule.denominator, twice_rounded))


def eigen_logistic(x: Value) -> Value:
    f = x.function
    half = f.constant(16.6355324, x.type).min(x) * 0.5
    half = f.constant(-80.0, x.type).max(half)
    n = f.call(f"llvm.floor.{x.type.overload}", x.type, half * rational.OF_LN2 + 0.5)
    rest = half + n * -0.693359375
    rest = rest + n * 2.12194440e-4
    square = rest * rest
    even = square * 0.041898667812347412109375 + 0.49999141693115234375
    odd = square * 0.00833471305668354034423828125 + 0.16666877269744873046875
    series = (rest * odd + even) * square + (rest + 1.0)
    known = n.equals(n).select(n, f.constant(0.0, x.type))
    power = series * power_of_two(known.convert("fptosi", I32))
    power = power * power
    return (x < -104.0).select(0.0, power.divide(power + 1.0))


def horner(x: Value, coefficients: Sequence[float], step: Step) -> Value:
    f = x.function
    result = f.constant(coefficients[0], x.type)
    for coefficient in coefficients[1:]:
        result = step(f.constant(coefficient, x.type), x, result)
    return result


def within(x: Value, bound: float) -> Value:
    """x in [-bound, bound]; NaN stays."""
    f = x.function
    return f.constant(-bound, x.type).max(f.constant(bound, x.type).min(x))


def _odd(x: Value, rule: Rational) -> Value:
    x = within(x, rule.bound)
    square = x * x
    numerator = x * horner(square, rule.numerator, multiply_add)
    return numerator.divide(horner(square, rule.denominator, multiply_add))


def _parts(x: Value, rule: Exponential) -> tuple[Value, Value]:
    """2**n and r of exp(x) = 2**n * exp(r)."""
    f = x.function
    shifted = multiply_add(f.constant(rule.magic, x.type), x, f.constant(rational.OF_LN2, x.type))
    power = (shifted.bits(I32.x(x.type.lanes)) << 23).bits(x.type)
    n = shifted - rule.magic
    rest = multiply_add(x, n, f.constant(rule.high, x.type))
    return power, multiply_add(rest, n, f.constant(rule.low, x.type)) if rule.low else rest


def _times_power_of_two(x: Value, n: Value) -> Value:
    """x * 2**n, rounded once, for n from -252 to 254."""
    half = n >> 1
    return x * power_of_two(half) * power_of_two(n - half)


def _powers_of_two(f: Function, lanes: int) -> Value:
    """The table of 2**(k / 32) on the stack."""
    table = f.stack(4 * len(rational.POWERS_OF_TWO))
    for first in range(0, len(rational.POWERS_OF_TWO), lanes):
        numbers = rational.POWERS_OF_TWO[first : first + lanes]
        text = ", ".join(f"float {literal(number, F32)}" for number in numbers)
        table.store(Value(f, F32.x(len(numbers)), f"<{text}>"), 4 * first)
    return table


def _look_up(table: Value, index: Value, type: Type) -> Value:
    """table[index] lane by lane."""
    f, lanes = table.function, type.lanes
    places = f.emit(Type("ptr", lanes), f"getelementptr float, ptr {table.name}, {index.type} {index.name}")
    every = f.constant(1, Type("i1", lanes))
    align = f.constant(4, I32)
    nothing = f.constant(0.0, type)
    return f.call(f"llvm.masked.gather.{type.overload}.v{lanes}p0", type, places, align, every, nothing)
