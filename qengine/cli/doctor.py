"""`qengine doctor`: what is wrong or risky in a file, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from ..compare.doctor import TARGETS, Finding, Severity, examine
from ..compare.doctor.devices import arena_of
from ..tflite import load
from .options import json_option, model_argument
from .text import console, size_text

COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
SHOWN = 3
"""How many findings of one rule are written out, unless all are asked for."""


@click.command()
@model_argument
@click.option("--target", type=click.Choice(TARGETS), help="The device that the file is meant for.")
@click.option("--arena", type=click.IntRange(min=0), help="Bytes that tensors may take together.")
@click.option("--all", "everything", is_flag=True, help="Write out every finding, not only the first of each rule.")
@json_option
def command(path: Path, target: str | None, arena: int | None, everything: bool, as_json: bool) -> int:
    """Say what is wrong or risky in MODEL: each finding with its node, the reason and the remedy.

    Nothing is run. Exit status 1 where there is an error or a warning; notes are about other devices.
    """
    model = load(path)
    with Console(stderr=True).status("examining"):
        findings = examine(model, target=target, arena=arena)
    needed, _ = arena_of(model)
    if as_json:
        facts = {"file": str(path), "arena": needed, "findings": [finding.to_dict() for finding in findings]}
        click.echo(json.dumps(facts, indent=1))
    else:
        show(findings, everything=everything)
        console().print(f"tensors need {size_text(needed)} of memory together")
    return 1 if any(finding.severity is not Severity.NOTE for finding in findings) else 0


def show(findings: Sequence[Finding], *, everything: bool) -> None:
    out = console()
    groups: dict[tuple[Severity, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.severity, finding.rule), []).append(finding)
    for (severity, rule), group in groups.items():
        count = f" ({len(group)})" if len(group) > 1 else ""
        out.print(f"[{COLORS[severity]}]{severity.value}[/] [bold]{rule}[/bold]{count}")
        for finding in group if everything else group[:SHOWN]:
            _show(out, finding)
        if not everything and len(group) > SHOWN:
            out.print(f"  ... and {len(group) - SHOWN} more: --all writes them out")
    if not findings:
        out.print("[green]nothing to find fault with[/green]")


def _show(out: Console, finding: Finding) -> None:
    place = "the file" if finding.node is None else f"node {finding.node} {finding.operator} {finding.name!r}"
    out.print(f"  {escape(place)}: {escape(finding.reason)}", soft_wrap=True)
    out.print(f"    [dim]{escape(finding.remedy)}[/dim]", soft_wrap=True)
