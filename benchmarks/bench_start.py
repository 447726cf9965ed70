"""First answer of a fresh process: seconds with an empty and with a warm cache of kernels, and how memory grows.

    python benchmarks/bench_start.py MODEL ... [--rounds 5] [--json]

Every measurement is a process of its own, from the start of Python to its end after the first answer; engines
alternate. A cold run of qengine has an empty folder for its cache, a warm one the folder that the cold one left. Memory
is the most that was resident until the first answer, kernels in the cache: of the whole process, and beyond what Python
with NumPy alone takes. The peer is the real runtime's default kernel set.

What the numbers don't mean: files are in the system's cache, as they are the second time a program starts. Where Python
may not keep bytecode (PYTHONDONTWRITEBYTECODE), qengine's own modules are compiled at every start, which takes another
0.1 s; installed packages have theirs. On systems other than x86-64 Linux, LLVM links the kernels: some 30 ms and 46 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from qengine.latency import about

PEAK = """
with open("/proc/self/status") as status:
    print(next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM")))
"""
ANSWER = """
it = Interpreter(model_path=sys.argv[1], num_threads=1)
it.allocate_tensors()
for d in it.get_input_details():
    it.set_tensor(d["index"], np.zeros(d["shape"], d["dtype"]))
it.invoke()
it.get_tensor(it.get_output_details()[0]["index"])
"""
OURS, THEIRS = "from qengine import Interpreter", "from ai_edge_litert.interpreter import Interpreter"


def run(code: str, *arguments: str, environment: Mapping[str, str] | None = None) -> tuple[float, str]:
    """Seconds that a process takes from start to end, and what it prints."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, check=True, capture_output=True, text=True
    )
    return time.perf_counter() - start, done.stdout


def first_answers(model: str, rounds: int) -> dict[str, float]:
    """Median seconds: cold, warm, and the runtime's."""
    took: dict[str, list[float]] = {"cold": [], "warm": [], "runtime": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "QENGINE_CACHE": f"{folder}/kernels"}
            ours = f"import sys, numpy as np\n{OURS}\n{ANSWER}"
            took["cold"].append(run(ours, model, environment=environment)[0])
            took["warm"].append(run(ours, model, environment=environment)[0])
        took["runtime"].append(run(f"import sys, numpy as np\n{THEIRS}\n{ANSWER}", model)[0])
    return {f"{name} (s)": round(statistics.median(values), 3) for name, values in took.items()}


def memory(model: str) -> dict[str, float]:
    """Megabytes resident at most, kernels in the cache already."""

    def peak(*parts: str) -> float:
        code = "\n".join(["import sys, numpy as np", *parts, PEAK])
        return int(run(code, model)[1].split()[-1]) / 1e6

    run(f"import sys, numpy as np\n{OURS}\n{ANSWER}", model)
    base, ours, theirs = peak(), peak(OURS, ANSWER), peak(THEIRS, ANSWER)
    numbers = {"whole (MB)": ours, "growth (MB)": ours - base}
    numbers |= {"runtime's whole (MB)": theirs, "runtime's growth (MB)": theirs - base}
    numbers |= {"growth / runtime's": (ours - base) / (theirs - base)}
    return {name: round(number, 2) for name, number in numbers.items()}


def imports(rounds: int) -> dict[str, float]:
    """Median seconds of starting Python and importing each."""
    took: dict[str, list[float]] = {"qengine": [], "numpy": []}
    for _ in range(rounds):
        for name, values in took.items():
            values.append(run(f"import {name}")[0])
    return {f"import {name} (s)": round(statistics.median(values), 3) for name, values in took.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found: dict[str, dict[str, float]] = {"imports": imports(options.rounds)}
    for model in options.models:
        found[Path(model).name] = first_answers(model, options.rounds)
        if sys.platform == "linux":
            found[Path(model).name] |= memory(model)
    if options.json:
        print(json.dumps({"about": about(), "found": found}, indent=1))
        return
    print(", ".join(f"{key} {value}" for key, value in about().items()))
    for name, numbers in found.items():
        print(f"{name:45s} " + ", ".join(f"{key} {number}" for key, number in numbers.items()))


if __name__ == "__main__":
    main()
