"""An explanation: one element's arithmetic in every profile, side by side, and where the profiles part."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from ...kernels.profile import Profile
from .enter import Entering
from .select import plain, text_of
from .steps import Step

MOST = 4
"""So many steps say how a profile goes its own way."""


class ByProfile(dict[str, Any]):
    """Values by profile: a profile's name finds them, and the profile itself."""

    def __getitem__(self, key: str | Profile) -> Any:
        return super().__getitem__(Profile(key).value)


@dataclass(frozen=True, eq=False)
class Row:
    """The same step in the profiles that have it."""

    name: str
    function: str
    steps: Mapping[str, Step]

    @property
    def values(self) -> dict[str, str]:
        return {profile: text_of(step.value) for profile, step in self.steps.items()}


@dataclass(frozen=True, eq=False)
class Account:
    """One profile's arithmetic. kernel: what runs, and why. prepared: computed once, for all elements of a channel;
    steps: for this element; entering: what it follows from. inputs_differ: names of inputs that the first profile's run
    gave otherwise."""

    profile: str
    kernel: str
    result: Any
    entering: Entering
    prepared: tuple[Step, ...]
    steps: tuple[Step, ...]
    inputs_differ: tuple[str, ...] = ()

    @property
    def shape(self) -> list[str]:
        """What makes two accounts the same."""
        return [step.text for step in (*self.prepared, *self.steps)] + [term.text for term in self.entering.terms]


@dataclass(frozen=True, eq=False)
class Parting:
    """Where profiles come to different results. after: the last step that all share with one value; steps: what
    follows in each, as far as it tells; reason: in words, for each group of profiles that go one way."""

    after: str
    steps: Mapping[str, tuple[Step, ...]]
    reason: str

    @property
    def lines(self) -> list[str]:
        """A line for each step at which the profiles go their ways."""
        found: dict[str, list[str]] = {}
        for profile, steps in self.steps.items():
            found.setdefault("\n".join(f"{step.name}: {step.text}" for step in steps), []).append(profile)
        return [f"{' and '.join(profiles)}: {line}" for text, profiles in found.items() for line in text.splitlines()]


@dataclass(frozen=True, eq=False)
class Explanation:
    """One element of what a node computes.

    operator, node, name, index: which; type, scale, zero_point: of the output. operands: a line for each input.
    accounts: by profile. result: by profile, the element's value as the kernel gives it. refused: by profile, why it
    can't run the model.
    """

    operator: str
    node: int
    name: str
    index: tuple[int, ...]
    shape: tuple[int, ...]
    type: str
    scale: float | None
    zero_point: int | None
    operands: tuple[str, ...]
    accounts: Mapping[str, Account]
    result: ByProfile = field(default_factory=ByProfile)
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def steps(self) -> tuple[Row, ...]:
        """All profiles' steps for the element, the same ones in one row."""
        return tuple(_rows({name: account.steps for name, account in self.accounts.items()}))

    @property
    def prepared(self) -> tuple[Row, ...]:
        """The same for what is computed once."""
        return tuple(_rows({name: account.prepared for name, account in self.accounts.items()}))

    @property
    def groups(self) -> list[tuple[str, ...]]:
        """Profiles that do the very same."""
        found: dict[str, list[str]] = {}
        for name, account in self.accounts.items():
            found.setdefault("\n".join(account.shape), []).append(name)
        return [tuple(names) for names in found.values()]

    @property
    def parting(self) -> Parting | None:
        """Where the profiles part; None where all come to the same result."""
        if len({text_of(value) for value in self.result.values()}) == 1:
            return None
        moved = next((a for a in self.accounts.values() if a.inputs_differ), None)
        if moved is not None:
            names = ", ".join(repr(name) for name in moved.inputs_differ)
            return Parting("nothing", {}, f"their inputs differ already: {names}")
        rows = self.steps
        last = -1
        for i, row in enumerate(rows):
            shared = len(row.steps) == len(self.accounts)
            if shared and len(set(row.values.values())) == 1:
                last = i
            elif shared:
                break
        after = "the inputs" if last < 0 else f"{rows[last].name} = {next(iter(rows[last].values.values()))}"
        following = {
            name: _telling([row.steps[name] for row in rows[last + 1 :] if name in row.steps]) for name in self.accounts
        }
        reason = "; ".join(f"{name}: {account.kernel}" for name, account in self.accounts.items())
        return Parting(after, following, reason)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        parting = self.parting
        return {
            "operator": self.operator,
            "node": self.node,
            "name": self.name,
            "index": list(self.index),
            "shape": list(self.shape),
            "type": self.type,
            "scale": self.scale,
            "zero_point": self.zero_point,
            "operands": list(self.operands),
            "result": dict(self.result),
            "refused": dict(self.refused),
            "profiles": {name: _account(account) for name, account in self.accounts.items()},
            "parting": None
            if parting is None
            else {
                "after": parting.after,
                "reason": parting.reason,
                "steps": {name: [_step(step) for step in steps] for name, steps in parting.steps.items()},
            },
        }

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=1)

    def to_html(self) -> str:
        """A page of its own, without anything from elsewhere."""
        from .page import page_of

        return page_of(self)

    def __str__(self) -> str:
        from .text import text_of_explanation

        return text_of_explanation(self)


