"""Autoencoders of handwritten digits measured: what a code of few bits costs, and what is told by the error.

    python benchmarks/bench_autoencoder.py [dense convolutional anomalies] [--seeds N] [--json]

dense, convolutional  mean squared error over 599 test images (grey levels from 0 to 1), a code of 8 numbers of 8 to 1
           bits: quantized after training, and trained with quantization in the loop, over that of the float network.
           The float network is trained as many epochs more as those with quantization in the loop, else these would
           gain from the epochs alone. `int4`: weights of 4 bits besides, the code of 8.
anomalies  each digit in turn is what is usual: trained on it alone, the error tells it from the nine others among the
           test images. The area under the curve, mean and least of the ten digits, in float and with codes of 4 numbers
           of 8 and 4 bits.

What the numbers don't mean: 8 x 8 images compress easily, and digits differ more than a machine's sounds do.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy reads it

import numpy as np

import qengine as qe
from qengine.digits import load_digits
from qengine.train.autoencoder import (
    area_under_curve,
    code_recipe,
    convolutional_autoencoder,
    dense_autoencoder,
    reconstruction_errors,
)

KINDS: dict[str, Callable[..., qe.Model]] = {"dense": dense_autoencoder, "convolutional": convolutional_autoencoder}
PARTS = (*KINDS, "anomalies")
RECIPES = {**{f"{bits} bits": (bits, "static_wi8_ai8") for bits in (8, 6, 4, 3, 2, 1)}, "int4": (8, "static_wi4_ai8")}
EPOCHS, MORE = 40, 10


def measure_kind(kind: str, seeds: int) -> dict[str, Any]:
    """Errors over the float network's, the mean over the seeds, with their spread."""
    train, test = (part.images / 16 for part in load_digits())
    rows: dict[str, list[float]] = {"float": []}
    for seed in range(seeds):
        how: dict[str, Any] = {"optimizer": qe.Adam(2e-3), "epochs": MORE, "seed": seed, "validation": 0}
        first = qe.fit(
            KINDS[kind]((8, 8, 1), 8, seed=seed), train, train, epochs=EPOCHS, optimizer=qe.Adam(5e-3), seed=seed
        )
        real = qe.fit(first.model, train, train, **how | {"validation": None}).model
        error = float(reconstruction_errors(real, test).mean())
        rows["float"].append(error)
        for name, (bits, scheme) in RECIPES.items():
            recipe = code_recipe(bits, scheme)
            after = qe.quantize(real, recipe, train[:200], measure=0).model
            aware = qe.finetune(first.model, recipe, train, train, measure=0, **how).model
            for way, model in (("after", after), ("trained", aware)):
                ratio = float(reconstruction_errors(model, test).mean()) / error
                rows.setdefault(f"{name}, {way}", []).append(ratio)
    return {name: told(values) for name, values in rows.items()}


def measure_anomalies(seeds: int) -> dict[str, Any]:
    """Areas under the curve: the mean over digits and seeds, and the least."""
    train, test = load_digits()
    rows: dict[str, list[float]] = {}
    for seed in range(seeds):
        for digit in range(10):
            usual = train.images[train.labels == digit] / 16
            start = dense_autoencoder((8, 8, 1), 4, seed=seed)
            real = qe.fit(start, usual, usual, epochs=100, optimizer=qe.Adam(5e-3), seed=seed).model
            models = {"float": real}
            for bits in (8, 4):
                recipe = code_recipe(bits)
                models[f"{bits} bits, after"] = qe.quantize(real, recipe, usual, measure=0).model
                how = {"epochs": MORE, "optimizer": qe.Adam(1e-3), "seed": seed, "measure": 0}
                models[f"{bits} bits, trained"] = qe.finetune(real, recipe, usual, usual, **how).model
            for name, model in models.items():
                errors = reconstruction_errors(model, test.images / 16)
                here = test.labels == digit
                rows.setdefault(name, []).append(area_under_curve(errors[here], errors[~here]))
    return {name: {"mean": statistics.mean(values), "least": min(values)} for name, values in rows.items()}


def told(values: list[float]) -> dict[str, float]:
    return {"mean": statistics.mean(values), "spread": float(np.std(values))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    results: dict[str, Any] = {"date": datetime.date.today().isoformat(), "seeds": given.seeds}
    results |= {"numpy": np.__version__, "qengine": qe.__version__}
    for part in given.parts or PARTS:
        start = time.perf_counter()
        results[part] = measure_anomalies(given.seeds) if part == "anomalies" else measure_kind(part, given.seeds)
        if not given.json:
            print(f"== {part} ({time.perf_counter() - start:.0f} s)")
            for name, numbers in results[part].items():
                print(
                    f"  {name:22s} " + "  ".join(f"{word} {value:.4f}" for word, value in numbers.items()), flush=True
                )
    if given.json:
        print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
