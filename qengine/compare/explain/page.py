"""An explanation as a page of HTML: by itself, without a script, readable on paper as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from .drawing import line_of
from .enter import Entering, Term
from .explanation import Account, Explanation, Row, grid_of
from .select import text_of
from .steps import Step

STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #646b73; --line: #d9dde2; --paper: #fff; --tint: #f4f6f8;
  --mark: #fff3d6; --edge: #e0a526; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --soft: #9aa2ab; --line: #3a4048; --paper: #16181b;
  --tint: #1f2327; --mark: #3b3217; --edge: #b98a1c; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 88rem; padding: 0 1.5rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
code, td.n, .value { font-family: ui-monospace, "SF Mono", Consolas, monospace; font-size: .86em; }
.soft { color: var(--soft); } .results { display: flex; gap: 1rem; flex-wrap: wrap; margin: 1rem 0; }
.card { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem 1rem; min-width: 11rem; }
.card b { font-size: 1.6rem; display: block; } .card.odd { border-color: var(--edge); background: var(--mark); }
table { border-collapse: collapse; width: 100%; } th { text-align: left; font-weight: 600; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n { text-align: right; white-space: nowrap; } tr.differs td { background: var(--mark); }
td.step { width: 15rem; } .why { display: block; color: var(--soft); font-size: .8em; }
.formula { display: block; color: var(--soft); } .numbers { display: block; } .value { font-weight: 700; }
.scroll { max-height: 24rem; overflow: auto; border: 1px solid var(--line); border-radius: .5rem; }
svg { max-width: 54rem; width: 100%; } svg text { font: 13px system-ui, sans-serif; fill: var(--soft); }
svg text.whole { text-anchor: middle; } svg .tick { stroke: var(--line); } svg circle.whole { fill: var(--ink); }
svg .half { stroke: var(--edge); stroke-dasharray: 2 4; } svg .way { stroke: var(--soft); stroke-width: 2; }
svg .exact { fill: var(--paper); stroke: var(--ink); stroke-width: 2; } .tie { color: var(--edge); font-weight: 600; }
ul { margin: .4rem 0 0; padding-left: 1.2rem; }
.note { border-left: 4px solid var(--edge); background: var(--mark); padding: .6rem 1rem; border-radius: .25rem; }
"""


def page_of(e: Explanation) -> str:
    """The whole page."""
    title = f"{e.operator} {e.name}[{', '.join(map(str, e.index))}]"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(_body(e))
        + "\n</body>\n</html>\n"
    )


def _body(e: Explanation) -> Iterator[str]:
    where = ", ".join(map(str, e.index))
    yield f"<h1>{escape(e.operator)} <code>{escape(e.name)}[{where}]</code></h1>"
    grid = f" with {grid_of(e.scale, e.zero_point)}" if e.scale is not None and e.zero_point is not None else ""
    yield f'<p class="soft">node {e.node}, output {e.type} {list(e.shape)}{escape(grid)}</p>'
    yield f"<ul>{''.join(f'<li><code>{escape(operand)}</code></li>' for operand in e.operands)}</ul>"
    yield '<div class="results">' + "".join(_card(e, account) for account in e.accounts.values()) + "</div>"
    for profile, reason in e.refused.items():
        yield f'<p class="note">{escape(profile)} refuses it: {escape(reason)}</p>'
    yield _note(e)
    yield line_of({name: account.steps for name, account in e.accounts.items()})
    accounts = list(e.accounts.values())
    shared = all(account.entering == accounts[0].entering for account in accounts)
    for account in accounts[:1] if shared else accounts:
        yield f"<h2>What enters{'' if shared else ': ' + escape(account.profile)}</h2>"
        yield _entering(account.entering)
    for heading, rows in (("Computed once", e.prepared), ("For this element", e.steps)):
        if rows:
            yield f"<h2>{heading}</h2>"
            yield _rows(rows, list(e.accounts))