def grid_of(scale: float, zero_point: int) -> str:
    """What a quantized number stands for."""
    sign = "+" if zero_point < 0 else "-"
    return f"real = {scale:.9g} * " + (f"(q {sign} {abs(zero_point)})" if zero_point else "q")


def _telling(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Of what follows, the steps that round; where none does, all but the first few are left out."""
    rounding = [step for step in steps if step.rule]
    return tuple(rounding[:MOST] or steps[:MOST])


def _account(account: Account) -> dict[str, Any]:
    entering = account.entering
    return {
        "kernel": account.kernel,
        "result": account.result,
        "inputs_differ": list(account.inputs_differ),
        "entering": {
            "kind": entering.kind,
            "outside": entering.outside,
            "terms": [
                {
                    "name": term.name,
                    "at": list(term.at),
                    "q": term.q,
                    "value": term.value,
                    "weight_at": None if term.weight_at is None else list(term.weight_at),
                    "weight": term.weight,
                }
                for term in entering.terms
            ],
        },
        "prepared": [_step(step) for step in account.prepared],
        "steps": [_step(step) for step in account.steps],
    }


def _step(step: Step) -> dict[str, Any]:
    value = plain(step.value)
    return {
        "function": step.function,
        "summary": step.summary,
        "name": step.name,
        "formula": step.formula,
        "numbers": step.numbers,
        "exact": None if step.exact is None else float(step.exact),
        "tie": step.is_tie,
        "rule": step.rule,
        "value": value if isinstance(value, int | float | bool | str) else text_of(value),
    }


def _rows(sequences: Mapping[str, Sequence[Step]]) -> list[Row]:
    """Steps of several profiles in rows, in an order that is each one's own."""
    rows: list[tuple[tuple[str, str], dict[str, Step]]] = []
    for profile, steps in sequences.items():
        matcher = SequenceMatcher(None, [key for key, _ in rows], [step.key for step in steps], autojunk=False)
        merged: list[tuple[tuple[str, str], dict[str, Step]]] = []
        for tag, a0, a1, b0, b1 in matcher.get_opcodes():
            if tag == "equal":
                pairs = zip(rows[a0:a1], steps[b0:b1], strict=True)
                merged += [(key, {**found, profile: step}) for (key, found), step in pairs]
            else:
                merged += rows[a0:a1]
                merged += [(step.key, {profile: step}) for step in steps[b0:b1]]
        rows = merged
    return [Row(name, function, steps) for (function, name), steps in rows]
