"""Training measured: digits, keyword spotting, and the time of a step beside PyTorch's.

    python benchmarks/bench_training.py [digits kws step] [--models FOLDER] [--torch PYTHON] [--json]

kws and step need the model corpus (FOLDER, else the environment variable QENGINE_MODELS, else ../shared/models).
--torch names a Python that has PyTorch, if this one hasn't; without either its columns stay empty.

digits  a convolutional network from random weights, fine-tuned with labels for int8 and for weights of 4 and 3 bits:
        right answers of 599 test images, from the runtime where ai-edge-litert is installed; mean of 5 seeds
kws     keyword spotting at the highest width of weights where post-training quantization loses 5 points: label-free
        fine-tuning on 250 samples, judged on the other 250; 5 splits
step    a step of the keyword spotter (32 samples: forward, backward, Adam), float with labels and fake-quantized for
        int8 with what its teacher said (asked once, before the first step), beside PyTorch's of the same float network
        with labels in both of its memory formats, in turns, 2 threads

What the numbers don't mean: a step says nothing of large networks, nor of processors with other vector units. A single
answer moves accuracies by 0.17 points (599 images) or 0.4 (250 samples).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

if "step" in sys.argv[1:] or not {"digits", "kws"} & set(sys.argv[1:]):
    os.environ.setdefault("OMP_NUM_THREADS", "2")  # before numpy reads it

import numpy as np
from numpy.typing import NDArray

import qengine as qe
from qengine.digits import load_digits
from qengine.ops import find
from qengine.options import Padding
from qengine.train.data import data_of
from qengine.train.finetune import FINE
from qengine.train.losses import Distillation
from qengine.train.network import Network
from qengine.train.trainer import Trainer

try:
    from ai_edge_litert.interpreter import Interpreter as Runtime
except ModuleNotFoundError:
    Runtime = None  # type: ignore[assignment, misc]

Array = NDArray[Any]
SEEDS = 5
ENDS = {"input_type": "float32", "output_type": "float32"}


def op(name: str, **options: Any) -> Any:
    found = find(name)
    assert found is not None
    return found(**options)


# --- running


def answers(model: qe.Model, inputs: Array) -> Array:
    """The first output for each input, from the runtime where it is installed, else from qengine."""
    make = qe.Interpreter if Runtime is None else Runtime
    interpreter: Any = make(model_content=qe.to_bytes(model))
    entry, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(entry["index"], inputs.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(entry["index"], inputs)
    interpreter.invoke()
    return np.array(interpreter.get_tensor(result["index"]))


def scores(model: qe.Model, inputs: Array) -> Array:
    """What the softmax gets, as real numbers."""
    graph = model.graphs[0]
    softmax = next(node for node in graph.nodes if node.op.name == "SOFTMAX")
    index = softmax.inputs[0]
    before = tuple(node for node in graph.nodes if node is not softmax and softmax.outputs[0] not in node.inputs)
    cut = replace(model, graphs=(replace(graph, nodes=before, outputs=(index,)),), signatures=None)
    found = answers(cut, inputs)
    q = graph.tensors[index].quantization
    if found.dtype.kind == "f" or q is None:
        return found
    return qe.affine.dequantize(found, float(q.scale[0]), int(q.zero_point[0]))


def spread(values: list[float]) -> dict[str, float]:
    return {
        "mean": round(float(np.mean(values)), 4),
        "least": round(float(np.min(values)), 4),
        "greatest": round(float(np.max(values)), 4),
        "deviation": round(float(np.std(values)), 4),
    }


# --- digits


def classifier(seed: int) -> qe.Model:
    """(n 8 8 1) -> (n 10): three convolutions with batch normalization, dropout, one dense layer; random weights."""
    rng = np.random.default_rng(seed)
    b = qe.Builder("digits")
    y = b.input("image", (1, 8, 8, 1), shape_signature=(-1, 8, 8, 1))
    for filters, stride in ((16, 1), (32, 2), (32, 2)):
        conv = op("CONV_2D", padding=Padding.SAME, stride_w=stride, stride_h=stride)
        weights = qe.he_normal(rng, (filters, 3, 3, y.shape[3]))
        y = b.add(conv, [y, weights, np.zeros(filters, np.float32)])
        start = [np.full(filters, value, np.float32) for value in (1, 0, 0, 1)]
        y = b.add(op("RELU"), [b.add(qe.BatchNormalization(), [y, *start])])
    y = b.add(qe.Dropout(0.3), [b.add(op("RESHAPE"), [y, np.array([-1, 128], np.int32)])])
    dense = [y, qe.glorot_uniform(rng, (10, 128)), np.zeros(10, np.float32)]
    return b.model([b.add(op("SOFTMAX", beta=1.0), [b.add(op("FULLY_CONNECTED"), dense)])])


def measure_digits() -> dict[str, Any]:
    train, test = load_digits()
    rows: dict[str, list[float]] = {}
    differing: list[int] = []

    def note(name: str, model: qe.Model) -> None:
        right = float((answers(model, test.images).argmax(axis=1) == test.labels).mean())
        rows.setdefault(name, []).append(100 * right)

    for seed in range(SEEDS):
        labels = train.labels.astype(np.int64)
        network = qe.fit(classifier(seed), train.images, labels, epochs=20, optimizer=qe.Adam(3e-3), seed=seed).model
        note("float", network)
        for title, recipe, bits in (("8", "static_wi8_ai8", 0), ("4", "static_wi4_ai8", 0), ("3", "static_wi4_ai8", 3)):
            changes = ENDS | ({"weight_bits": bits} if bits else {})
            note(f"{title} bits, quantized", qe.quantize(network, recipe, train.images, measure=0, **changes).model)
            made = qe.finetune(network, recipe, train.images, labels, seed=seed, measure=0, **changes)
            note(f"{title} bits, fine-tuned", made.model)
            fake, exact = made.forward(test.images)[0], answers(made.model, test.images)
            differing.append(int((fake.argmax(axis=1) != exact.argmax(axis=1)).sum()))
    found: dict[str, Any] = {name: spread(values) for name, values in rows.items()}
    found["labels that differ between training's forward pass and the file's, at most"] = max(differing)
    return found


# --- keyword spotting


def keywords(models: Path) -> tuple[qe.Model, Array, Array]:
    """The float network, its samples and their labels."""
    with np.load(models / "kws01.npz") as stored:
        x = (stored["x"].astype(np.float32) - 83) * np.float32(0.584702909)
        labels = stored["y"]
    file = models / "real" / "mlcommons_tiny" / "kws_ref_model_float32.tflite"
    return qe.dequantize_model(qe.load(file)), x, labels


def measure_kws(models: Path) -> dict[str, Any]:
    network, x, labels = keywords(models)
    wanted, wanted_scores = answers(network, x), scores(network, x)

    def judged(model: qe.Model, at: Array) -> dict[str, float]:
        got = answers(model, x[at])
        return {
            "accuracy": 100 * float((got.argmax(axis=1) == labels[at]).mean()),
            "probabilities": float(np.square(got - wanted[at]).mean()),
            "logits": float(np.square(scores(model, x[at]) - wanted_scores[at]).mean()),
        }

    found: dict[str, Any] = {}
    for bits in (4, 3, 2):
        rows: list[dict[str, float]] = []
        for seed in range(SEEDS):
            order = np.random.default_rng(seed).permutation(len(x))
            mine, rest = order[:250], order[250:]
            changes = ENDS | {"weight_bits": bits}
            before = judged(qe.quantize(network, "static_wi4_ai8", x[mine], measure=0, **changes).model, rest)
            start = time.perf_counter()
            made = qe.finetune(network, "static_wi4_ai8", x[mine], seed=seed, measure=0, **changes)
            seconds = time.perf_counter() - start
            after = judged(made.model, rest)
            of_float = 100 * float((wanted[rest].argmax(axis=1) == labels[rest]).mean())
            rows.append(
                {
                    "float": of_float,
                    "quantized": before["accuracy"],
                    "fine-tuned": after["accuracy"],
                    "lost": of_float - before["accuracy"],
                    "recovered": (after["accuracy"] - before["accuracy"]) / max(of_float - before["accuracy"], 1e-9),
                    "error of probabilities, after / before": after["probabilities"] / before["probabilities"],
                    "error of logits, after / before": after["logits"] / before["logits"],
                    "seconds": seconds,
                }
            )
        found[f"{bits} bits"] = {key: spread([row[key] for row in rows]) for key in rows[0]}
        if found[f"{bits} bits"]["lost"]["mean"] >= 5:
            break
    return found


# --- the time of a step

TORCH = """
import json, sys, time
import torch
from torch import nn
from torch.nn import functional as F
torch.set_num_threads(2)

