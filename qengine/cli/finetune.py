"""`qengine finetune`: a float model trained for what quantizing does to it, and quantized."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..kernels.profile import Profile
from ..op import Array
from ..ptq.recipe import SCHEMES
from ..train.exact import Parting
from ..train.finetune import Finetuned, finetune
from ..train.history import Epoch, History
from ..train.optimizers import Adam
from ..train.ranges import RULES
from ..train.trainer import Told
from .options import json_option, model_argument
from .quantize import recipe_of, write
from .text import console, table

_LABELS = ("labels", "label", "y")


@click.command()
@model_argument
@click.option(
    "--recipe",
    "recipe_text",
    default="static_wi8_ai8",
    show_default=True,
    help=f"A JSON file, or one of {', '.join(name for name in SCHEMES if name != 'float')}.",
)
@click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="An .npz: inputs by name, first axis samples."
)
@click.option("--labels", "key", metavar="NAME", help="The array of --data that is to be learned, by its name.")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Where the quantized model goes.")
@click.option("--epochs", type=click.IntRange(min=0), default=10, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True)
@click.option("--rate", type=click.FloatRange(min=0), help="Of learning, relative to weights' magnitudes.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--freeze",
    multiple=True,
    metavar="TEXT",
    help="A regular expression: weights, or layers by what they compute, that stay as they are. Repeatable.",
)
@click.option("--range-rule", type=click.Choice(RULES), default=RULES[0], show_default=True, help="How ranges go on.")
@click.option("--learn-weights", is_flag=True, help="Learn the scales of weights too (LSQ).")
@click.option(
    "--validation",
    type=click.FloatRange(0, 1, max_open=True),
    help="The share of samples to judge epochs by.  [default: 0.1 where there are 20 or more]",
)
@click.option("--patience", type=click.IntRange(min=1), help="Epochs without a better one before training ends.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="A file to go on from, written each epoch.")
@click.option("--weight-bits", type=int, help="Use only so many bits of the weights' type.")
@click.option("--input-type", help="float32, int8, uint8 or int16.")
@click.option("--output-type", help="float32, int8, uint8 or int16.")
@click.option("--keep-in-float", multiple=True, metavar="TEXT", help="Nodes to leave alone, as `quantize` has it.")
@click.option("--exact", is_flag=True, help="Show layer by layer where training and the file's integers part.")
@click.option(
    "--train-exact",
    "profile",
    type=click.Choice([profile.value for profile in Profile]),
    help="Train through this kernel set's exact integer kernels: slow.",
)
@json_option
def command(
    path: Path,
    recipe_text: str,
    data: Path,
    key: str | None,
    out: Path,
    rate: float | None,
    freeze: Sequence[str],
    range_rule: str,
    learn_weights: bool,
    checkpoint: Path | None,
    validation: float | None,
    exact: bool,
    profile: str | None,
    as_json: bool,
    **changes: Any,
) -> int:
    """Train the float model MODEL with quantization in the loop, then quantize it.

    The float model is its own teacher: samples are all it takes, the same as for calibration, better more of them. With
    --labels it learns these instead.
    """
    stderr = Console(stderr=True)
    training = {name: changes.pop(name) for name in ("epochs", "batch_size", "seed", "patience")}
    if rate is not None:
        training["optimizer"] = Adam(rate, relative=True)
    try:
        recipe = recipe_of(recipe_text, {name: value for name, value in changes.items() if value})
        inputs, labels = _split(data, key)
        with _bar(stderr) if stderr.is_terminal and not as_json else nullcontext() as bar:
            made = finetune(
                path,
                recipe,
                inputs,
                labels,
                validation=validation,
                range_rule=range_rule,
                learn_weights=learn_weights,
                checkpoint=checkpoint,
                progress=None if bar is None else _advance(bar),
                rates=dict.fromkeys(freeze, 0.0),
                exact=profile,
                **training,
            )
    except (ValueError, TypeError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    write(made.model, out)
    parts = made.partings(inputs) if exact else None
    if as_json:
        click.echo(json.dumps(_plain(made, parts), indent=1))
    else:
        _show(made, parts, out)
    return 0


def _split(data: Path, key: str | None) -> tuple[dict[str, Array], Array | None]:
    """The inputs, and the labels that were asked for. Arrays that look like labels aren't taken for inputs."""
    try:
        with data.open("rb") as file:
            stored = np.load(file, allow_pickle=False)
            arrays = {"arr_0": stored} if isinstance(stored, np.ndarray) else {name: stored[name] for name in stored}
    except (ValueError, EOFError) as error:
        raise ValueError(f"expected arrays as .npz, got {data}: {error}") from error
    if key is not None and key not in arrays:
        raise ValueError(f"expected an array {key!r} in {data}, got {sorted(arrays)}")
    labels = None if key is None else arrays.pop(key)
    if len(arrays) > 1:
        arrays = {name: array for name, array in arrays.items() if name not in _LABELS}
    return arrays, labels


