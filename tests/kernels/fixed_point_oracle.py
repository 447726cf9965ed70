"""The arithmetic again, on single Python integers and fractions, from the definitions: nothing to overflow."""

from __future__ import annotations

from fractions import Fraction
from math import floor


def wrap(x: int, bits: int = 32) -> int:
    return (x + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def clamp(x: int, low: int, high: int) -> int:
    return max(low, min(high, x))


def half_up(x: Fraction) -> int:
    return floor(x + Fraction(1, 2))


def half_away(x: Fraction) -> int:
    return half_up(x) if x >= 0 else -half_up(-x)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Scales by 2 until the number is in [0.5, 1), then rounds it to 31 bits."""
    fraction, shift = Fraction(real), 0
    if not fraction:
        return 0, 0
    while abs(fraction) >= 1:
        fraction, shift = fraction / 2, shift + 1
    while abs(fraction) < Fraction(1, 2):
        fraction, shift = fraction * 2, shift - 1
    multiplier = half_away(fraction * 2**31)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    return (multiplier, shift) if shift >= -31 else (0, 0)


def high_mul(a: int, b: int, bits: int = 32) -> int:
    return min(half_up(Fraction(a * b, 2 ** (bits - 1))), 2 ** (bits - 1) - 1)


def double_rounding(x: int, multiplier: int, shift: int) -> int:
    product = high_mul(wrap(x << max(shift, 0)), multiplier)
    return half_away(Fraction(product, 2 ** max(-shift, 0)))


def double_rounding_half_up(x: int, multiplier: int, shift: int) -> int:
    product = high_mul(wrap(x << max(shift, 0)), multiplier)
    return half_up(Fraction(product, 2 ** max(-shift, 0)))


def wide(x: int, multiplier: int, shift: int) -> int:
    reduced = min(half_up(Fraction(multiplier, 2**16)), 2**15 - 1)
    return wrap(half_up(Fraction(x * reduced, 2 ** (15 - shift))))
