"""Whole calls of models (inputs in, invoke, outputs out), side by side with the real runtime's three kernel sets.

    python benchmarks/bench_models.py [MODEL ...] [--models FOLDER] [--threads 1] [--seconds 0.5] [--json]

Without MODEL: the trained networks of the model corpus (FOLDER, else the environment variable QENGINE_MODELS, else
../shared/models). Each of qengine's profiles is held against the kernel set whose rules it has, and against onnxruntime
where that is installed (see `peers`). Ratios are gathered by what the activations are; networks that the runtime runs
in under 5 microseconds are gathered apart, for there only calling counts.

What the numbers don't mean: inputs are random, which matters to no kernel here, but caches are warm and the machine
does nothing else; absolute times drift by half from minute to minute, ratios much less; a ratio from one processor says
little of another with other vectors. onnxruntime's twin has the same layers and shapes, but rounds by its own rules.
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

from peers import ONNX, Pair, about, pairs

import qengine as qe
from qengine.latency import KERNEL_SETS

TINY = 5e-6
"""Seconds below which the runtime's call is mostly calling."""


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


def measure(path: Path, threads: int, seconds: float) -> Network:
    content = path.read_bytes()
    return Network(path.name, kind_of(qe.load(content)), len(content), pairs(content, threads, seconds))


def corpus(folder: Path) -> Iterator[Path]:
    """The trained networks, without those that need minutes a call."""
    listed = json.loads((folder / "real" / "manifest.json").read_text(encoding="utf-8"))["models"]
    for entry in listed:
        runs = entry["run"]["default"]["status"] == "ok"
        if entry.get("kind") == "network" and runs and not entry.get("huge"):
            yield folder / "real" / entry["file"]


def means(networks: Sequence[Network]) -> dict[str, dict[str, float]]:
    """Geometric means of the ratios: by peer, then by kind of network, tiny ones apart. Outputs that differ count as
    infinitely slow."""
    gathered: dict[str, dict[str, list[float]]] = {name: {} for name in (*KERNEL_SETS, ONNX)}
    for network in networks:
        fastest = min((pair.theirs for pair in network.pairs if pair.peer != ONNX), default=math.inf)
        kind = "tiny" if fastest < TINY * 1e6 else network.kind
        for pair in network.pairs:
            gathered[pair.peer].setdefault(kind, []).append(math.inf if pair.equal is False else pair.ratio)
    return {
        name: {kind: statistics.geometric_mean(ratios) for kind, ratios in sorted(kinds.items())}
        for name, kinds in gathered.items()
    }


def show(network: Network) -> None:
    for pair in network.pairs:
        print(f"{network.model:52s} {network.kind:28s} {pair}", flush=True)


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
