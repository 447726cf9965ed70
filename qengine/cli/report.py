"""`qengine report`: one page about a model, and node data for Model Explorer."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from ..report import report_on
from ..report.collect import LIMIT
from ..report.model_explorer import save_node_data
from .options import data_option, json_option, model_argument, profile_option
from .text import console, size_text


@click.command()
@model_argument
@click.option("--against", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The float model.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The page.  [default: MODEL's name with .html]")
@data_option
@click.option("--limit", type=click.IntRange(min=1), default=LIMIT, show_default=True, help="How many samples at most.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which random numbers, without --data.")
@click.option(
    "--model-explorer",
    "explorer",
    metavar="DIR|NAME.json",
    type=click.Path(path_type=Path),
    help="Write node data for Model Explorer: one file a metric.",
)
@profile_option
@json_option
def command(
    path: Path,
    against: Path | None,
    output: Path | None,
    data: Path | None,
    limit: int,
    seed: int,
    explorer: Path | None,
    profile: str,
    as_json: bool,
) -> None:
    """Write one page that shows a model: its graph, what each layer's numbers are and how the quantization grid lies
    over them, scales and zero points, sizes; with --against, how far every layer is from the float model's.

    The page is one file that loads nothing. With --json its numbers are printed; the page is written where -o is given.
    """
    with Console(stderr=True).status("running") as status:
        try:
            report = report_on(
                path,
                against,
                None if data is None else str(data),
                profile=profile,
                limit=limit,
                seed=seed,
                progress=lambda done, total: status.update(f"sample {done} of {total}"),
            )
        except RuntimeError as error:
            raise click.ClickException(str(error)) from error
        except ValueError as error:
            raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(report.to_dict()))
    page = output if output is not None or as_json else Path(f"{path.stem}.html")
    out = console(quiet=as_json)
    if page is not None:
        report.save(page)
        out.print(f"{page}  {size_text(page.stat().st_size)}", markup=False, soft_wrap=True)
    if explorer is not None:
        for written in save_node_data(report, explorer):
            out.print(str(written), markup=False, soft_wrap=True)
