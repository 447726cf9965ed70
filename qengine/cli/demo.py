"""`qengine demo`: a network trained, quantized in every way, written, read back, run, and compared with the runtime."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..demo.classifier import EPOCHS
from ..demo.story import KERNEL_SETS, Agreement, Story, make, tell
from ..digits import load_digits
from ..kernels.profile import Profile
from ..ptq.figure import plot
from .options import json_option, profile_option
from .text import console, size_text, table


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Leave the .tflite files there.")
@click.option("--plot", "figure", type=click.Path(path_type=Path), help="Where a figure goes (needs matplotlib).")
@click.option("--epochs", type=click.IntRange(min=1), default=EPOCHS, show_default=True, help="How long to train.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random weights.")
@profile_option
@json_option
def command(out: Path | None, figure: Path | None, epochs: int, seed: int, profile: str, as_json: bool) -> int:
    """Train a classifier of handwritten digits and make it small in every way, without a training framework.

    The float network is quantized after training by each recipe, and trained on with quantization in the loop for
    weights of 8, 4 and 2 bits. All are written, read back and run. Where the runtime ai-edge-litert is installed, every
    output is compared with its three kernel sets. Exit status 1 where an integer network's differs.
    """
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as passing, Console(stderr=True).status("") as status:
        folder = Path(passing) if out is None else out
        folder.mkdir(parents=True, exist_ok=True)
        train, test = load_digits()
        files = make(folder, train, epochs=epochs, seed=seed, say=status.update)
        story = tell(files, test, Profile(profile), say=status.update)
        if figure is not None:
            _plot(story, figure)
    took = time.perf_counter() - started
    if as_json:
        networks, agreements = ([part.to_dict() for part in story.networks], [asdict(a) for a in story.agreements])
        click.echo(json.dumps({"profile": profile, "networks": networks, "agreements": agreements}, indent=1))
    else:
        show(story, len(train.labels))
        place = "--out DIR keeps the files" if out is None else f"the files are in {out}"
        console().print(f"\n{place}; {took:.1f} s", markup=False, soft_wrap=True)
    return 0 if story.equal else 1


def _plot(story: Story, figure: Path) -> None:
    try:
        plot([network.evaluation for network in story.networks], figure)
    except ModuleNotFoundError as error:
        raise click.ClickException(f"--plot needs {error.name}: install qengine[plot]") from error
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def show(story: Story, learned: int) -> None:
    """The tables. learned: how many digits the networks learned from."""
    out = console()
    tested = story.networks[0].evaluation.samples
    out.print(f"{learned} digits of 8 x 8 pixels to learn from, {tested} others to test\n")
    out.print(_networks(story))
    out.print("trained: with quantization in the loop, the float network its teacher", style="dim")
    if not story.agreements:
        out.print("\nai-edge-litert isn't installed: there is nothing to compare with")
        return
    out.print(_agreements(story))
    out.print("integers: how many of the outputs differ; float: by how much at most", style="dim")
    verdict = "[green]every integer is the runtime's[/green]" if story.equal else "[red]outputs differ[/red]"
    out.print(f"\n{verdict}")


def _networks(story: Story) -> Table:
    columns = ["accuracy", "as float", "size", "us an image"]
    runtime = story.networks[0].runtime is not None
    columns += ["ai-edge-litert's"] if runtime else []
    rows = table("network", *columns, right=tuple(columns), title=f"qengine, profile {story.profile}")
    for network in story.networks:
        each = network.evaluation
        cells = [f"{each.accuracy:.2%}", f"{each.agreement:.2%}", size_text(each.size), _micros(each.latency)]
        cells += [_micros(network.runtime)] if network.runtime is not None else []
        rows.add_row(escape(each.name), *cells)
    return rows


def _micros(seconds: float) -> str:
    return f"{seconds * 1e6:.0f}" if seconds >= 1e-5 else f"{seconds * 1e6:.1f}"


def _agreements(story: Story) -> Table:
    title = f"\nbeside ai-edge-litert {metadata.version('ai-edge-litert')}, all three kernel sets"
    columns = [profile.value for profile in KERNEL_SETS]
    rows = table("network", *columns, right=tuple(columns), title=title)
    for network in dict.fromkeys(each.network for each in story.agreements):
        found = {each.profile: each for each in story.agreements if each.network == network}
        rows.add_row(escape(network), *(_difference(found[column]) for column in columns))
    return rows


def _difference(each: Agreement) -> str:
    return f"{each.differing} of {each.outputs}" if each.exact else f"{each.off_by:.0e}"
