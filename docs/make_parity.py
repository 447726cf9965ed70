"""Writes docs/parity.md: operator by operator and profile by profile, how many elements are not the runtime's.

python docs/make_parity.py [--networks FOLDER] [--check]

Runs every parity case (tests/parity) here and in the installed ai-edge-litert, in less than a minute; --networks adds
the .tflite files of a folder, fed random numbers. --check only holds the page's form against the cases, in seconds and
without a runtime: that each operator is there with its types and cases, and that the sums are right.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "parity")]

from parity_case import Case  # noqa: E402

from qengine.kernels.profile import Profile  # noqa: E402
from qengine.testing import Agreement, find_runtime  # noqa: E402
from qengine.testing.calls import calls_of  # noqa: E402
from qengine.testing.check import measure_blob  # noqa: E402
from qengine.testing.run import run_calls  # noqa: E402
from qengine.testing.runtimes import RealRuntime  # noqa: E402
from qengine.tflite import load, to_bytes  # noqa: E402

PAGE = ROOT / "docs" / "parity.md"
PROFILES = [profile.value for profile in (Profile.XNNPACK, Profile.OPTIMIZED, Profile.REFERENCE)]
HEAD = """# Parity

How many elements of an operator's output are not the bits that the real runtime gives: mismatches / elements, in each
of its three kernel sets. The runtime is **{runtime}** on x86-64 Linux ({processor}). The networks are those of
`tests/parity`, made by qengine's own `Builder`; both sides get the same bytes and the same inputs: random numbers, the
ends of their ranges among them. `python docs/make_parity.py` makes this page anew, in less than a minute.

An output counts for the operator that gives it. Cases that a kernel set refuses count nowhere; where a cell is empty,
it refuses all of the operator's cases of that kind. `qengine.testing` measures your own model in the same way:
[a test of one line](testing.md).

{totals}
"""
INTEGERS = """
## Integers, flags and strings

Nothing is rounded twice here: a mismatch is a number that differs, by however little.

| operator | types | cases | {profiles} |
|---|---|--:|{rules}
"""
FLOATS = """
## Floats

Mismatches are elements whose bits differ (two NaN are the same, and so are both zeros). A sum of many products depends
on its order, which [is known for most layers](numerics/float_sums.md). In brackets: the largest difference, as part of
the output's largest magnitude.

| operator | types | cases | {profiles} |
|---|---|--:|{rules}
"""
NETWORKS = """
## Whole networks

Files that others made and published, each fed random numbers in three calls: all elements of all outputs. In brackets
what it is above; where integers differ, by how many steps at most.

| network | outputs | {profiles} |
|---|---|{rules}
"""
RULES = "|".join("--:" for _ in PROFILES) + "|"


@dataclass
class Cell:
    elements: int = 0
    mismatches: int = 0
    error: float = 0.0

    def add(self, found: Agreement) -> None:
        self.elements += found.elements
        self.mismatches += found.mismatches
        steps = 0 if found.max_lsb is None else found.max_lsb
        self.error = max(self.error, found.max_error if found.is_float else steps)

    def __str__(self) -> str:
        if not self.elements:
            return ""
        far = f" ({self.error:.1g})" if self.mismatches and self.error else ""
        return f"{self.mismatches:,} / {self.elements:,}{far}"


@dataclass
class Row:
    """An operator's outputs of one kind."""

    types: set[str] = field(default_factory=set)
    cases: set[str] = field(default_factory=set)
    cells: dict[str, Cell] = field(default_factory=lambda: {name: Cell() for name in PROFILES})


Rows = dict[tuple[bool, str], Row]
"""By whether outputs are floats, and operator."""


def all_cases() -> Iterator[Case]:
    for path in sorted((ROOT / "tests" / "parity" / "cases").glob("*.py")):
        yield from importlib.import_module(f"cases.{path.stem}").CASES


def ends(cases: Iterable[Case]) -> Rows:
    """The rows without what is measured: which operators give outputs of which types in which cases."""
    rows: Rows = defaultdict(Row)
    for case in cases:
        if set(PROFILES) <= set(case.refused):
            continue
        graph = case.model().graphs[0]
        for i in graph.outputs:
            operator = next((node.op.name for node in graph.nodes if i in node.outputs), "(no operator)")
            type_ = graph.tensors[i].type.name
            row = rows[type_.startswith(("FLOAT", "COMPLEX", "BFLOAT")), operator]
            row.types.add(type_)
            row.cases.add(case.name)
    return rows


def measured(cases: Iterable[Case], real: RealRuntime, told: Callable[[str], None] = lambda name: None) -> Rows:
    """The rows, with what both sides give. RuntimeError, naming the case, where either can't run it."""
    cases = list(cases)
    rows = ends(cases)
    for case in cases:
        told(case.name)
        model = case.model()
        blob = to_bytes(model)
        loaded = load(blob)
        calls = [tuple(case.call(loaded, number)) for number in range(case.calls)]
        for name in PROFILES:
            if name in case.refused:
                continue
            try:
                found = measure_blob(blob, calls, Profile(name), real)
            except (ValueError, RuntimeError) as error:
                raise RuntimeError(f"case {case.name}, profile {name}: {error}") from error
            for output in found.outputs:
                rows[output.is_float, output.operator].cells[name].add(output)
    return rows


