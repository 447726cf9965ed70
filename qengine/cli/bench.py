"""`qengine bench`: how long a call takes, where the time goes, and what the real runtime takes."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.markup import escape

from ..interpreter import Interpreter
from ..kernels.profile import Profile
from ..latency import NodeTime, Spread, about, alternate, node_times, ratio, runtimes, spread, whole_call
from ..tflite import load
from .options import json_option, model_argument, profile_option, threads_option
from .text import console, table


@dataclass(frozen=True)
class Peer:
    """The runtime with one kernel set. microseconds: median of laps; ratio: qengine's time over its, lap by lap.

    equal: whether the outputs are qengine's, float outputs to 1e-4 of the largest. Kernel sets round differently:
    those of another profile's may well differ.
    """

    kernel_set: str
    microseconds: float
    ratio: float
    equal: bool


@dataclass(frozen=True)
class Measured:
    """What `bench` found out. microseconds: median of laps that alternate with the peers'; spread: of single calls."""

    about: Mapping[str, str | int]
    profile: str
    microseconds: float
    spread: Spread
    peers: tuple[Peer, ...]
    nodes: tuple[NodeTime, ...]


@click.command()
@model_argument
@profile_option
@threads_option
@click.option("--seconds", type=click.FloatRange(min=0.05), default=1.0, show_default=True, help="For each engine.")
@json_option
def command(path: Path, profile: str, threads: int, seconds: float, as_json: bool) -> int:
    """Time whole calls of MODEL: inputs in, invoke, outputs out.

    The spread of single calls, what each node takes on one thread, and, where ai-edge-litert is installed, its three
    kernel sets, alternating with qengine's laps in the same run.
    """
    with Console(stderr=True).status("measuring"):
        found = measure(path, Profile(profile), threads, seconds)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
    else:
        show(path, found)
    return 0


def measure(path: Path, profile: Profile, threads: int, seconds: float) -> Measured:
    model = load(path)
    ours = Interpreter(model=model, profile=profile, num_threads=threads)
    try:
        ours.allocate_tensors()
        call = whole_call(ours)
        answer = call()
        peers = {name: whole_call(peer) for name, peer in runtimes(path.read_bytes(), threads).items()}
        laps = alternate({"": call, **peers}, seconds)
        single = spread(call, seconds)
        nodes = node_times(model, profile, seconds)
    except (RuntimeError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    compared = tuple(
        Peer(name, statistics.median(laps[name]) * 1e6, ratio(laps[""], laps[name]), _equal(answer, peer()))
        for name, peer in peers.items()
    )
    median = statistics.median(laps[""]) * 1e6
    return Measured(about(threads), profile.value, median, single, compared, tuple(nodes))


def _equal(ours: Sequence[Any], theirs: Sequence[Any]) -> bool:
    return len(ours) == len(theirs) and all(_same(a, b) for a, b in zip(ours, theirs, strict=True))


def _same(ours: Any, theirs: Any) -> bool:
    if ours.shape != theirs.shape:
        return False
    if ours.dtype.kind != "f":
        return bool(np.array_equal(ours, theirs))
    finite = np.isfinite(theirs)
    largest = float(np.abs(theirs[finite]).max(initial=1e-6))
    return bool(
        np.array_equal(ours[~finite], theirs[~finite], equal_nan=True)
        and np.allclose(ours[finite], theirs[finite], rtol=0, atol=1e-4 * largest)
    )


def show(path: Path, found: Measured) -> None:
    out = console()
    out.print(f"[bold]{escape(path.name)}[/bold]  {', '.join(f'{k} {v}' for k, v in found.about.items())}\n")
    times = table("", "us a call", "qengine / it", "outputs", right=("us a call", "qengine / it"))
    times.add_row(f"qengine, profile {found.profile}", f"{found.microseconds:.1f}", "", "")
    for peer in found.peers:
        equal = "equal" if peer.equal else "differ"
        times.add_row(f"runtime, {peer.kernel_set}", f"{peer.microseconds:.1f}", f"{peer.ratio:.2f}", equal)
    out.print(times)
    if not found.peers:
        out.print("ai-edge-litert isn't installed, or doesn't run the model: there is nothing to compare with")
    s = found.spread
    out.print(
        f"\n{s.calls} single calls: least {s.least:.1f} us, 10 % below {s.p10:.1f}, median {s.median:.1f}, "
        f"90 % below {s.p90:.1f}, 99 % below {s.p99:.1f}\n"
    )
    out.print(_nodes(found.nodes))


def _nodes(nodes: Sequence[NodeTime]) -> Any:
    total = sum(node.microseconds for node in nodes) or 1.0
    columns = ("us", "share", "GMAC/s")
    rows = table("node", "operator", "kernel", *columns, "why", right=("node", *columns))
    for node in nodes:
        rate = f"{node.macs / node.microseconds / 1e3:.1f}" if node.macs and node.microseconds > 0 else ""
        share = f"{node.microseconds / total:.1%}"
        kernel, why = escape(node.kernel), escape(node.why)
        rows.add_row(str(node.index), escape(node.operator), kernel, f"{node.microseconds:.2f}", share, rate, why)
    rows.add_row("", "together", "", f"{total:.2f}", "", "", "one by one, on one thread")
    return rows
