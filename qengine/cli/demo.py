"""`qengine demo`: a network made, quantized, written, read back, run, and compared with the real runtime."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from ..demo import Answers, answer, fit, float_model, int8_model, observe
from ..digits import Digits, load_digits
from ..interpreter import Interpreter
from ..kernels.profile import Profile
from ..tflite import load, save
from .options import json_option, profile_option
from .text import console, size_text, table

Say = Callable[[str], None]

KERNEL_SETS = {
    Profile.XNNPACK: "AUTO",
    Profile.OPTIMIZED: "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    Profile.REFERENCE: "BUILTIN_REF",
}


@dataclass(frozen=True)
class Network:
    """accuracy over the test images; size in bytes; seconds: the median of one image."""

    name: str
    file: str
    size: int
    accuracy: float
    seconds: float


@dataclass(frozen=True)
class Agreement:
    """int8 outputs that differ from the runtime's, of how many; how far the float network's are off at most."""

    profile: str
    kernel_set: str
    differing: int
    outputs: int
    float_off_by: float


@dataclass(frozen=True)
class Result:
    """agreements: one for each kernel set, none where the runtime isn't installed."""

    profile: str
    networks: tuple[Network, ...]
    agreements: tuple[Agreement, ...]

    @property
    def equal(self) -> bool:
        return all(agreement.differing == 0 for agreement in self.agreements)


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Leave the .tflite files there.")
@profile_option
@json_option
def command(out: Path | None, profile: str, as_json: bool) -> int:
    """Classify handwritten digits in float and in int8, from data to files to answers, without a training framework.

    Where the runtime ai-edge-litert is installed, every output is compared with its three kernel sets. Exit status 1
    where one of the int8 network's differs.
    """
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as passing, Console(stderr=True).status("fitting the read-out") as status:
        folder = Path(passing) if out is None else out
        folder.mkdir(parents=True, exist_ok=True)
        result = measure(folder, Profile(profile), status.update)
    if as_json:
        click.echo(json.dumps(asdict(result), indent=1))
    else:
        show(result)
        place = "--out DIR keeps the files" if out is None else f"the files are in {out}"
        console().print(f"{place}; {time.perf_counter() - started:.1f} s", markup=False, soft_wrap=True)
    return 0 if result.equal else 1


def make(folder: Path, train: Digits, say: Say) -> Mapping[str, Path]:
    """Fits the classifier, quantizes it and writes both networks; their files by name."""
    classifier = fit(train)
    real = float_model(classifier)
    say("observing how far values reach")
    small = int8_model(classifier, observe(real, train.images))
    files = {"float32": folder / "digits_float32.tflite", "int8": folder / "digits_int8.tflite"}
    for model, file in zip((real, small), files.values(), strict=True):
        save(model, file)
    return files


def measure(folder: Path, profile: Profile, say: Say) -> Result:
    """The whole demo: both networks made, run over the test images, and held against the runtime."""
    train, test = load_digits()
    files = make(folder, train, say)
    networks, answers = [], {}
    for name, file in files.items():
        say(f"running the {name} network on {len(test.labels)} images")
        answers[name] = answer(Interpreter(model=load(file), profile=profile), test.images)
        accuracy = answers[name].accuracy(test.labels)
        networks.append(Network(name, str(file), file.stat().st_size, accuracy, answers[name].seconds))
    agreements = []
    if find_spec("ai_edge_litert") is not None:
        for each in Profile:
            say(f"comparing with the runtime's kernel set {KERNEL_SETS[each]}")
            agreements.append(agree(files, each, test, answers if each is profile else {}))
    return Result(profile.value, tuple(networks), tuple(agreements))


def agree(files: Mapping[str, Path], profile: Profile, test: Digits, known: Mapping[str, Answers]) -> Agreement:
    """Both networks in a profile and in the runtime's kernel set of the same rules."""
    runtime = import_module("ai_edge_litert.interpreter")
    kernel_set = getattr(runtime.OpResolverType, KERNEL_SETS[profile])
    ours, theirs = dict(known), {}
    for name, file in files.items():
        if name not in ours:
            ours[name] = answer(Interpreter(model=load(file), profile=profile), test.images)
        real = runtime.Interpreter(model_path=str(file), experimental_op_resolver_type=kernel_set, num_threads=1)
        theirs[name] = answer(real, test.images)
    differing = int((ours["int8"].outputs != theirs["int8"].outputs).sum())
    off_by = float(np.abs(ours["float32"].outputs - theirs["float32"].outputs).max())
    return Agreement(profile.value, KERNEL_SETS[profile], differing, ours["int8"].outputs.size, off_by)


def show(result: Result) -> None:
    out = console()
    train, test = load_digits()
    out.print(f"{len(train.labels)} digits of 8 x 8 pixels to fit, {len(test.labels)} others to test\n")
    out.print(_networks(result))
    if not result.agreements:
        out.print("\nai-edge-litert isn't installed: there is nothing to compare with")
        return
    out.print(_agreements(result))
    out.print("\n[green]every int8 output is the runtime's[/green]" if result.equal else "\n[red]outputs differ[/red]")


def _networks(result: Result) -> Table:
    columns = ("accuracy", "size", "time per image")
    rows = table("network", *columns, right=columns, title=f"qengine, profile {result.profile}")
    for network in result.networks:
        seconds = f"{network.seconds * 1e6:.0f} us"
        rows.add_row(network.name, f"{network.accuracy:.2%}", size_text(network.size), seconds)
    return rows


def _agreements(result: Result) -> Table:
    columns = ("int8 differing", "float32 off by")
    title = f"\nagainst ai-edge-litert {metadata.version('ai-edge-litert')}"
    rows = table("profile", "OpResolverType", *columns, right=columns, title=title)
    for each in result.agreements:
        differing = f"{each.differing} of {each.outputs}"
        rows.add_row(each.profile, each.kernel_set, differing, f"{each.float_off_by:.1e}")
    return rows
