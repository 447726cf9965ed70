"""The house stands: imports only go down its floors, importing it is cheap, and each operator is what its file says."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import qengine
from qengine.op import Op
from qengine.ops import find

# From the ground up. Modules in one set are one room and may import each other; rooms beside each other may not.
FLOORS: tuple[tuple[set[str], ...], ...] = (
    ({"kernels"},),
    ({"errors"}, {"value"}, {"options"}, {"arena"}, {"digits", "data"}),
    ({"model", "op", "packing"}, {"affine"}),
    ({"shapes", "scales", "delegate", "memory", "sparsity", "versions", "chains"}, {"native"}, {"samples"}),
    ({"custom"},),
    ({"ops"},),
    ({"program", "rounds"},),
    ({"interpreter"}, {"tflite"}, {"build", "output"}, {"summary"}, {"latency"}),
    ({"ptq"}, {"train"}, {"compare"}),
    ({"demo"}, {"testing", "pytest_plugin"}, {"report"}),
    ({"cli", "__main__"},),
)
BESIDE = {("interpreter", "tflite"), ("train", "ptq"), ("compare", "ptq")}
HEAVY = {"numba", "llvmlite", "tflite", "flatbuffers", "click", "rich", "ai_edge_litert"}

PACKAGE = Path(qengine.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
KERNELS = sorted((PACKAGE / "kernels").rglob("*.py"))
OPERATORS = sorted(path.stem for path in (PACKAGE / "ops").glob("*.py") if not path.stem.startswith("_"))


def module_of(path: Path) -> tuple[str, ...]:
    """`qengine/ops/conv_2d.py` is ("qengine", "ops", "conv_2d"), a package's `__init__.py` the package itself."""
    parts = ("qengine", *path.relative_to(PACKAGE).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


def imports_of(path: Path) -> Iterator[tuple[str, ...]]:
    """The modules of qengine that a file imports, anywhere in it."""
    module = module_of(path)
    package = module if path.name == "__init__.py" else module[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names if alias.name.split(".")[0] == "qengine")
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            named = (*start, *(node.module or "").split(".")) if node.module else start
            if named and named[0] == "qengine":
                whole = len(named) == 1
                names = (alias.name for alias in node.names if not (whole and alias.name == "__version__"))
                yield from ((*named, name) if whole else named for name in names)


def place(name: str) -> tuple[int, set[str]]:
    return next((level, room) for level, floor in enumerate(FLOORS) for room in floor if name in room)


@pytest.mark.parametrize("path", FILES, ids=lambda path: ".".join(module_of(path)[1:]))
def test_imports_only_go_down(path: Path) -> None:
    own = module_of(path)[1]
    assert any(own in room for floor in FLOORS for room in floor), f"{own} has no floor yet: give it one in this file"
    level, room = place(own)
    for imported in imports_of(path):
        other = imported[1]
        below = other in room or place(other)[0] < level or (own, other) in BESIDE
        assert below, f"{own} imports {other}, which isn't below it"


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: ".".join(module_of(path)[1:]))
def test_kernels_import_each_other_relatively_and_nothing_above(path: Path) -> None:
    depth = len(module_of(path)) - 1 - (path.name != "__init__.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level <= depth, f"line {node.lineno} reaches out of kernels"
            assert node.level or (node.module or "").split(".")[0] not in {"qengine", "kernels"}
        elif isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & {"qengine", "kernels"}


def test_importing_qengine_imports_nothing_heavy() -> None:
    code = "import sys, qengine; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "qengine" in loaded
    assert not [name for name in loaded if name.split(".")[0] in HEAVY]
    assert not [name for name in loaded if name.startswith("qengine.")], "public names are resolved on first use"


def test_only_the_command_line_imports_what_draws_it() -> None:
    for path in FILES:
        if module_of(path)[1] != "cli":
            text = path.read_text(encoding="utf-8")
            assert "import click" not in text, path
            assert "import rich" not in text, path
            assert "from rich" not in text, path


def test_every_public_name_resolves() -> None:
    for name in qengine.__all__:
        assert getattr(qengine, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = qengine.nothing


def test_kernels_cannot_be_imported_by_their_folder_s_name() -> None:
    root = Path(qengine.__file__).parents[1]
    if not (root / "kernels").is_dir():
        pytest.skip("qengine is installed, not a checkout: there is no folder kernels")
    code = "import kernels"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert done.returncode == 1
    assert "expected import as 'qengine.kernels', got 'kernels'" in done.stderr


@pytest.mark.parametrize("stem", OPERATORS)
def test_file_class_and_code_of_an_operator_agree(stem: str) -> None:
    from tflite.BuiltinOperator import BuiltinOperator

    operator = find(stem.upper())
    assert operator is not None
    assert operator.__name__.lower() == stem.replace("_", "")
    custom = operator.code == BuiltinOperator.CUSTOM
    newer = stem == "stablehlo_case"  # than that package's schema
    assert custom or newer or operator.code == vars(BuiltinOperator)[stem.upper()]
    assert issubclass(operator, Op)
    assert not operator.__subclasses__(), "an operator is final: what two share has a file of its own, `_name.py`"
    assert operator().name == stem.upper()
    assert operator.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert all(field.default is not field.default_factory for field in fields(operator)), "every option has a default"


def test_no_two_operators_have_one_code() -> None:
    modules = [importlib.import_module(f"qengine.ops.{stem}") for stem in OPERATORS]
    found = [find(module.__name__.rpartition(".")[2].upper()) for module in modules]
    codes = [operator.code for operator in found if operator is not None]
    assert len(set(codes)) == len(codes)
