"""`qengine demo`: a network made, quantized, written, read back, run, and compared with the real runtime."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from ..demo import Answers, answer, fit, float_model, int8_model, observe
from ..digits import Digits, load_digits
from ..interpreter import Interpreter
from ..kernels.profile import Profile
from ..tflite import load, save
from .options import json_option, profile_option, size_text

KERNEL_SETS = {
    Profile.XNNPACK: "AUTO",
    Profile.OPTIMIZED: "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    Profile.REFERENCE: "BUILTIN_REF",
}


@dataclass(frozen=True)
class Network:
    """accuracy over the test images; seconds: the median of one image."""

    name: str
    file: str
    size: int
    accuracy: float
    seconds: float


@dataclass(frozen=True)
class Agreement:
    """int8 outputs that differ from the runtime's, of how many; the largest difference of the float network's."""

    profile: str
    kernel_set: str
    differing: int
    outputs: int
    largest: float
    seconds: float


@click.command()
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Leave the two .tflite files in this folder."
)
@profile_option
@json_option
def command(out: Path | None, profile: str, as_json: bool) -> int:
    """Classify handwritten digits in float and in int8, from data to files to answers, without a training framework.

    Where the runtime ai-edge-litert is installed, every output is compared with its three kernel sets. Exit status 1
    where one of the int8 network differs.
    """
    console = Console(highlight=False, quiet=as_json)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        status = _demo(out, Profile(profile), console, as_json)
        console.print(f"the files are in {out}", markup=False, soft_wrap=True)
        return status
    with tempfile.TemporaryDirectory(prefix="qengine-demo-") as folder:
        return _demo(Path(folder), Profile(profile), console, as_json)


def _demo(folder: Path, profile: Profile, console: Console, as_json: bool) -> int:
    started = time.perf_counter()
    train, test = load_digits()
    console.print(f"{len(train.labels)} digits of 8 x 8 pixels to fit, {len(test.labels)} others to test")
    with Console(stderr=True).status("fitting the read-out") as status:
        files = make(folder, train, status.update)
        networks, answers = [], {}
        for name, file in files.items():
            status.update(f"running the {name} network on {len(test.labels)} images")
            answers[name] = answer(Interpreter(model=load(file), profile=profile), test.images)
            networks.append(_network(name, file, answers[name], test))
        agreements = []
        if find_spec("ai_edge_litert") is not None:
            for each in Profile:
                status.update(f"comparing with the runtime's kernel set {KERNEL_SETS[each]}")
                agreements.append(agree(files, each, test, answers if each is profile else {}))
    equal = all(agreement.differing == 0 for agreement in agreements)
    if as_json:
        facts = {"profile": profile.value, "networks": networks, "agreements": agreements}
        click.echo(json.dumps(facts, indent=1, default=asdict))
        return 0 if equal else 1
    console.print(_networks(networks, profile))
    if agreements:
        console.print(_agreements(agreements))
        console.print("[green]every int8 output is the runtime's[/green]" if equal else "[red]outputs differ[/red]")
    else:
        console.print(
            "ai-edge-litert isn't installed: nothing to compare with (the extra [test] installs it)", markup=False
        )
    kept = folder if folder.name and not folder.name.startswith("qengine-demo-") else None
    console.print(
        f"the files are in {folder}" if kept else "--out FOLDER keeps the files", markup=False, soft_wrap=True
    )
    console.print(f"{time.perf_counter() - started:.1f} s")
    return 0 if equal else 1


def make(folder: Path, train: Digits, say: Any) -> Mapping[str, Path]:
    """Fits the classifier, quantizes it and writes both networks; their files by name."""
    classifier = fit(train)
    real = float_model(classifier)
    say("observing ranges")
    small = int8_model(classifier, observe(real, train.images))
    files = {"float32": folder / "digits_float32.tflite", "int8": folder / "digits_int8.tflite"}
    for model, file in zip((real, small), files.values(), strict=True):
        save(model, file)
    return files


def _network(name: str, file: Path, answers: Answers, test: Digits) -> Network:
    return Network(name, str(file), file.stat().st_size, answers.accuracy(test.labels), answers.seconds)


def agree(files: Mapping[str, Path], profile: Profile, test: Digits, known: Mapping[str, Answers]) -> Agreement:
    """Both networks in a profile and in the runtime's kernel set of the same rules."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    runtime = import_module("ai_edge_litert.interpreter")
    kernel_set = getattr(runtime.OpResolverType, KERNEL_SETS[profile])
    ours, theirs = dict(known), {}
    for name, file in files.items():
        if name not in ours:
            ours[name] = answer(Interpreter(model=load(file), profile=profile), test.images)
        real = runtime.Interpreter(model_path=str(file), experimental_op_resolver_type=kernel_set, num_threads=1)
        theirs[name] = answer(real, test.images)
    differing = int((ours["int8"].outputs != theirs["int8"].outputs).sum())
    largest = float(np.abs(ours["float32"].outputs - theirs["float32"].outputs).max())
    outputs = ours["int8"].outputs.size
    return Agreement(profile.value, KERNEL_SETS[profile], differing, outputs, largest, theirs["int8"].seconds)


def _networks(networks: list[Network], profile: Profile) -> Table:
    table = _table(f"qengine, profile {profile.value}", "network", "accuracy", "size", "time per image")
    for network in networks:
        time_text = f"{network.seconds * 1e6:.0f} us"
        table.add_row(network.name, f"{network.accuracy:.2%}", size_text(network.size), time_text)
    return table


def _agreements(agreements: list[Agreement]) -> Table:
    title = f"against ai-edge-litert {metadata.version('ai-edge-litert')}"
    table = _table(
        title, "profile", "its kernel set", "int8 outputs that differ", "float32, by at most", "its time, int8"
    )
    for each in agreements:
        differing = f"{each.differing} of {each.outputs}"
        table.add_row(each.profile, each.kernel_set, differing, f"{each.largest:.1e}", f"{each.seconds * 1e6:.0f} us")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="")
    for column in columns:
        table.add_column(column, justify="left" if column in ("network", "profile", "its kernel set") else "right")
    return table
