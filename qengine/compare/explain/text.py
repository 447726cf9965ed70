"""An explanation as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .enter import Entering
from .explanation import Account, Explanation, Row, grid_of
from .select import text_of
from .steps import Step

TERMS = 24
"""So many terms are written out; of more, the first ones."""
WIDTH = 24


def text_of_explanation(explanation: Explanation) -> str:
    """For a terminal: what enters, each profile's steps, then all of them side by side, and where they part."""
    return "\n".join(_lines(explanation))


def _lines(e: Explanation) -> Iterator[str]:
    where = ", ".join(map(str, e.index))
    yield f"{e.operator}, node {e.node} {e.name!r}: element [{where}] of {list(e.shape)} {e.type}"
    if e.scale is not None and e.zero_point is not None:
        yield grid_of(e.scale, e.zero_point)
    yield from (f"   {operand}" for operand in e.operands)
    yield "   ".join(f"{profile}: {_result(e, account)}" for profile, account in e.accounts.items())
    yield from (f"{profile} refuses it: {reason}" for profile, reason in e.refused.items())
    accounts, told = list(e.accounts.values()), set[str]()
    same = all(a.entering == accounts[0].entering for a in accounts)
    for group in e.groups:
        account = e.accounts[group[0]]
        yield ""
        yield f"== {' and '.join(group)}: {account.kernel}"
        if account.inputs_differ:
            yield f"   other inputs than in {accounts[0].profile}: {', '.join(map(repr, account.inputs_differ))}"
        if not same or account is accounts[0]:
            yield from _entering(account.entering)
        if account.prepared:
            yield "   computed once:"
            yield from _steps(account.prepared, told)
        if account.steps:
            yield "   for this element:"
            yield from _steps(account.steps, told)
    if len(e.groups) > 1 and e.steps:
        yield ""
        yield from _side_by_side(e.steps, list(e.accounts))
    parting = e.parting
    yield ""
    if parting is None:
        yield "all come to the same result" if len(accounts) > 1 else f"result {text_of(accounts[0].result)}"
    else:
        yield f"they part after {parting.after}: {parting.reason}"
        for line in parting.lines:
            yield f"   {line}"


def _result(e: Explanation, account: Account) -> str:
    if e.scale is None or e.zero_point is None or not isinstance(account.result, int):
        return text_of(account.result)
    return f"{account.result} (real {e.scale * (account.result - e.zero_point):.6g})"


def _entering(entering: Entering) -> Iterator[str]:
    count = len(entering.terms)
    many = f", {count} numbers" if count > 1 else ""
    yield f"   what enters: {entering.kind}{many}{entering.edge}"
    for term in entering.terms[:TERMS]:
        yield f"      {term.text}"
    if count > TERMS:
        yield f"      ... and {count - TERMS} more; their sum, with those above: {text_of(entering.total)}"


def _steps(steps: Sequence[Step], told: set[str]) -> Iterator[str]:
    """told: functions whose summary was given already."""
    function = None
    for step in steps:
        if step.function != function and step.function:
            summary = f": {step.summary}" if step.summary and step.function not in told else ""
            yield f"      {step.function}{summary}"
            told.add(step.function)
        function = step.function
        yield f"        {step.name:<{WIDTH}} {step.text}"


def _side_by_side(rows: Sequence[Row], profiles: Sequence[str]) -> Iterator[str]:
    """A line a step, a column a profile."""
    cells = [[row.values.get(profile, "") for profile in profiles] for row in rows]
    widths = [max(len(profile), *(len(line[i]) for line in cells)) for i, profile in enumerate(profiles)]
    titles = [f"{row.function}: {row.name}" if row.function else row.name for row in rows]
    first = max(len(title) for title in titles)
    yield f"{'side by side':<{first}}   " + "   ".join(f"{p:>{w}}" for p, w in zip(profiles, widths, strict=True))
    for title, line in zip(titles, cells, strict=True):
        yield f"{title:<{first}}   " + "   ".join(f"{cell:>{w}}" for cell, w in zip(line, widths, strict=True))
