"""float32 functions as the C library computes them, to the last bit: what the runtime takes integers from.

As in glibc until 2.40. Later ones round the hyperbolic tangent correctly, which changes one in a thousand of the
integers of 16 bits that are cut from it, by 1.
"""

from __future__ import annotations

import numpy as np

from ..arrays import AnyArray, Float32Array

F = np.float32
ONE, TWO, HALF = F(1), F(2), F(0.5)
OF_LN2 = F(float.fromhex("0x1.715476p+0"))
"""1 / ln 2."""
LN2 = F(float.fromhex("0x1.62e3p-1")), F(float.fromhex("0x1.2fefa2p-17"))
"""ln 2 as a sum, the first part so short that small multiples of it are exact."""
SERIES = [
    F(float.fromhex(q))
    for q in ("-0x1.111112p-5", "0x1.a01a02p-10", "-0x1.4ce19ap-14", "0x1.0cfca8p-18", "-0x1.afdb76p-23")
]
"""Coefficients of z, z**2, .. for z = x**2 / 2, of the even function that exp(x) - 1 is computed from."""


def tanh(x: Float32Array) -> Float32Array:
    """The hyperbolic tangent, from exp(2|x|) - 1 where |x| is 1 or more, else from exp(-2|x|) - 1."""
    size = np.minimum(np.abs(x), F(22))
    large = size >= 1
    t = expm1(np.where(large, TWO * size, -TWO * size))
    return np.copysign(np.where(large, ONE - TWO / (t + TWO), -t / (t + TWO)), x)


def expm1(x: Float32Array) -> Float32Array:
    """exp(x) - 1 of numbers from -80 to 80: for what is left of x after k * ln 2, then times 2**k."""
    size, sign = np.abs(x), np.copysign(ONE, x)
    near = np.where(size > HALF * (LN2[0] + LN2[1]), sign, 0)
    k = np.where(size < F(1.5) * (LN2[0] + LN2[1]), near, np.trunc(OF_LN2 * x + HALF * sign)).astype(F)
    high, low = x - k * LN2[0], k * LN2[1]
    rest: AnyArray = high - low
    lost = (high - rest) - low
    half = HALF * rest
    z = rest * half
    series = np.full_like(z, SERIES[-1])
    for coefficient in (*SERIES[-2::-1], ONE):
        series = coefficient + z * series
    t = F(3) - series * half
    error = z * ((series - t) / (F(6) - rest * t))
    small = rest - (rest * error - z)
    error = (rest * (error - lost) - lost) - z
    power = np.exp2(-k).astype(F)
    result = ((rest - (error + power)) + ONE) / power
    result = np.where(k < 23, ((ONE - power) - (error - rest)) / power, result)
    result = np.where((k < -1) | (k > 56), (ONE - (error - rest)) / power - ONE, result)
    up = np.where(rest < F(-0.25), -TWO * (error - (rest + HALF)), ONE + TWO * (rest - error))
    result = np.where(k == 1, up, result)
    result = np.where(k == -1, HALF * (rest - error) - HALF, result)
    return np.asarray(np.where(k == 0, small, result), F)
