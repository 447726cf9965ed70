"""`qengine explain`: one number of a node's output as arithmetic, in the three profiles side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from ..compare.explain.session import explain
from ..kernels.profile import Profile
from .options import json_option, model_argument

PROFILES = [profile.value for profile in Profile]


@click.command()
@model_argument
@click.option("--node", required=True, help="The node: its number, or the name of what it computes.")
@click.option("--index", default="0", show_default=True, help="The element, as i,j,k; one number counts in C order.")
@click.option(
    "--input",
    "inputs",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A sample: an .npz by input name, or an .npy of the only input. Without it: random numbers.",
)
@click.option("--output", type=int, default=0, show_default=True, help="Which output of the node.")
@click.option("--profile", "profiles", type=click.Choice(PROFILES), multiple=True, help="Only these kernel sets.")
@click.option("--shared", type=click.Choice(PROFILES), help="Give all profiles the inputs that this one computes.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write it as a page.")
@json_option
def command(
    path: Path,
    node: str,
    index: str,
    inputs: Path | None,
    output: int,
    profiles: Sequence[str],
    shared: str | None,
    html: Path | None,
    as_json: bool,
) -> int:
    """Show how one element of what a node of MODEL computes comes about: the numbers that enter, multiplier and shift,
    every rounding step, in each profile; and where the profiles part.

    Exit status 1 where they come to different results.
    """
    try:
        with Console(stderr=True).status("explaining"):
            found = explain(
                path,
                int(node) if node.lstrip("-").isdigit() else node,
                _index(index),
                None if inputs is None else str(inputs),
                output=output,
                profiles=profiles or PROFILES,
                shared=shared,
            )
    except (IndexError, ValueError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    if html is not None:
        html.write_text(found.to_html(), encoding="utf-8")
    click.echo(found.to_json() if as_json else str(found))
    return 0 if found.parting is None else 1


def _index(text: str) -> int | list[int]:
    try:
        numbers = [int(part) for part in text.replace(" ", "").split(",")]
    except ValueError as error:
        raise click.UsageError(f"expected an index as i,j,k, got {text!r}") from error
    return numbers[0] if len(numbers) == 1 else numbers
