"""`qengine quantize`: a float model made small."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..compare.improve import Improved, quantize_until
from ..model import Model
from ..ptq.quantize import Quantized, quantize
from ..ptq.ranges import Ranges
from ..ptq.recipe import SCHEMES, Recipe
from ..tflite import save
from .options import json_option, model_argument
from .text import console, table

_NAMES = [name for name in SCHEMES if name != "float"]


@click.command()
@model_argument
@click.option(
    "--recipe",
    "recipe_text",
    default="static_wi8_ai8",
    show_default=True,
    help=f"A JSON file, or one of {', '.join(_NAMES)}.",
)
@click.option("--data", type=click.Path(path_type=Path), help="Samples: an .npz by input name, first axis samples.")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Where the quantized model goes.")
@click.option("--ranges", "ranges_path", type=click.Path(path_type=Path), help="Ranges that --save-ranges wrote.")
@click.option("--save-ranges", type=click.Path(path_type=Path), help="Where the ranges go, for other recipes.")
@click.option("--observer", help="min_max, moving_average, percentile, entropy or mse.")
@click.option("--granularity", help="tensorwise, channelwise or blockwise weights.")
@click.option("--block-size", type=int, help="32, 64, 128 or 256, with blockwise weights.")
@click.option("--input-type", help="float32, int8, uint8 or int16.")
@click.option("--output-type", help="float32, int8, uint8 or int16.")
@click.option(
    "--keep-in-float",
    multiple=True,
    metavar="TEXT",
    help="Nodes to leave alone: an operator (SOFTMAX), a number (#7) or a regular expression for names. Repeatable.",
)
@click.option("--unquantizable", type=click.Choice(["refuse", "float"]), help="What becomes of other operators.")
@click.option(
    "--until",
    type=float,
    metavar="DB",
    help="Change the recipe as the error budget advises until every output has so many dB. Exit status 1 if none does.",
)
@click.option(
    "--refine/--no-refine", default=None, help="Whether samples may show how to lose less than TensorFlow's converter."
)
@click.option("--report", "report_path", type=click.Path(path_type=Path), help="Where the whole report goes, as JSON.")
@json_option
def command(
    path: Path,
    recipe_text: str,
    data: Path | None,
    out: Path,
    ranges_path: Path | None,
    save_ranges: Path | None,
    until: float | None,
    report_path: Path | None,
    as_json: bool,
    **changes: Any,
) -> int:
    """Quantize the float model MODEL.

    Static recipes calibrate on --data (100 or so samples in the model's own units) or reuse --ranges. Prints what it
    cost: bytes, and the layers with the largest error. Warnings say what looks wrong about the samples.
    """
    stderr = Console(stderr=True)
    try:
        recipe = recipe_of(recipe_text, {key: value for key, value in changes.items() if value not in (None, ())})
        ranges = None if ranges_path is None else Ranges.load(ranges_path)
        with _bar(stderr) if stderr.is_terminal and not as_json else nullcontext() as bar:
            progress = None if bar is None else _advance(bar)
            if until is None:
                made, improved = quantize(path, recipe, data, ranges=ranges, progress=progress), None
            else:
                improved = quantize_until(path, until, recipe, data, ranges=ranges, progress=progress)
                made = improved.quantized
    except (ValueError, TypeError) as error:
        raise click.ClickException(str(error)) from error
    write(made.model, out)
    if save_ranges is not None:
        made.ranges.save(save_ranges)
    content = made.report.to_dict() | ({} if improved is None else {"until": improved.to_dict()})
    if report_path is not None:
        report_path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(content, indent=1))
    else:
        _show(made, out)
        if improved is not None and until is not None:
            _show_changes(improved, until)
    return 0 if improved is None or improved.reached else 1


def recipe_of(text: str, changes: dict[str, Any]) -> Recipe:
    """The recipe that a name or a file means, with what the options change."""
    if text in SCHEMES:
        return Recipe.named(text, **changes)
    if not text.endswith(".json"):
        raise ValueError(f"expected a recipe among {', '.join(_NAMES)}, or a .json file, got {text!r}")
    if changes:
        options = ", ".join("--" + key.replace("_", "-") for key in changes)
        raise ValueError(f"expected {options} in the recipe's file, got them beside it")
    return Recipe.from_json(Path(text).read_text(encoding="utf-8"))


def _bar(stderr: Console) -> Progress:
    columns = (TextColumn("calibrating"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=stderr, transient=True)


def _advance(bar: Progress) -> Any:
    task = bar.add_task("calibrating", total=None)

    def advance(done: int, total: int | None) -> None:
        bar.update(task, completed=done, total=total)

    return advance


def write(model: Model, out: Path) -> None:
    """The model under a temporary name, then renamed: a file is there whole or not at all."""
    partial = out.with_name(f".{out.name}.partial")
    try:
        save(model, partial)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def _show(made: Quantized, out: Path) -> None:
    report, output = made.report, console()
    output.print(
        f"{escape(str(out))}: {report.size_after:,} bytes of {report.size_before:,} "
        f"({report.size_after / report.size_before:.0%}), {report.recipe}"
    )
    for name, value in report.sqnr.items():
        output.print(f"output {escape(name)}: {value:.1f} dB signal to quantization noise on {report.measured} samples")
    if report.worst():
        output.print(_table(report.worst()))
    if report.in_float:
        output.print(f"{len(report.in_float)} of {len(report.layers)} nodes stay float:")
        for layer in report.in_float[:5]:
            output.print(f"  {layer.operator} {escape(layer.name)}" + (f" ({escape(layer.why)})" if layer.why else ""))
    for text in report.warnings:
        output.print(f"[yellow]warning:[/yellow] {escape(text)}")


def _show_changes(improved: Improved, until: float) -> None:
    output = console()
    for change in improved.changes:
        output.print(str(change), markup=False, soft_wrap=True)
    reached = "reached" if improved.reached else "not reached"
    output.print(f"worst output: {improved.sqnr_db:.1f} dB; {until:g} dB {reached}")


def _table(layers: Sequence[Any]) -> Table:
    columns = ("worst layers", "operator", "dB", "weights dB", "range", "seen", "clipped")
    shown = table(*columns, right=("dB", "weights dB", "clipped"))
    for layer in layers:
        shown.add_row(
            escape(layer.name),
            layer.operator,
            f"{layer.sqnr:.1f}",
            "" if layer.weight_sqnr is None else f"{layer.weight_sqnr:.1f}",
            "" if layer.low is None else f"{layer.low:.4g} to {layer.high:.4g}",
            "" if layer.seen is None else f"{layer.seen[0]:.4g} to {layer.seen[1]:.4g}",
            "" if layer.clipped is None else f"{layer.clipped:.3%}",
        )
    return shown
