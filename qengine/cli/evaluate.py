"""`qengine evaluate`: models side by side on labelled samples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape

from ..ptq.evaluate import Evaluation, evaluate, texts
from ..ptq.figure import plot
from ..tflite import load
from .options import json_option, profile_option
from .text import console, table

_LABELS = ("labels", "label", "y")


@click.command()
@click.argument("paths", metavar="MODEL...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="An .npz: inputs by name, first axis samples, and the right answers as `labels` (or `label`, `y`).",
)
@click.option("--labels", "key", help="The key of the right answers, if it is another.")
@click.option("--limit", type=click.IntRange(min=1), help="Use only so many samples.")
@click.option("--plot", "figure", type=click.Path(path_type=Path), help="Where a figure goes (needs matplotlib).")
@profile_option
@json_option
def command(
    paths: Sequence[Path],
    data: Path,
    key: str | None,
    limit: int | None,
    figure: Path | None,
    profile: str,
    as_json: bool,
) -> int:
    """Compare classifiers: accuracy, agreement with the first MODEL, latency and size.

    The same samples, real numbers in the float model's units, go to every model; integer inputs are quantized by their
    own scale. The latency is of one call in qengine's interpreter, in the chosen profile.
    """
    inputs, labels = _split(data, key, limit)
    try:
        models = {_name(path, paths): load(path) for path in paths}
        with Console(stderr=True).status("running") as status:
            rows = evaluate(
                models,
                inputs,
                labels,
                profile=profile,
                progress=lambda name, done: status.update(f"running {escape(name)}: {done}"),
            )
        if figure is not None:
            plot(rows, figure)
    except ModuleNotFoundError as error:
        raise click.ClickException(f"--plot needs {error.name}: install qengine[plot]") from error
    except (ValueError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps({"profile": profile, "models": [row.to_dict() for row in rows]}, indent=1))
    else:
        _show(rows, profile)
    return 0


def _split(data: Path, key: str | None, limit: int | None) -> tuple[dict[str, NDArray[Any]], NDArray[Any] | None]:
    """The inputs and the labels of an .npz."""
    try:
        with data.open("rb") as file:
            stored = np.load(file, allow_pickle=False)
            arrays = {name: stored[name] for name in stored.files} if hasattr(stored, "files") else {"arr_0": stored}
    except (ValueError, EOFError) as error:
        raise click.ClickException(f"expected arrays as .npz, got {data}: {error}") from error
    if key is not None and key not in arrays:
        raise click.UsageError(f"expected an array {key!r} in {data}, got {sorted(arrays)}")
    chosen = key if key is not None else next((name for name in _LABELS if name in arrays), None)
    labels = None if chosen is None else arrays.pop(chosen)
    inputs = {name: array[:limit] for name, array in arrays.items() if array.ndim > 0}
    return inputs, None if labels is None else labels[:limit]


def _name(path: Path, paths: Sequence[Path]) -> str:
    """The file's name, its folders too where names repeat."""
    return path.name if sum(other.name == path.name for other in paths) == 1 else str(path)


def _show(rows: Sequence[Evaluation], profile: str) -> None:
    numbers = ("bytes", "of the first", "accuracy", "agreement", "ms a call")
    shown = table("model", *numbers, right=numbers)
    for cells in texts(rows):
        shown.add_row(escape(cells[0]), *cells[1:])
    output = console()
    output.print(shown)
    output.print(f"{rows[0].samples} samples, profile {profile}; agreement is with the first model")
