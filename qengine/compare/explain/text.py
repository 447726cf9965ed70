"""An explanation as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .enter import Entering
from .explanation import Account, Explanation, Row
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
        yield f"real = {e.scale:.9g} * (q - {e.zero_point})" if e.zero_point else f"real = {e.scale:.9g} * q"
    yield "   ".join(f"{profile}: {_result(e, account)}" for profile, account in e.accounts.items())
    accounts = list(e.accounts.values())
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
            yield from _steps(account.prepared)
        if account.steps:
            yield "   for this element:"
            yield from _steps(account.steps)
    if len(e.groups) > 1 and e.steps:
        yield ""
        yield from _side_by_side(e.steps, list(e.accounts))
    parting = e.parting
    yield ""
    if parting is None:
        yield "all come to the same result" if len(accounts) > 1 else f"result {text_of(accounts[0].result)}"
    else:
        yield f"they part after {parting.after}: {parting.reason}"


def _result(e: Explanation, account: Account) -> str:
    if e.scale is None or e.zero_point is None or not isinstance(account.result, int):
        return text_of(account.result)
    return f"{account.result} (real {e.scale * (account.result - e.zero_point):.6g})"


def _entering(entering: Entering) -> Iterator[str]:
    count = len(entering.terms)
    outside = f", {entering.outside} positions outside of the image count as zero" if entering.outside else ""
    yield f"   what enters: {entering.kind}, {count} {'number' if count == 1 else 'numbers'}{outside}"
    for term in entering.terms[:TERMS]:
        yield f"      {term.text}"
    if count > TERMS:
        yield f"      ... and {count - TERMS} more; their sum, with those above: {text_of(entering.total)}"


def _steps(steps: Sequence[Step]) -> Iterator[str]:
    function = None
    for step in steps:
        if step.function != function and step.summary:
            yield f"      {step.function}: {step.summary}"
        function = step.function
        yield f"        {step.name:<{WIDTH}} {step.text}"


def _side_by_side(rows: Sequence[Row], profiles: Sequence[str]) -> Iterator[str]:
    """A line a step, a column a profile."""
    cells = [[row.values.get(profile, "") for profile in profiles] for row in rows]
    widths = [max(len(profile), *(len(line[i]) for line in cells)) for i, profile in enumerate(profiles)]
    titles = [f"{row.function}: {row.name}" for row in rows]
    first = max(len(title) for title in titles)
    yield f"{'side by side':<{first}}   " + "   ".join(f"{p:>{w}}" for p, w in zip(profiles, widths, strict=True))
    for title, line in zip(titles, cells, strict=True):
        yield f"{title:<{first}}   " + "   ".join(f"{cell:>{w}}" for cell, w in zip(line, widths, strict=True))