def table(rows: Rows, floats: bool) -> list[str]:
    lines = []
    for (real, operator), row in sorted(rows.items()):
        if real is floats:
            cells = " | ".join(str(row.cells[name]) for name in PROFILES)
            lines.append(f"| {operator} | {', '.join(sorted(row.types))} | {len(row.cases)} | {cells} |")
    return lines


def networks(folder: Path) -> Iterator[str]:
    """A row a file; each in a process of its own, since the runtime ends its process on some files.

    Files that the runtime doesn't run are left out, and named on standard error.
    """
    for path in sorted(folder.rglob("*.tflite")):
        command = [sys.executable, __file__, "--network", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            yield f"| {path.stem} | {done.stdout.strip()}"
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        print(path.name if done.returncode == 0 else f"{path.name}: not run: {last}", file=sys.stderr)


def network(path: Path, real: RealRuntime) -> str:
    """The row of one file, behind its name. ValueError or RuntimeError where the runtime refuses it."""
    blob = path.read_bytes()
    model = load(blob)
    calls = calls_of(model)
    cells = []
    for name in PROFILES:
        run_calls(real.interpreter(blob, Profile(name)), calls)
        try:
            found = measure_blob(blob, calls, Profile(name), real)
        except (ValueError, RuntimeError) as error:
            cells.append(f"qengine refuses it: {error}")
            continue
        cell = Cell()
        for output in found.outputs:
            cell.add(output)
        cells.append(str(cell))
    types = ", ".join(sorted({model.graphs[0].tensors[i].type.name for i in model.graphs[0].outputs}))
    return f"{types} | {' | '.join(cells)} |"


def totals(lines: Sequence[str]) -> str:
    """The sentence with the sums of a table's cells, by profile."""
    parts = []
    for position, name in enumerate(PROFILES):
        cells = [line.split(" | ")[3 + position] for line in lines]
        numbers = [re.match(r"([\d,]+) / ([\d,]+)", cell.strip()) for cell in cells]
        pairs = [tuple(int(part.replace(",", "")) for part in found.groups()) for found in numbers if found is not None]
        parts.append(f"{sum(a for a, _ in pairs):,} of {sum(b for _, b in pairs):,} in {name}")
    return ", ".join(parts)


def page(rows: Rows, runtime: str, of_networks: Sequence[str] = ()) -> str:
    whole, real = table(rows, False), table(rows, True)
    said = f"In all: **integers, flags and strings** differ in {totals(whole)};\n**floats** in {totals(real)}."
    heads = {"profiles": " | ".join(PROFILES), "rules": RULES}
    parts = [
        HEAD.format(runtime=runtime, processor=processor(), totals=said),
        INTEGERS.format(**heads),
        *(f"{line}\n" for line in whole),
    ]
    parts += [FLOATS.format(**heads), *(f"{line}\n" for line in real)]
    if of_networks:
        parts += [NETWORKS.format(**heads), *(f"{line}\n" for line in of_networks)]
    return "".join(parts)


def processor() -> str:
    """Its model's name, as the kernel gives it; floats depend on it, since the runtime's kernels do."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def problems(text: str, cases: Iterable[Case] | None = None) -> list[str]:
    """What about the page isn't so any more, as far as that can be told without running anything."""
    wanted = {
        (floats, f"| {operator} | {', '.join(sorted(row.types))} | {len(row.cases)} |")
        for (floats, operator), row in ends(all_cases() if cases is None else cases).items()
    }
    sections = [part.partition("## Whole networks")[0] for part in text.partition("## Floats")[::2]]
    lines = [[line for line in part.splitlines() if re.match(r"\| [A-Z(]", line)] for part in sections]
    found = {(bool(which), _start(line)) for which in (0, 1) for line in lines[which]}
    wrong = [f"no row {row}" for _, row in sorted(wanted - found)] + [
        f"stale {row}" for _, row in sorted(found - wanted)
    ]
    if any(part and totals(part) not in text for part in lines):
        wrong.append("the sums above the tables aren't the tables'")
    return wrong


def _start(line: str) -> str:
    return " | ".join(line.split(" | ")[:3]) + " |"


def main(arguments: Sequence[str] | None = None) -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=Path, metavar="FOLDER")
    parser.add_argument("--network", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args(arguments)
    if asked.check:
        wrong = problems(PAGE.read_text(encoding="utf-8"))
        return "\n".join([*wrong, "docs/parity.md is stale: run docs/make_parity.py"]) if wrong else 0
    real = find_runtime("ai-edge-litert")
    if asked.network is not None:
        print(network(asked.network, real))
        return 0
    rows = measured(all_cases(), real, lambda name: print(name, file=sys.stderr))
    of_networks = () if asked.networks is None else list(networks(asked.networks))
    PAGE.write_text(page(rows, str(real), of_networks), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
