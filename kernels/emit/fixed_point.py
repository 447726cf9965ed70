"""The runtime's fixed-point arithmetic on vectors of int32, each function a run of instructions.

The twin of kernels/fixed_point.py and, in 16 bits, of kernels/gemmlowp.py, whose docstrings say what is computed.
Sums wrap as int32 does.
"""

from __future__ import annotations

from ..gemmlowp import EXP_OF_MINUS_POWER, constant
from .language import I1, I32, I64, Value


def halves(x: Value) -> tuple[Value, Value]:
    """The even and the odd int32 lanes of a vector as int64."""
    wide = x.bits(I64.x(x.type.lanes // 2))
    return (wide << 32) >> 32, wide >> 32


def joined(even: Value, odd: Value) -> Value:
    """int32 lanes from the low words of int64 ones: the inverse of `halves`."""
    lanes = 2 * even.type.lanes
    low, high = (x.bits(I32.x(lanes)) for x in (even, odd))
    return low.shuffle([lane + lanes * side for lane in range(0, lanes, 2) for side in (0, 1)], high)


def wide_product(x: Value, multiplier: Value) -> Value:
    """The product of int64 lanes that hold int32 numbers: one instruction where LLVM sees that they do."""
    return x * ((multiplier << 32) >> 32)


def saturate_int16(x: Value) -> Value:
    return x.max(-32768).min(32767)


def doubled_high_product(x: Value, multiplier: Value) -> Value:
    """round(x * multiplier / 2**31), ties up; the multiplier isn't -2**31."""
    if x.type.lanes == 1:
        return ((x.signed(I64) * multiplier.signed(I64) + (1 << 30)) >> 31).truncate(I32)
    pairs = zip(halves(x), halves(multiplier), strict=True)
    return joined(*((wide_product(a, b) + (1 << 30)) >> 31 for a, b in pairs))


def divide_by_pot(x: Value, exponent: Value | int) -> Value:
    """x / 2**exponent, ties away from zero; exponent in [0, 31]."""
    one = x.function.constant(1, x.type)
    mask = (one << exponent) - 1
    threshold = (mask >> 1) + (x < 0).unsigned(I32)
    return (x >> exponent) + ((x & mask) > threshold).unsigned(I32)


def multiply(x: Value, multiplier: Value, left: Value, right: Value) -> Value:
    """The runtime's MultiplyByQuantizedMultiplier: doubled high product of x << left, then divided by 2**right."""
    return divide_by_pot(doubled_high_product(x << left, multiplier), right)


def _product(a: Value, b: Value | int) -> Value:
    """Of Q0.15 numbers, not both -2**15."""
    return (a * b + (1 << 14)) >> 15


def _exp_on_negative(a: Value, integer_bits: int) -> Value:
    fraction_bits = 15 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    remainder = (a & (quarter - 1)) - quarter
    x = (remainder << integer_bits) + (1 << 12)
    squared = _product(x, x)
    cubed, fourth = _product(squared, x), _product(squared, squared)
    third = _product(divide_by_pot(fourth, 2) + cubed, constant(715827883, 16))
    series = divide_by_pot(third + squared, 1)
    exp_minus_eighth = constant(1895147668, 16)
    result = saturate_int16(_product(x + series, exp_minus_eighth) + exp_minus_eighth)
    multiple = remainder - a
    for exponent, factor in EXP_OF_MINUS_POWER.items():
        if exponent < integer_bits:
            without_bit = (multiple & (1 << (fraction_bits + exponent))).equals(0)
            result = without_bit.select(result, _product(result, constant(factor, 16)))
    if integer_bits > 5:
        result = (a < -(32 << fraction_bits)).select(0, result)
    return a.equals(0).select(32767, result)


def _twice_over_one_plus(a: Value) -> Value:
    half_denominator = divide_by_pot(a + 32767, 1)
    x = _product(half_denominator, constant(-1010580540, 16)) + constant(1515870810, 16)
    for _ in range(3):
        error = (_product(half_denominator, x) * -1) + (1 << 13)
        x = x + saturate_int16(_product(x, error) << 2)
    return x


def _minus_magnitude(a: Value) -> Value:
    return a.min(a * -1)


def logistic_int16(a: Value, integer_bits: int) -> Value:
    """1 / (1 + exp(-a)) for a in Q<integer_bits>: Q0.15."""
    of_positive = saturate_int16(_twice_over_one_plus(_exp_on_negative(_minus_magnitude(a), integer_bits)) << 1)
    of_nonzero = (a > 0).select(of_positive, (of_positive * -1) + 32767)
    return a.equals(0).select(1 << 14, of_nonzero)


def tanh_int16(a: Value, integer_bits: int) -> Value:
    """tanh(a) for a in Q<integer_bits>: Q0.15."""
    quotient = _twice_over_one_plus(_exp_on_negative(_minus_magnitude(a), integer_bits + 1))
    of_positive = saturate_int16((quotient - (1 << 13)) << 2)
    of_nonzero = (a > 0).select(of_positive, of_positive * -1)
    return a.equals(0).select(0, of_nonzero)


def reciprocal(x: Value) -> tuple[Value, Value]:
    """1 / x for int64 x in [1, 2**31): (Q0.31 number r, leading zeros z of x as uint32) with 1 / x ~ r * 2**(z - 62).

    The twin of gemmlowp's get_reciprocal, in int64 scalars.
    """

    def product(a: Value, b: Value | int) -> Value:
        return (a * b + (1 << 30)) >> 31

    f = x.function
    zeros = f.call("llvm.ctlz.i64", I64, x, f.constant(1, I1)) - 32
    half_denominator = (x << zeros) >> 1  # (a + 2**31 - 1) / 2, rounded up, for a = (x << zeros) - 2**31
    r = product(half_denominator, constant(-1010580540, 32)) + constant(1515870810, 32)
    for _ in range(3):
        error = product(half_denominator, r) * -1 + (1 << 29)
        r = r + saturate_int32(product(r, error) << 2)
    return saturate_int32(r << 1), zeros


def saturate_int32(x: Value) -> Value:
    return x.max(-(2**31)).min(2**31 - 1)
