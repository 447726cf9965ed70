"""From what was watched to steps that can be read: what the element didn't need is left out, the rest a line each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np

from ...kernels.requantizers import Requantizer
from . import arithmetic
from .formula import Formula
from .rounding import exact_of
from .select import Element, text_of
from .trace import Call, Statement
from .words import SAME_STEP, TITLES, WORDS

SHAPES = ("shape", "tuple(", "len(", "range(", "enumerate(", "axis_of(", ".ndim")
"""Statements with these are about arrays, not about numbers."""


@dataclass(frozen=True, eq=False)
class Step:
    """One step of the arithmetic of one element.

    function: in which it happens, and what its docstring's first line says of it. name: of the result. formula: over
    names; numbers: with the element's. value: the result. exact: the number before this step rounded it, by `rule`.
    checked: the formula with its numbers, where it can be computed again.
    """

    function: str
    summary: str
    name: str
    formula: str
    numbers: str
    value: Any
    exact: Fraction | None = None
    rule: str = ""
    checked: Formula | None = field(default=None, repr=False)

    @property
    def key(self) -> tuple[str, str]:
        """What tells that two steps of two kernels are the same kind of step."""
        function = "" if self.name in SAME_STEP else self.function.rpartition(".")[2]
        return function.removesuffix("_half_up").removesuffix("_int64"), self.name

    @property
    def exact_text(self) -> str:
        """The number before it is rounded, with as many digits as tell it from a tie."""
        return "" if self.exact is None else fraction_text(self.exact)

    @property
    def is_tie(self) -> bool:
        """Whether it rounds a number just between two integers."""
        return self.exact is not None and self.exact.denominator == 2

    @property
    def text(self) -> str:
        """`acc + bias = 29481 + 510 = 29991`."""
        if self.numbers == text_of(self.value):
            return self.numbers
        parts = [part for part in (self.formula, self.numbers) if part]
        if self.exact is not None:
            parts.append(self.exact_text)
        kept = [part for i, part in enumerate(parts) if part not in parts[:i]]
        result = " = ".join(kept)
        tie = "a tie, " if self.is_tie else ""
        rule = f"   ({tie}{self.rule})" if self.rule else ""
        return f"{result} {'->' if self.exact is not None else '='} {text_of(self.value)}{rule}"


def fraction_text(exact: Fraction, digits: int = 6) -> str:
    """A fraction as a decimal number: with as many digits as tell it from a tie."""
    if exact.denominator == 1:
        return str(exact.numerator)
    rounded = round(exact, digits)
    text = f"{float(rounded):.{digits}f}".rstrip("0")
    tie = exact * 2
    if tie.denominator == 1 or Fraction(text) * 2 != round(Fraction(text) * 2):
        return text
    more = f"{float(exact):.17g}"
    return f"{more} (no tie)" if float(exact) * 2 == round(float(exact) * 2) else more


def steps_of(call: Call, element: Element, *, preparing: bool = False) -> list[Step]:
    """The steps of a call and of what it calls, in order. preparing: of what an operator computes once, not for a
    call: of its own statements only those that make real numbers are told."""
    return list(_of_call(call, element, preparing))


def _of_call(call: Call, element: Element, preparing: bool) -> Iterator[Step]:
    name = call.function.rpartition(".")[2]
    if name in WORDS:
        yield from _of_word(call, name, element)
        return
    operator = call.module.startswith("qengine.ops") and preparing
    yield from _exactly(call, element)
    for statement in call.body if operator or not call.function else _needed(call.body):
        before = [step for inner in statement.calls for step in _of_inner(call, statement, inner, element, preparing)]
        yield from before
        if operator and not _makes_a_number(statement):
            continue
        told = bool(before) and text_of(before[-1].value) == text_of(_single(statement))
        formula = statement.formula
        plain = (told and formula.is_call) or (formula.is_plain and (told or _says_nothing(statement)))
        listed = " for " in formula.text and bool(before)
        silent = plain or listed or _shifts_nothing(statement) or any(word in formula.text for word in SHAPES)
        silent = silent or isinstance(_single(statement), bool | np.bool_) or not formula.values
        if statement.values and not silent:
            yield from _of_statement(call, statement)


def _of_inner(outer: Call, statement: Statement, inner: Call, element: Element, preparing: bool) -> Iterator[Step]:
    """A call within a statement: what it is handed, and its own steps."""
    for made, formula in statement.formula.handed:
        if made is not inner or not formula.is_checkable:
            continue
        name, whole = next(iter(inner.arguments.items()), ("", None))
        if name in ("self", "cls"):
            name, whole = next(islice(inner.arguments.items(), 1, None), ("", None))
        value = element.pick(whole)
        if value is not None and formula.numbers != text_of(value) and not _only_shifts(formula, value):
            formula = formula.giving(value)
            title = TITLES.get((outer.function.rpartition(".")[2], name), name)
            yield Step(outer.function, outer.summary, title, formula.text, formula.numbers, value, checked=formula)
    yield from _of_call(inner, element, preparing)


def _exactly(call: Call, element: Element) -> Iterator[Step]:
    """Before an accumulator is rescaled: what it would be without rounding."""
    rule, acc = call.arguments.get("self"), element.pick(call.arguments.get("acc"))
    if not call.function.endswith(".rescale") or acc is None or not isinstance(rule, Requantizer):
        return
    parts = element.pick(rule)
    if parts is None:
        return
    if isinstance(parts, tuple):
        multiplier, shift = int(parts[0]), int(parts[1])
        real, numbers = Fraction(multiplier) * Fraction(2) ** (shift - 31), f"{acc} * {multiplier} * 2**({shift} - 31)"
        formula = "acc * multiplier * 2**(shift - 31)"
    else:
        real, formula, numbers = Fraction(float(parts)), "acc * scale", f"{acc} * {text_of(parts)}"
    exact = Fraction(int(acc)) * real
    yield Step(call.function, call.summary, "without rounding", formula, numbers, fraction_text(exact))


def _of_word(call: Call, name: str, element: Element) -> Iterator[Step]:
    word = WORDS[name]
    arguments = {key: picked for key, value in call.arguments.items() if (picked := element.pick(value)) is not None}
    if call.element is None or word.silent(arguments, call.element):
        return
    numbers, exact = word.numbers(arguments, call.element), word.exact(arguments)
    checked = None
    if name in arithmetic.NAMES and arguments.keys() == call.arguments.keys():
        values = {f"v{i}": value for i, value in enumerate(arguments.values())}
        checked = Formula(word.formula, f"{name}({', '.join(values)})", values)
    yield Step(name, call.summary, word.title, word.formula, numbers, call.element, exact, word.rule, checked)


def _of_statement(call: Call, statement: Statement) -> Iterator[Step]:
    names = list(statement.values)
    value = statement.values[names[0]] if len(names) == 1 else tuple(statement.values[name] for name in names)
    formula = statement.formula.giving(value)
    if formula.text == formula.numbers == text_of(value):
        return
    ends = "clamped" if formula.text.startswith("clamp(") else "result"
    title = ", ".join(names) if names != [""] else ends
    title = TITLES.get((call.function.rpartition(".")[2], title), title)
    checked = formula if len(names) == 1 and formula.is_checkable else None
    before = exact_of(formula) if len(names) == 1 else None
    exact, rule = (None, "") if before is None else before
    yield Step(call.function, call.summary, title, formula.text, formula.numbers, value, exact, rule, checked)


def _needed(body: list[Statement]) -> list[Statement]:
    """The statements that what is returned follows from; all of them where nothing is returned."""
    if not body or not body[-1].returns:
        return body
    wanted: set[str] = set()
    kept: list[Statement] = []
    for statement in reversed(body):
        if statement.returns or wanted & set(statement.targets):
            wanted -= set(statement.targets)
            wanted |= statement.formula.used
            kept.append(statement)
    return kept[::-1]


def _says_nothing(statement: Statement) -> bool:
    """Whether a statement that computes nothing itself gives one of its own numbers, or parts of a rule."""
    formula, result = statement.formula, _single(statement)
    if formula.is_choice:
        return False
    same = any(text_of(value) == text_of(result) for value in formula.values.values())
    return same or not formula.is_call or isinstance(result, tuple) or bool(statement.calls)


def _single(statement: Statement) -> Any:
    values = list(statement.values.values())
    return values[0] if len(values) == 1 else tuple(values)


def _shifts_nothing(statement: Statement) -> bool:
    """Whether it is a shift by 0."""
    return len(statement.values) == 1 and _only_shifts(statement.formula, _single(statement))


def _only_shifts(formula: Formula, result: Any) -> bool:
    """Whether a formula that shifts to the left gives one of its own numbers."""
    return "<<" in formula.text and any(text_of(value) == text_of(result) for value in formula.values.values())


def _makes_a_number(statement: Statement) -> bool:
    """Whether an operator's own statement computes a real number, or rounds one."""
    rounds = "half_to_even" in statement.formula.text
    floats = any(isinstance(value, float | np.floating) for value in statement.values.values())
    return (floats or rounds) and not statement.formula.is_plain
