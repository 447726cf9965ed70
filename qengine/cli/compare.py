"""`qengine compare`: two models, or one model in two runners, node by node, to the first that differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..compare.budget import PARTS, Budget, share
from ..compare.comparison import Comparison, NodeComparison, decibel
from ..compare.recording import Feed
from ..compare.runners import is_runner
from ..compare.session import compare
from ..compare.sides import sides_of
from ..compare.verdict import Verdict
from ..samples import fed, samples_of
from .options import data_option, json_option, profile_option
from .text import console, table

COLORS = {
    Verdict.EQUAL: "green",
    Verdict.INHERITED: "dim",
    Verdict.EXPLAINED: "cyan",
    Verdict.QUANTIZED: "blue",
    Verdict.UNCHECKED: "yellow",
    Verdict.FAULT: "red",
}
SHOWN = 12


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@data_option
@click.option("--limit", type=click.IntRange(min=1), help="How many samples at most.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which random numbers, without --data.")
@click.option("--all", "everything", is_flag=True, help="List every node, not only those that say something.")
@click.option("--budget", is_flag=True, help="Split each layer's error by cause; A is the float model of B.")
@click.option("--exact", is_flag=True, help="Any difference is a no, an explained one as well.")
@click.option("--min-sqnr", type=float, help="An output with less than so many dB is a no.")
@click.option(
    "--save", type=click.Path(path_type=Path), help="Write what B's tensors held in the last sample: an .npz."
)
@profile_option
@json_option
def command(
    a: str,
    b: str,
    data: Path | None,
    limit: int | None,
    seed: int,
    everything: bool,
    budget: bool,
    exact: bool,
    min_sqnr: float | None,
    save: Path | None,
    profile: str,
    as_json: bool,
) -> int:
    """Hold A against B, node by node: how far they are apart, which node differs first, and whether rounding rules
    account for it.

    A and B are each a model file, a runner (qengine:xnnpack, qengine:reference, litert:auto, litert:optimized,
    litert:reference, tflm), both as FILE@RUNNER, or an .npz of tensors by name. A runner or an .npz alone goes with the
    other side's model. Exit status 1 where a node is a fault, or can't be checked.
    """
    one, two = (_with_profile(end, profile) for end in (a, b))
    try:
        with Console(stderr=True).status("comparing") as status:
            result = compare(
                one,
                two,
                None if data is None else str(data),
                limit=limit,
                seed=seed,
                progress=lambda done, total: status.update(f"sample {done} of {'?' if total is None else total}"),
            )
            if save is not None:
                _save(one, two, data, save)
    except (ValueError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    spent = result.budget if budget else None
    if budget and spent is None:
        raise click.ClickException("expected a float model as A and a quantized one of it as B, to split its error")
    if as_json:
        facts = result.to_dict() | ({} if spent is None else {"budget": spent.to_dict()})
        click.echo(json.dumps(facts, indent=1))
    else:
        show(result, everything=everything)
        if spent is not None:
            show_budget(spent)
    low = min_sqnr is not None and any(node.sqnr_db < min_sqnr for node in result.ends)
    no = low or (exact and not result.equal) or result.verdict in (Verdict.FAULT, Verdict.UNCHECKED)
    return 1 if no else 0


def _with_profile(end: str, profile: str) -> Any:
    """A file that names no runner runs in qengine, in the profile that is asked for."""
    alone = is_runner(end) or is_runner(end.rpartition("@")[2]) or end.endswith(".npz")
    return end if alone else (end, f"qengine:{profile}")


def _save(one: Any, two: Any, data: Path | None, save: Path) -> None:
    if data is None:
        raise click.UsageError("expected --data with --save, got none")
    _, side = sides_of(one, two)
    graph = side.model.graphs[0]
    *_, last = samples_of(side.model, str(data))
    arrays = {i: fed(graph.tensors[i], array) for i, array in last.arrays.items()}
    held = side.runner.record(side.model, Feed(0, arrays))
    names = {i: graph.tensors[i].name or f"tensor {i}" for i in held}
    with save.open("wb") as file:
        np.savez(file, **{names[i]: array for i, array in held.items() if not array.dtype.hasobject})  # type: ignore[arg-type]


def show(result: Comparison, *, everything: bool) -> None:
    out = console()
    telling = [node for node in result.nodes if node.verdict not in (Verdict.EQUAL, Verdict.INHERITED)]
    shown = list(result.nodes) if everything else telling[:SHOWN]
    if shown:
        out.print(_table(shown))
        if len(shown) < len(telling):
            out.print(f"... and {len(telling) - len(shown)} more: --all lists them")
        out.print()
    for line in str(result).splitlines():
        out.print(line, markup=False, soft_wrap=True)
    if result.unmatched:
        out.print(f"only in the first: {', '.join(result.unmatched[:5])}", markup=False, soft_wrap=True)
    out.print(f"[{COLORS[result.verdict]}]{result.verdict.value}[/]")


def show_budget(budget: Budget) -> None:
    """Each layer's error by cause, and the advice that follows."""
    out = console()
    titles = [part.replace("_", " ") for part in PARTS]
    rows = table("node", "operator", "output", "SQNR", *titles, right=("SQNR", *titles))
    for layer in budget.layers:
        shares = [share(layer, part) for part in PARTS]
        rows.add_row(str(layer.node), layer.operator, escape(_short(layer.name, 28)), decibel(layer.sqnr_db), *shares)
    out.print()
    out.print(rows)
    for layer in budget.worst(3):
        if layer.advice is not None:
            out.print(f"{layer.operator} {_short(layer.name)}: {layer.advice.text}", markup=False, soft_wrap=True)


def _table(nodes: list[NodeComparison]) -> Table:
    numbers = ("differing", "max LSB", "SQNR", "by itself")
    rows = table("node", "operator", "output", "verdict", *numbers, right=numbers)
    for node in nodes:
        steps = "" if node.max_lsb is None else f"{node.max_lsb:.4g}"
        local = "" if node.local is None else decibel(node.local.sqnr_db)
        rows.add_row(
            str(node.node),
            node.operator,
            escape(_short(node.name)),
            f"[{COLORS[node.verdict]}]{node.verdict.value}[/]",
            f"{node.accumulated.differing} of {node.accumulated.elements}",
            steps,
            decibel(node.sqnr_db),
            local,
        )
    return rows


def _short(name: str, length: int = 48) -> str:
    """A converter's name names all that was fused: its end says most."""
    return name if len(name) <= length else f"...{name[-length + 3 :]}"