class Spotter(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 64, (10, 4), 2)
        self.deep = nn.ModuleList([nn.Conv2d(64, 64, 3, padding=1, groups=64) for _ in range(4)])
        self.point = nn.ModuleList([nn.Conv2d(64, 64, 1) for _ in range(4)])
        self.last = nn.Linear(64, 12)
    def forward(self, x):
        x = F.relu(self.first(F.pad(x, (1, 1, 4, 5))))
        for deep, point in zip(self.deep, self.point):
            x = F.relu(point(F.relu(deep(x))))
        return self.last(x.mean((2, 3)))

def stepper(form):
    model = Spotter().to(memory_format=form)
    optimizer = torch.optim.Adam(model.parameters(), 1e-4)
    x = torch.randn(32, 1, 49, 10).contiguous(memory_format=form)
    y = torch.randint(0, 12, (32,))
    def step():
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return step

steps = {"contiguous": stepper(torch.contiguous_format), "channels last": stepper(torch.channels_last)}
print(json.dumps({"version": torch.__version__}), flush=True)
for line in sys.stdin:
    step, count = steps[line.split(":")[0]], int(line.split(":")[1])
    times = []
    for _ in range(count):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    print(json.dumps(times), flush=True)
"""


class Torch:
    """PyTorch in a process of its own, told to take steps."""

    def __init__(self, python: str) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen([python, "-c", TORCH], text=True, **pipes)  # type: ignore[call-overload]
        line = self._process.stdout.readline()
        self.version = json.loads(line)["version"] if line else None

    def times(self, form: str, count: int) -> list[float]:
        self._process.stdin.write(f"{form}:{count}\n")
        self._process.stdin.flush()
        found: list[float] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def measure_step(models: Path, python: str | None, rounds: int = 6, count: int = 10) -> dict[str, Any]:
    """Medians of all steps of all rounds, in milliseconds. Each round takes its turns with each."""
    network, x, labels = keywords(models)
    made = qe.finetune(network, "static_wi8_ai8", x[:64], epochs=0, measure=0, validation=0)
    plain = Network(made.network.model)
    trainers = {
        "float": Trainer(plain, qe.CrossEntropy(), FINE),
        "fake-quantized": Trainer(made.network, Distillation(), FINE, teacher=Network(made.network.model)),
    }
    turns: dict[str, Callable[[int], list[float]]] = {}
    for name, trainer in trainers.items():
        own = data_of(made.network.model, x[:32], labels[:32].astype(np.int64) if name == "float" else None)
        trainer.objective.remember(own, 32)
        batch = next(iter(own.batches(32)))
        turns[f"ours, {name}"] = lambda n, trainer=trainer, batch=batch: stepped(trainer, batch, n)
    torch = Torch(python or sys.executable)
    if torch.version is not None:
        for form in ("contiguous", "channels last"):
            turns[f"PyTorch, {form}"] = lambda n, form=form: torch.times(form, n)
    times: dict[str, list[float]] = {name: [] for name in turns}
    for turn in turns.values():
        turn(5)
    for _ in range(rounds):
        for name, turn in turns.items():
            times[name] += turn(count)
    torch.close()
    found: dict[str, Any] = {"PyTorch": torch.version, "threads": 2}
    for name, values in times.items():
        low, _, high = statistics.quantiles(values, n=4)
        found[name] = {"median ms": round(1e3 * statistics.median(values), 2), "quartiles": [1e3 * low, 1e3 * high]}
    for name in times:
        if name.startswith("PyTorch"):
            for mine in trainers:
                ratio = statistics.median(times[f"ours, {mine}"]) / statistics.median(times[name])
                found[f"ours, {mine} / {name}"] = round(ratio, 2)
    return found


def stepped(trainer: Trainer, batch: Any, count: int) -> list[float]:
    times = []
    for _ in range(count):
        start = time.perf_counter()
        trainer.learn(batch, 1e-4)
        times.append(time.perf_counter() - start)
    return times


# --- the command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], "digits", "kws", "step"], default=[])
    parser.add_argument("--models", type=Path, default=Path(os.environ.get("QENGINE_MODELS", "../shared/models")))
    parser.add_argument("--torch", help="a Python that has PyTorch")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    results: dict[str, Any] = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "qengine": qe.__version__,
        "answers from": "qengine" if Runtime is None else "ai-edge-litert",
        "date": datetime.date.today().isoformat(),
    }
    for part in given.parts or ["step", "digits", "kws"]:
        start = time.perf_counter()
        if part == "digits":
            results[part] = measure_digits()
        elif part == "kws":
            results[part] = measure_kws(given.models)
        else:
            results[part] = measure_step(given.models, given.torch)
        results[f"{part} seconds"] = round(time.perf_counter() - start, 1)
        if not given.json:
            print(f"== {part}")
            for key, value in results[part].items():
                print(f"  {key}: {value}")
    if given.json:
        print(json.dumps(results, indent=1))
    else:
        print({key: value for key, value in results.items() if not isinstance(value, dict)})


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
