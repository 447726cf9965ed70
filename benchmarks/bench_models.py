"""Whole calls of models (inputs in, invoke, outputs out), side by side with the real runtime's three kernel sets.

    python benchmarks/bench_models.py [MODEL ...] [--models FOLDER] [--threads 1] [--seconds 0.5] [--json]

Without MODEL: the trained networks of the model corpus (FOLDER, else the environment variable QENGINE_MODELS, else
../shared/models). Each of qengine's profiles is held against the kernel set whose rules it has; all alternate, lap by
lap, in one run, and a ratio is the median of the laps' ratios. Ratios are gathered by what the activations are;
networks that the runtime runs in under 5 microseconds are gathered apart, for there only calling counts. With onnx and
onnxruntime installed, convolutions and dense layers of the same shapes run there too (see `twin`).

What the numbers don't mean: inputs are random, which matters to no kernel here, but caches are warm and the machine
does nothing else; absolute times drift by half from minute to minute, ratios much less; a ratio from one processor says
little of another with other vectors.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import qengine as qe
from qengine.kernels.profile import Profile
from qengine.latency import KERNEL_SETS, about, alternate, ratio, runtimes, whole_call

TINY = 5e-6
"""Seconds below which the runtime's call is mostly calling."""
PROFILES = {"XNNPACK": Profile.XNNPACK, "no delegates": Profile.OPTIMIZED, "reference": Profile.REFERENCE}


@dataclass(frozen=True)
class Pair:
    """One profile and the kernel set of its rules: microseconds of a call (medians), and ours over theirs."""

    profile: str
    kernel_set: str
    ours: float
    theirs: float
    ratio: float
    spread: float
    equal: bool


@dataclass(frozen=True)
class Network:
    model: str
    kind: str
    size: int
    pairs: tuple[Pair, ...]


def kind_of(model: qe.Model) -> str:
    """What its activations are: `int8`, `uint8`, `int16`, `float32`, or `float32 with integer weights`."""
    graph = model.graphs[0]
    products = [node for node in graph.nodes if node.op.weights]
    if not products:
        return "other"
    seen = {graph.tensors[node.inputs[0]].type.name.lower() for node in products}
    weights = {graph.tensors[node.inputs[node.op.weights[0].input]].type.name for node in products}
    kind = "int16" if "int16" in seen else sorted(seen)[0] if len(seen) == 1 else "mixed"
    return f"{kind} with integer weights" if kind == "float32" and weights != {"FLOAT32"} else kind


def same(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> bool:
    """Integers equal; floats to 1e-4 of the largest."""
    return all(
        np.array_equal(a, b)
        if a.dtype.kind != "f"
        else np.allclose(a, b, rtol=0, atol=1e-4 * max(1e-6, float(np.abs(b).max(initial=0))), equal_nan=True)
        for a, b in zip(ours, theirs, strict=True)
    )


def measure(path: Path, threads: int, seconds: float) -> Network:
    content = path.read_bytes()
    model = qe.load(content)
    pairs = []
    for name, peer in runtimes(content, threads).items():
        profile = PROFILES[name]
        ours = qe.Interpreter(model=model, profile=profile, num_threads=threads)
        ours.allocate_tensors()
        calls = {"ours": whole_call(ours), "theirs": whole_call(peer)}
        equal = same(calls["ours"](), calls["theirs"]())
        laps = alternate(calls, seconds)
        medians = {key: statistics.median(values) for key, values in laps.items()}
        spread = (max(laps["ours"]) - min(laps["ours"])) / medians["ours"]
        found = ratio(laps["ours"], laps["theirs"])
        pairs.append(Pair(profile.value, name, medians["ours"] * 1e6, medians["theirs"] * 1e6, found, spread, equal))
    return Network(path.name, kind_of(model), len(content), tuple(pairs))


def corpus(folder: Path) -> Iterator[Path]:
    """The trained networks, without those that need minutes a call."""
    listed = json.loads((folder / "real" / "manifest.json").read_text(encoding="utf-8"))["models"]
    for entry in listed:
        runs = entry["run"]["default"]["status"] == "ok"
        if entry.get("kind") == "network" and runs and not entry.get("huge"):
            yield folder / "real" / entry["file"]


def means(networks: Sequence[Network]) -> dict[str, dict[str, float]]:
    """Geometric means of the ratios: by kernel set, then by kind of network, tiny ones apart."""
    gathered: dict[str, dict[str, list[float]]] = {name: {} for name in KERNEL_SETS}
    for network in networks:
        fastest = min((pair.theirs for pair in network.pairs), default=math.inf)
        kind = "tiny" if fastest < TINY * 1e6 else network.kind
        for pair in network.pairs:
            gathered[pair.kernel_set].setdefault(kind, []).append(pair.ratio if pair.equal else math.inf)
    return {
        name: {kind: statistics.geometric_mean(ratios) for kind, ratios in sorted(kinds.items())}
        for name, kinds in gathered.items()
    }


def show(network: Network) -> None:
    for pair in network.pairs:
        equal = "" if pair.equal else "  OUTPUTS DIFFER"
        print(
            f"{network.model:52s} {network.kind:28s} {pair.kernel_set:12s} {pair.ours:10.1f} us, "
            f"runtime {pair.theirs:10.1f} us, ratio {pair.ratio:5.2f}, spread {pair.spread:4.0%}{equal}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL")
    parser.add_argument(
        "--models", dest="folder", type=Path, default=os.environ.get("QENGINE_MODELS", "../shared/models")
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="measured time for each engine and model")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    paths = options.models or list(corpus(Path(options.folder)))
    facts = about(options.threads)
    if not options.json:
        print(", ".join(f"{key} {value}" for key, value in facts.items()))
    networks = []
    for path in paths:
        try:
            networks.append(measure(path, options.threads, options.seconds))
        except (RuntimeError, ValueError) as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            continue
        if not options.json:
            show(networks[-1])
    found: Mapping[str, Mapping[str, float]] = means(networks)
    if options.json:
        print(json.dumps({"about": facts, "means": found, "networks": [asdict(n) for n in networks]}, indent=1))
        return
    for name, kinds in found.items():
        listed = ", ".join(f"{kind} {mean:.2f}" for kind, mean in kinds.items())
        print(f"geometric means against {name}: {listed}")


if __name__ == "__main__":
    main()
