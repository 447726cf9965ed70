"""Post-training quantization measured: accuracy kept, error against peers, agreement with the runtime, time and memory.

    python benchmarks/bench_ptq.py [kws pairs parity large] [--models FOLDER] [--peer PYTHON] [--json]

Needs ai-edge-litert and the model corpus (FOLDER, else the environment variable QENGINE_MODELS, else ../shared/models).
--peer names a Python that has ai-edge-quantizer, if this one hasn't; without either its columns stay empty.

kws     keyword spotting: calibrated on 100 unlabelled samples, judged by the other 400 labels; mean of 5 draws
pairs   published float and int8 files: SQNR against float of ours, the published file and ai-edge-quantizer's,
        calibrated on one synthetic distribution, measured on two others, before the softmax and at the output
parity  every float network and scheme: loads and runs in the runtime, outputs equal to ours in each kernel set (an
        operator without an integer kernel, the LSTM in 16 bits, stays float)
large   MobileNetV2 224, 100 samples: seconds and peak memory

What the numbers don't mean: synthetic inputs are not natural ones, so SQNR ranks files but predicts no accuracy.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter as Runtime
from ai_edge_litert.interpreter import OpResolverType
from numpy.typing import NDArray

import qengine as qe
from qengine.ptq.recipe import SCHEMES
from qengine.samples import fed

Array = NDArray[Any]

KERNEL_SETS = {
    "xnnpack": OpResolverType.AUTO,
    "optimized": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "reference": OpResolverType.BUILTIN_REF,
}
PAIRS = {
    "image classification": ("mlcommons_tiny/pretrainedResnet", "mlcommons_tiny/pretrainedResnet_quant"),
    "visual wake words": ("mlcommons_tiny/vww_96_float", "mlcommons_tiny/vww_96_int8"),
    "ToyCar autoencoder": ("mlcommons_tiny/ad01_fp32", "mlcommons_tiny/ad01_int8"),
}
FLOAT_NETWORKS = (
    "ai_edge_quantizer/conv_fc_mnist",
    "mlcommons_tiny/ad01_fp32",
    "mlcommons_tiny/pretrainedResnet",
    "mlcommons_tiny/vww_96_float",
    "tflite_micro/hello_world_float",
    "tflite_micro/trained_lstm",
)
PAIR_SCHEMES = ("static_wi8_ai8", "static_wi8_ai16", "dynamic_wi8_afp32", "float16")

# --- inputs


def uniform(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Independent values, evenly in [0, 1]."""
    return rng.random(shape)