def _bar(stderr: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=stderr, transient=True)


def _advance(bar: Progress) -> Told:
    task = bar.add_task("training", total=None)

    def advance(done: int, total: int | None, epoch: Epoch | None) -> None:
        bar.update(task, completed=done, total=total)
        if epoch is not None:
            right = "" if epoch.accuracy is None else f", accuracy {epoch.accuracy:.1%}"
            bar.update(task, description=f"epoch {epoch.number}: loss {epoch.loss:.4g}{right}")

    return advance


def _plain(made: Finetuned, parts: Sequence[Parting] | None) -> dict[str, Any]:
    content: dict[str, Any] = {"report": made.report.to_dict(), "history": made.history.to_dict()}
    if parts is not None:
        content["partings"] = [
            {"node": p.node, "operator": p.operator, "name": p.name, "step": p.step}
            | {"elements": p.elements, "apart": p.apart, "furthest": p.furthest}
            for p in parts
        ]
    return content


def _show(made: Finetuned, parts: Sequence[Parting] | None, out: Path) -> None:
    report, output = made.report, console()
    output.print(
        f"{escape(str(out))}: {report.size_after:,} bytes of {report.size_before:,} "
        f"({report.size_after / report.size_before:.0%}), {report.recipe}"
    )
    _show_history(made.history)
    for name, value in report.sqnr.items():
        output.print(f"output {escape(name)}: {value:.1f} dB signal to quantization noise on {report.measured} samples")
    if parts is not None:
        columns = ("layer", "operator", "elements", "apart", "furthest")
        shown = table(*columns, right=columns[2:], title="fake quantization beside the file's kernels")
        for part in parts:
            far = f"{part.furthest:.2g}" + (" of the greatest" if part.step is None else " steps")
            shown.add_row(escape(part.name), part.operator, str(part.elements), str(part.apart), far)
        output.print(shown)
    for text in report.warnings:
        output.print(f"[yellow]warning:[/yellow] {escape(text)}")


def _show_history(history: History) -> None:
    """One row an epoch, and the start; a star where the weights are from."""
    columns = ("epoch", "loss", "accuracy", "validation loss", "validation accuracy", "rate", "ranges", "seconds")
    shown = table(*columns, right=columns)
    if history.start_loss is not None:
        right = "" if history.start_accuracy is None else f"{history.start_accuracy:.2%}"
        shown.add_row(f"start{' *' if history.best == 0 else ''}", "", "", f"{history.start_loss:.4g}", right)
    for epoch in history.epochs:
        shown.add_row(
            f"{epoch.number}{' *' if epoch.number == history.best else ''}",
            f"{epoch.loss:.4g}",
            "" if epoch.accuracy is None else f"{epoch.accuracy:.2%}",
            "" if epoch.validation_loss is None else f"{epoch.validation_loss:.4g}",
            "" if epoch.validation_accuracy is None else f"{epoch.validation_accuracy:.2%}",
            f"{epoch.rate:.2g}",
            "frozen" if epoch.frozen else "",
            f"{epoch.seconds:.1f}",
        )
    console().print(shown)