def _card(e: Explanation, account: Account) -> str:
    values = [text_of(other.result) for other in e.accounts.values()]
    mine = text_of(account.result)
    odd = len(set(values)) > 1 and values.count(mine) < len(values) / 2
    real = ""
    if e.scale is not None and e.zero_point is not None and isinstance(account.result, int):
        real = f"real {e.scale * (account.result - e.zero_point):.6g}<br>"
    return (
        f'<div class="card{" odd" if odd else ""}">{escape(account.profile)}<b class="value">{mine}</b>'
        f'<span class="soft">{real}{escape(account.kernel)}</span></div>'
    )


def _note(e: Explanation) -> str:
    parting = e.parting
    if parting is None:
        return '<p class="soft">All profiles come to the same result.</p>' if len(e.accounts) > 1 else ""
    lines = "".join(f"<li><code>{escape(line)}</code></li>" for line in parting.lines)
    what = f"They part after <b>{escape(parting.after)}</b>: {escape(parting.reason)}"
    return f'<div class="note">{what}{f"<ul>{lines}</ul>" if lines else ""}</div>'


def _entering(entering: Entering) -> str:
    products = any(term.weight is not None for term in entering.terms)
    head = "<th>number</th><th>q</th><th>less its zero point</th>" + (
        "<th>times</th><th>product</th>" if products else ""
    )
    body = "".join(_term(term, products) for term in entering.terms)
    total = f'<p class="soft">{escape(entering.kind)}, {len(entering.terms)} of them{escape(entering.edge)}'
    total += f"; their sum is <code>{text_of(entering.total)}</code></p>" if len(entering.terms) > 1 else "</p>"
    return f'{total}<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _term(term: Term, products: bool) -> str:
    cells = [f"<td><code>{escape(term.name)}[{', '.join(map(str, term.at))}]</code></td>", _number(term.q)]
    cells.append(_number(term.q if term.value is None else term.value))
    if products:
        where = "" if term.weight_at is None else f"w[{', '.join(map(str, term.weight_at))}] = "
        cells += [f'<td class="n">{where}{text_of(term.weight)}</td>', _number(term.product)]
    return f"<tr>{''.join(cells)}</tr>"


def _number(value: object) -> str:
    return f'<td class="n">{escape(text_of(value))}</td>'


def _rows(rows: Sequence[Row], profiles: Sequence[str]) -> str:
    head = "".join(f"<th>{escape(profile)}</th>" for profile in profiles)
    body = "".join(_row(row, profiles) for row in rows)
    return f"<table><thead><tr><th>step</th>{head}</tr></thead><tbody>{body}</tbody></table>"


def _row(row: Row, profiles: Sequence[str]) -> str:
    first = next(iter(row.steps.values()))
    differs = len(row.steps) == len(profiles) and len(set(row.values.values())) > 1
    cells = "".join(f"<td>{_step(row.steps[p]) if p in row.steps else ''}</td>" for p in profiles)
    why = f'<span class="why" title="{escape(first.summary)}">{escape(row.function)}</span>'
    return f'<tr{" class=differs" if differs else ""}><td class="step">{escape(row.name)}{why}</td>{cells}</tr>'


def _step(step: Step) -> str:
    parts = [f'<code class="formula">{escape(step.formula)}</code>'] if step.formula != step.numbers else []
    if step.numbers and step.numbers != text_of(step.value):
        parts.append(f'<code class="numbers">{escape(step.numbers)}</code>')
    if step.exact is not None:
        parts.append(f'<code class="numbers">= {escape(step.exact_text)}</code>')
    tie = '<span class="tie">a tie,</span> ' if step.is_tie else ""
    rule = f' <span class="soft">{tie}{escape(step.rule)}</span>' if step.rule else ""
    return f'{"".join(parts)}<span class="value">{escape(text_of(step.value))}</span>{rule}'
