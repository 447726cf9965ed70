"""Quotients of polynomials that stand for functions of float32: their coefficients, for arrays and for emitted kernels.

Both evaluate them alike: by Horner's rule, the highest power first. Sources: XNNPACK's float microkernels, whose
products and sums round once together; Eigen's packet functions, built for x86-64 without a fused multiply-add.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rational:
    """x * numerator(x**2) / denominator(x**2), x within [-bound, bound], where it reaches its limit.

    Coefficients with the highest power first; `denominator` ends with its constant 1.
    """

    bound: float
    numerator: tuple[float, ...]
    denominator: tuple[float, ...]


XNNPACK_TANH = Rational(
    7.9807181358,
    (1.4248920266e-08, 2.1235626264e-05, 3.5330520477e-03, 1.3412411511e-01, 1.0),
    (8.1365948290e-07, 3.3472978976e-04, 2.6018999517e-02, 4.6745735407e-01, 1.0),
)

EIGEN_TANH = Rational(
    7.90738964080810547,
    (1.394553628e-8, 2.102733560e-5, 3.520756727e-3, 1.340216100e-1, 1.0),
    (8.015776984e-7, 3.326951409e-4, 2.597254514e-2, 4.673548340e-1, 1.0),
)
"""The numerator's last step is x + x**3 * (the rest): its constant isn't added before the multiplication by x."""

XNNPACK_ERF = Rational(
    5.1638283730,
    (4.5835321316e-08, 1.2609783880e-05, 3.2973114867e-04, 9.3065137044e-03, 6.6972173750e-02, 7.9788452387e-01),
    (1.1988805682e-06, 7.2267655923e-05, 1.8622842617e-03, 2.8431978077e-02, 2.5060352683e-01, 1.0),
)
"""erf(x / sqrt(2)), of GELU."""

XNNPACK_ERF_BY_TANH = Rational(
    4.84974098,
    (4.9544411240e-08, 1.4302649106e-05, 2.6887017884e-04, 7.2898347862e-03, 6.0803253204e-02, 7.9788458347e-01),
    (1.3433452750e-06, 7.6477612311e-05, 1.3060354395e-03, 2.4381054565e-02, 2.4369759858e-01, 1.0),
)
"""tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)), of approximate GELU."""

POWERS_OF_TWO = tuple(2.0 ** (k / 32) for k in range(32))
"""2**(k / 32), of XNNPACK's logistic function."""


@dataclass(frozen=True)
class Exponential:
    """exp(x) = 2**n * exp(r): n the integer nearest to x / ln 2, r = x + n * high + n * low, exp(r) a polynomial.

    `series`: coefficients of r with the highest power first, the constant (1) left out.
    """

    magic: float
    high: float
    low: float
    series: tuple[float, ...]


def _hex(*digits: str) -> tuple[float, ...]:
    return tuple(map(float.fromhex, digits))


OF_LN2 = float.fromhex("0x1.715476p+0")
"""1 / ln 2 in float32."""

XNNPACK_SOFTMAX = Exponential(
    float.fromhex("0x1.8000FEp23"),
    float.fromhex("-0x1.62E400p-1"),
    float.fromhex("-0x1.7F7D1Cp-20"),
    _hex("0x1.0F9F9Cp-7", "0x1.573A1Ap-5", "0x1.555A80p-3", "0x1.FFFDC6p-2", "0x1.FFFFF6p-1"),
)
"""Below `SOFTMAX_CUTOFF` the power is 0."""
SOFTMAX_CUTOFF = float.fromhex("-0x1.5D589Ep6")

XNNPACK_ELU = Exponential(
    float.fromhex("0x1.8000FEp23"),
    float.fromhex("-0x1.62E430p-1"),
    0.0,
    _hex("0x1.6B7338p-10", "0x1.12278Ep-7", "0x1.555716p-5", "0x1.5554B0p-3", "0x1.FFFFFEp-2"),
)
"""exp(x) - 1: `series` times r is what exceeds r. Below `ELU_CUTOFF` it is -1."""
ELU_CUTOFF = float.fromhex("-0x1.154246p+4")
