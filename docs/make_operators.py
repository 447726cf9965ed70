"""Writes docs/operators.md: what each operator is, and what runs it, found by preparing every parity case.

python docs/make_operators.py [--check]
"""

from __future__ import annotations

import importlib
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "parity")]

from qengine.errors import ModelError  # noqa: E402
from qengine.kernels.profile import Profile  # noqa: E402
from qengine.op import Fixed, Free, LikeInput, LikeOutput, Op, Unquantized  # noqa: E402
from qengine.ops import find  # noqa: E402
from qengine.program import Program, Runtime  # noqa: E402
from qengine.train.gradients import GRADIENTS  # noqa: E402

PAGE = ROOT / "docs" / "operators.md"
HEAD = """# Operators

Made by `python docs/make_operators.py`; a test fails when it is stale. A row is an operator with the types it was
prepared with in `tests/parity`, where its outputs are compared with the runtime's in the same profile: bit for bit
where they are integers. **native**: an emitted kernel runs it (where the processor and the shapes allow). numpy: the
reference runs. -: the runtime refuses it in this profile, and so does qengine, or no case says. An operator may take
more types than these; one that it doesn't take is refused by name when memory is planned. Versions: those that the
runtime's kernel sets have, and after a comma the last one of the reference set where it differs; others are refused by
the constructor. Gradient: whether `qengine.train` goes back through it.

| operator | versions | types | xnnpack | optimized | reference | output is quantized | gradient |
|---|---|---|---|---|---|---|---|
"""


def rule_of(op: type[Op]) -> str:
    rule = op.rule
    if isinstance(rule, Fixed):
        return "; ".join(f"{type_.name} {scale:.6g}, {point}" for type_, (scale, point) in rule.parameters.items())
    names = {Free: "by its range", LikeInput: "as its input", LikeOutput: "inputs as it", Unquantized: "not"}
    return names[type(rule)]


def versions_of(op: type[Op]) -> str:
    known = op.known_versions
    span = str(known.last) if known.last == known.first else f"{known.first}-{known.last}"
    return span if known.reference is None else f"{span}, {known.reference or 'none'}"


def rows() -> dict[tuple[str, str], dict[Profile, str]]:
    """What runs each operator with each combination of types, by profile: native where any case runs natively."""
    found: dict[tuple[str, str], dict[Profile, str]] = defaultdict(dict)
    for path in sorted((ROOT / "tests" / "parity" / "cases").glob("*.py")):
        for case in importlib.import_module(f"cases.{path.stem}").CASES:
            model = case.model()
            for profile in Profile:
                if profile.value in case.refused:
                    continue
                program = Program(Runtime(model, profile), 0)
                graph = model.graphs[0]
                try:
                    program.prepare([graph.tensors[i].shape or () for i in graph.inputs])
                except ModelError:
                    continue
                for step in program.steps:
                    types = [
                        [graph.tensors[i].type.name for i in part if i >= 0]
                        for part in (step.node.inputs, step.node.outputs)
                    ]
                    key = step.node.op.name, " -> ".join(", ".join(dict.fromkeys(part)) for part in types)
                    native = step.kernel.startswith("native") or found[key].get(profile) == "**native**"
                    found[key][profile] = "**native**" if native else "numpy"
    return found


def page() -> str:
    lines = []
    seen = set()
    for (name, types), kernels in sorted(rows().items()):
        op = find(name)
        seen.add(name)
        cells = [kernels.get(profile, "-") for profile in Profile]
        versions, rule = ("", "") if op is None else (versions_of(op), rule_of(op))
        gradient = "yes" if name in GRADIENTS else ""
        lines.append(f"| {name} | {versions} | {types} | {' | '.join(cells)} | {rule} | {gradient} |")
    names = sorted(path.stem.upper() for path in (ROOT / "qengine" / "ops").glob("[a-z]*.py"))
    missing = [name for name in names if name not in seen]
    if missing:
        lines += ["", "Built, without a parity case: " + ", ".join(missing) + "."]
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    text = page()
    if "--check" in sys.argv:
        sys.exit(
            0 if PAGE.read_text(encoding="utf-8") == text else "docs/operators.md is stale: run docs/make_operators.py"
        )
    PAGE.write_text(text, encoding="utf-8")