def smooth(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Noise with a random falling spectrum along every axis but the last of images, stretched to [0, 1]."""
    axes = tuple(range(len(shape) - 1)) if len(shape) == 3 else tuple(range(len(shape)))
    spectrum = np.fft.fftn(rng.normal(size=shape), axes=axes)
    steepness = rng.uniform(0.8, 2.0)
    grids = np.meshgrid(*(np.fft.fftfreq(shape[axis]) * shape[axis] for axis in axes), indexing="ij")
    distance = np.sqrt(sum(grid**2 for grid in grids))
    weight = 1 / np.maximum(distance, 1) ** steepness
    field = np.fft.ifftn(spectrum * (weight[..., None] if len(shape) == 3 else weight), axes=axes).real
    low, high = np.percentile(field, [0.5, 99.5])
    return np.clip((field - low) / max(high - low, 1e-9), 0, 1)


def patches(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Flat rectangles of random brightness on a gradient, with a little noise: edges and even areas."""
    ramp = np.linspace(rng.random(), rng.random(), shape[0])
    field = np.broadcast_to(ramp.reshape(-1, *[1] * (len(shape) - 1)), shape).copy()
    for _ in range(6):
        where = []
        for length in shape[: 2 if len(shape) == 3 else 1]:
            start, stop = sorted(rng.integers(0, length + 1, 2))
            where.append(slice(start, stop))
        field[tuple(where)] = rng.random(shape[2:] if len(shape) == 3 else ())
    return np.clip(field + rng.normal(size=shape) * 0.03, 0, 1)


DISTRIBUTIONS: dict[str, Callable[[tuple[int, ...], np.random.Generator], Array]] = {
    "smooth": smooth,
    "uniform": uniform,
    "patches": patches,
}


def draw(name: str, count: int, shape: tuple[int, ...], low: float, high: float, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    return np.stack([low + (high - low) * DISTRIBUTIONS[name](shape, rng) for _ in range(count)]).astype(np.float32)


# --- running


def run(model: qe.Model, inputs: Array, kernels: str = "xnnpack", *, ours: bool = False) -> list[Array]:
    """The first output for each input, dequantized, from the runtime or from qengine."""
    blob = qe.to_bytes(model)
    if ours:
        interpreter: Any = qe.Interpreter(model_content=blob, profile=kernels)
    else:
        interpreter = Runtime(model_content=blob, experimental_op_resolver_type=KERNEL_SETS[kernels], num_threads=1)
    interpreter.allocate_tensors()
    entry, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    tensor = model.graphs[0].tensors[model.graphs[0].inputs[0]]
    outputs = []
    for x in inputs:
        interpreter.reset_all_variables()
        interpreter.set_tensor(entry["index"], fed(tensor, x[None]))
        interpreter.invoke()
        outputs.append(np.array(interpreter.get_tensor(result["index"])))
    return outputs


def real(model: qe.Model, outputs: list[Array]) -> Array:
    tensor = model.graphs[0].tensors[model.graphs[0].outputs[0]]
    q = tensor.quantization
    stacked = np.stack(outputs)
    if q is None or q.scale is None or stacked.dtype.kind == "f":
        return stacked.astype(np.float64)
    return qe.affine.dequantize(stacked, float(q.scale[0]), int(q.zero_point[0])).astype(np.float64)


def before_softmax(model: qe.Model) -> qe.Model | None:
    """The model cut at its softmax's input; None where it has none."""
    graph = model.graphs[0]
    softmax = next((node for node in graph.nodes if node.op.name == "SOFTMAX"), None)
    if softmax is None:
        return None
    nodes = tuple(node for node in graph.nodes if node is not softmax and softmax.outputs[0] not in node.inputs)
    return replace(model, graphs=(replace(graph, nodes=nodes, outputs=(softmax.inputs[0],)),), signatures=None)


def decibel(want: Array, got: Array) -> float:
    noise = float(np.sum((want - got) ** 2))
    return float("inf") if noise == 0 else 10 * float(np.log10(np.sum(want**2) / noise))


# --- the peer

PEER = """
import sys, numpy as np
from ai_edge_quantizer import quantizer, recipe
model, data, name, out = sys.argv[1:5]
made = quantizer.Quantizer(model, getattr(recipe, name)())
samples = np.load(data)
key = str(samples["key"])
argument = str(samples["argument"])
result = None
if made.need_calibration:
    result = made.calibrate({key: [{argument: x[None]} for x in samples["x"]]}, num_threads=1)
made.quantize(result, serialize_to_path=out)
"""


def peer_quantizes(python: str | None, model: qe.Model, recipe: str, samples: Array) -> qe.Model | str:
    """What ai-edge-quantizer makes of a model (given a signature first), or why it doesn't."""
    graph = model.graphs[0]
    names = [[(f"arg{n}", i) for n, i in enumerate(part)] for part in (graph.inputs, graph.outputs)]
    signed = replace(model, signatures=(make_signature("serving_default", *map(tuple, names)),))
    with tempfile.TemporaryDirectory() as folder:
        path, data, out = (os.path.join(folder, name) for name in ("m.tflite", "x.npz", "q.tflite"))
        qe.save(signed, path)
        np.savez(data, x=samples, key="serving_default", argument="arg0")
        done = subprocess.run(
            [python or sys.executable, "-c", PEER, path, data, recipe, out], capture_output=True, text=True, check=False
        )
        if done.returncode:
            lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
            return lines[-1][:200] if lines else "failed"
        return qe.load(Path(out).read_bytes())


def make_signature(key: str, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> Any:
    from qengine.model import Signature

    return Signature(key, inputs, outputs)


# --- the measurements


def measure_kws(models: Path, draws: int = 5) -> dict[str, Any]:
    with np.load(models / "kws01.npz") as stored:
        x = (stored["x"].astype(np.float32) - 83) * np.float32(0.584702909)
        labels = stored["y"]
    base = models / "real" / "mlcommons_tiny"
    teacher = qe.dequantize_model(qe.load(base / "kws_ref_model_float32.tflite"))
    published = qe.load(base / "kws_ref_model.tflite")

    def top(model: qe.Model, at: Array) -> Array:
        return np.array([int(output.argmax()) for output in run(model, x[at])])

    rows: dict[str, list[dict[str, float]]] = {}
    for seed in range(draws):
        order = np.random.default_rng(seed).permutation(len(x))
        chosen, rest = order[:100], order[100:]
        float_top = top(teacher, rest)
        results = {"float": float_top, "published int8": top(published, rest)}
        for scheme in ("static_wi8_ai8", "static_wi8_ai16", "float16", "weight_only_wi8_afp32", "dynamic_wi8_afp32"):
            results[scheme] = top(qe.quantize(teacher, scheme, x[chosen], measure=0).model, rest)
        for name, got in results.items():
            right = int((got == labels[rest]).sum())
            agree = float((got == float_top).mean())
            rows.setdefault(name, []).append(
                {"right": right, "agreement": agree, "differs": float((got != float_top).sum())}
            )
    return {
        name: {key: spread([row[key] for row in part]) for key in ("right", "agreement", "differs")}
        for name, part in rows.items()
    }


def spread(values: list[float]) -> dict[str, float]:
    return {"mean": float(np.mean(values)), "least": float(np.min(values)), "greatest": float(np.max(values))}


def measure_pairs(models: Path, peer: str | None, calibrate_on: str = "uniform", count: int = 100) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (float_file, int8_file) in PAIRS.items():
        model = qe.load(models / "real" / f"{float_file}.tflite")
        published = qe.load(models / "real" / f"{int8_file}.tflite")
        entry = published.graphs[0].tensors[published.graphs[0].inputs[0]]
        scale, point = float(entry.quantization.scale[0]), int(entry.quantization.zero_point[0])
        low, high = (-128 - point) * scale, (127 - point) * scale
        shape = entry.shape[1:]
        samples = draw(calibrate_on, count, shape, low, high, 1)
        files: dict[str, qe.Model | str] = {"published int8": published}
        for scheme in PAIR_SCHEMES:
            files[f"ours {scheme}"] = qe.quantize(model, scheme, samples, measure=0).model
        cut_tails = qe.quantize(model, PAIR_SCHEMES[0], samples, measure=0, observer="percentile")
        files[f"ours {PAIR_SCHEMES[0]}, percentile"] = cut_tails.model
        for scheme in PAIR_SCHEMES[:3]:
            files[f"peer {scheme}"] = peer_quantizes(peer, model, scheme, samples)
        others = [other for other in DISTRIBUTIONS if other != calibrate_on]
        found[name] = {"peer on the published file": peer_quantizes_as_is(peer, model, samples)}
        for other in others:
            inputs = draw(other, 50, shape, low, high, 2)
            for place, cut in (("before softmax", before_softmax), ("output", lambda m: m)):
                reference = cut(model)
                if reference is None:
                    continue
                want = real(reference, run(reference, inputs))
                row: dict[str, Any] = {}
                for title, file in files.items():
                    if isinstance(file, str):
                        row[title] = file
                        continue
                    part = cut(file)
                    row[title] = round(decibel(want, real(part, run(part, inputs))), 2)
                found[name][f"{other}, {place}"] = row
    found["worst margin, dB"] = margins(found)
    return found


def margins(found: dict[str, Any]) -> dict[str, Any]:
    """For each kind of our files the least, over all rows, by which it is above the published file and the peer's."""
    worst: dict[str, Any] = {}
    rows = [row for part in found.values() for row in part.values() if isinstance(row, dict)]
    for row in rows:
        for title, ours in row.items():
            if not title.startswith("ours"):
                continue
            peer = row.get("peer " + title[5:].partition(",")[0])
            for against, other in (("published int8", row["published int8"]), ("peer", peer)):
                if isinstance(other, float):
                    key = f"{title} - {against}"
                    worst[key] = round(min(worst.get(key, np.inf), ours - other), 2)
    return worst


def peer_quantizes_as_is(peer: str | None, model: qe.Model, samples: Array) -> str:
    """Whether ai-edge-quantizer can calibrate the file as it was published (without a signature)."""
    with tempfile.TemporaryDirectory() as folder:
        path, data, out = (os.path.join(folder, name) for name in ("m.tflite", "x.npz", "q.tflite"))
        qe.save(model, path)
        np.savez(data, x=samples[:2], key="serving_default", argument="arg0")
        done = subprocess.run(
            [peer or sys.executable, "-c", PEER, path, data, "static_wi8_ai8", out],
            capture_output=True,
            text=True,
            check=False,
        )
    lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
    return "works" if done.returncode == 0 else lines[-1][:160]


def networks(models: Path) -> Iterator[tuple[str, qe.Model, float, float]]:
    """Float networks with the range that their inputs have."""
    for name in FLOAT_NETWORKS:
        low, high = {"mlcommons_tiny/pretrainedResnet": (0, 255), "mlcommons_tiny/ad01_fp32": (-30, 30)}.get(
            name, (0, 1)
        )
        yield name, qe.load(models / "real" / f"{name}.tflite"), low, high
    kws = qe.load(models / "real" / "mlcommons_tiny" / "kws_ref_model_float32.tflite")
    yield "mlcommons_tiny/kws_ref_model_float32 (dequantized)", qe.dequantize_model(kws), -120, 30


def measure_parity(models: Path, count: int = 8) -> list[dict[str, Any]]:
    rows = []
    schemes = [(name, name, {}) for name in SCHEMES if name != "float"]
    schemes += [
        ("static_wi8_ai8, int8 ends", "static_wi8_ai8", {"input_type": "int8", "output_type": "int8"}),
        ("static_wi8_ai8, uint8 ends", "static_wi8_ai8", {"input_type": "uint8", "output_type": "uint8"}),
        ("static_wi8_ai8, tensorwise", "static_wi8_ai8", {"granularity": "tensorwise"}),
        ("dynamic_wi8_afp32, blocks of 32", "dynamic_wi8_afp32", {"granularity": "blockwise"}),
        ("dynamic_wi4_afp32, blocks of 32", "dynamic_wi4_afp32", {"granularity": "blockwise"}),
    ]
    for name, model, low, high in networks(models):
        graph = model.graphs[0]
        shape = graph.tensors[graph.inputs[0]].shape[1:]
        samples = draw("uniform", 20, shape, low, high, 3)
        inputs = draw("uniform", count, shape, low, high, 4)
        for title, scheme, changes in schemes:
            row: dict[str, Any] = {"network": name, "scheme": title}
            try:
                made = qe.quantize(model, scheme, samples, measure=0, unquantizable="float", **changes).model
                row["bytes"] = len(qe.to_bytes(made))
            except (ValueError, RuntimeError) as error:
                rows.append(row | {"error": str(error)[:200]})
                continue
            for kernels in KERNEL_SETS:
                row[kernels] = agreement(made, inputs, kernels)
            rows.append(row)
    return rows


def agreement(model: qe.Model, inputs: Array, kernels: str) -> dict[str, Any]:
    try:
        want = np.stack(run(model, inputs, kernels))
    except (ValueError, RuntimeError) as error:
        return {"runtime refuses": str(error)[:200]}
    got = np.stack(run(model, inputs, kernels, ours=True))
    if want.dtype.kind != "f":
        return {"equal": bool((want == got).all()), "worst": int(np.abs(want.astype(int) - got.astype(int)).max())}
    span = float(np.abs(want).max())
    off = np.abs(want - got) / max(span, 1e-30)
    return {"within 1e-4": float((off <= 1e-4).mean()), "worst": float(off.max())}


def measure_large(models: Path, count: int = 100) -> dict[str, Any]:
    """In a process of its own, so that the peak is this job's alone."""
    code = (
        "import json, resource, sys, time, numpy as np, qengine as qe\n"
        "m = qe.dequantize_model(qe.load(sys.argv[1]))\n"
        "x = np.random.default_rng(0).random((int(sys.argv[2]), 224, 224, 3), np.float32) * 2 - 1\n"
        "start = time.perf_counter(); q = qe.quantize(m, 'static_wi8_ai8', x)\n"
        "seconds = time.perf_counter() - start\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "print(json.dumps({'seconds': seconds, 'peak MB': peak, 'samples MB': x.nbytes / 2**20}))\n"
    )
    path = models / "real" / "coral" / "tf2_mobilenet_v2_1.0_224_ptq.tflite"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(count)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], "kws", "pairs", "parity", "large"], default=[])
    parser.add_argument("--models", type=Path, default=Path(os.environ.get("QENGINE_MODELS", "../shared/models")))
    parser.add_argument("--peer")
    parser.add_argument("--calibrate-on", choices=sorted(DISTRIBUTIONS), default="uniform")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    parts = given.parts or ["kws", "pairs", "parity", "large"]
    results: dict[str, Any] = {
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "date": datetime.date.today().isoformat(),
    }
    for part in parts:
        start = time.perf_counter()
        if part == "kws":
            results[part] = measure_kws(given.models)
        elif part == "pairs":
            results[part] = measure_pairs(given.models, given.peer, given.calibrate_on)
        elif part == "parity":
            results[part] = measure_parity(given.models)
        else:
            results[part] = measure_large(given.models)
        results[f"{part} seconds"] = round(time.perf_counter() - start, 1)
        if not given.json:
            show(part, results[part])
    results["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if given.json:
        print(json.dumps(results, indent=1))


def show(part: str, content: Any) -> None:
    print(f"== {part}")
    if isinstance(content, list):
        for row in content:
            print("  " + ", ".join(f"{key}: {value}" for key, value in row.items()))
        return
    for key, value in content.items():
        if isinstance(value, dict) and part == "pairs":
            print(f"  {key}")
            for title, cell in value.items():
                print(f"    {title}: {cell}")
        else:
            print(f"  {key}: {value}")


if __name__ == "__main__":
    main()
