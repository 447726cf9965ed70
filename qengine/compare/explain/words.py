"""The steps that arithmetic is made of, in words: what each primitive of the kernels does, and the exact number that it
rounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .select import text_of

Picked = Mapping[str, Any]
"""A call's arguments, for one element."""


@dataclass(frozen=True)
class Word:
    """title: of the result. formula: over the arguments' names. exact: the number before it is rounded, if it is.

    silent: whether the step says nothing, since nothing changed. parts: names of the result's parts in the formula.
    """

    title: str
    formula: str
    rule: str = ""
    exact: Callable[[Picked], Fraction | None] = lambda _: None
    silent: Callable[[Picked, Any], bool] = lambda _, __: False
    parts: tuple[str, ...] = ()

    def numbers(self, arguments: Picked, result: Any) -> str:
        """The formula with numbers, the names standing in it as words of their own."""
        named = {**arguments, **(dict(zip(self.parts, result, strict=True)) if self.parts else {})}
        text = self.formula
        for name in sorted(named, key=len, reverse=True):
            text = _replaced(text, name, text_of(named[name]))
        return text


def _replaced(text: str, name: str, number: str) -> str:
    parts, word = [], ""
    for character in text + " ":
        if character.isalnum() or character == "_":
            word += character
        else:
            parts.append((f"({number})" if number.startswith("-") else number) if word == name else word)
            parts.append(character)
            word = ""
    return "".join(parts)[:-1]


def _ratio(numerator: str, exponent: int) -> Callable[[Picked], Fraction | None]:
    def exact(arguments: Picked) -> Fraction | None:
        a, b = (arguments.get(name) for name in numerator.split("*"))
        return None if a is None or b is None else Fraction(int(a) * int(b), 2**exponent)

    return exact


def _quotient(arguments: Picked) -> Fraction | None:
    x, exponent = arguments.get("x"), arguments.get("exponent")
    return None if x is None or exponent is None or not 0 <= exponent < 64 else Fraction(int(x), 2 ** int(exponent))


def _itself(arguments: Picked) -> Fraction | None:
    x = arguments.get("x")
    try:
        return None if x is None else Fraction(float(x))
    except (ValueError, OverflowError):
        return None


def _unchanged(arguments: Picked, result: Any) -> bool:
    return bool(arguments.get("x") is not None and arguments["x"] == result)


_PAIR = ("multiplier", "shift")

WORDS: Mapping[str, Word] = {
    "saturating_rounding_doubling_high_mul": Word("high product", "round(a * b / 2**31)", "ties up", _ratio("a*b", 31)),
    "saturating_rounding_doubling_high_mul_int16": Word(
        "high product", "round(a * b / 2**15)", "ties up", _ratio("a*b", 15)
    ),
    "rounding_divide_by_pot": Word(
        "shifted right",
        "round(x / 2**exponent)",
        "ties away from zero",
        _quotient,
        lambda arguments, _: arguments.get("exponent") == 0,
    ),
    "rounding_divide_by_pot_unchecked": Word(
        "shifted right", "round(x / 2**exponent)", "ties away from zero", _quotient
    ),
    "wrap_int32": Word("cut to 32 bits", "x modulo 2**32", silent=_unchanged),
    "wrap_int16": Word("cut to 16 bits", "x modulo 2**16", silent=_unchanged),
    "saturate": Word("saturated", "x within bits bits", silent=_unchanged),
    "round_half_away": Word("rounded", "round(x)", "ties away from zero", _itself),
    "float_to_int32": Word("as an integer", "x without its fraction", silent=_unchanged),
    "count_leading_zeros": Word("leading zeros", "zero bits above the highest bit of x"),
    "quantize_multipliers": Word("multiplier, shift", "reals ~ multiplier * 2**(shift - 31)", parts=_PAIR),
    "quantize_multiplier": Word("multiplier, shift", "real ~ multiplier * 2**(shift - 31)", parts=_PAIR),
    "conv_2d": Word("sum of products", "the products above, added up"),
    "depthwise_conv_2d": Word("sum of products", "the products above, added up"),
    "transpose_conv_2d": Word("sum of products", "the products above, added up"),
    "sums": Word("sum of products", "the products above, added up"),
    "multiply_integers": Word("sum of products", "the products above, added up"),
    "window_sums": Word("sum", "the numbers above, added up"),
    "reduced": Word("sum", "the numbers above, put together"),
    "max_pool": Word("largest", "the largest of the numbers above"),
    "lookup": Word("table entry", "table[x]"),
    "in_vector_loop": Word("in the vector loop", "whether the element is in a whole block, not in the scalar tail"),
    "counts": Word("count", "positions of the window inside of the image"),
}
"""By the function's name. Other functions speak through their own statements."""

TITLES: Mapping[tuple[str, str], str] = {
    ("with_bias", "result"): "plus bias",
    ("__call__", "x"): "plus zero point",
    ("product_scale", "s_in, s_w, s_out"): "scales",
    ("multiply_by_quantized_multiplier_half_up", "result"): "shifted right",
    ("multiply_by_quantized_multiplier_int64", "result"): "shifted right",
    ("multiply_by_quantized_multiplier", "result"): "shifted right",
}
"""What statements of kernels give, where the kernel's own name for it says little: by function and name."""
SAME_STEP = {"high product", "shifted right", "without rounding", "multiplier, shift", "plus zero point", "clamped"}
"""Titles of steps that mean the same in whatever function."""
