"""`qengine run`: arrays through a model."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape

from ..interpreter import Interpreter
from .options import json_option, model_argument, profile_option
from .text import console, shape_text, table

Arrays = dict[str, NDArray[Any]]


@click.command()
@model_argument
@click.argument("inputs", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Where the outputs go: an .npz, keys are their names."
)
@click.option("--signature", help="Run this signature; names are then its own.")
@profile_option
@json_option
def command(
    path: Path, inputs: Sequence[Path], out: Path | None, signature: str | None, profile: str, as_json: bool
) -> int:
    """Run MODEL once on INPUTS.

    INPUTS are .npy files, one for each input in order, or one .npz whose keys are the inputs' names (of the tensors, or
    of the signature where there is one) or arr_0, arr_1, ... in order. Values are the tensors' own: int8 for an int8
    input. Dimensions that the model leaves open may have any length.
    """
    arrays = [_load(file) for file in inputs]
    interpreter = Interpreter(model_path=path, profile=profile)
    started = time.perf_counter()
    with Console(stderr=True).status("running"):
        results = _run(interpreter, signature, arrays)
    seconds = time.perf_counter() - started
    if out is not None:
        with out.open("wb") as file:
            np.savez(file, **{name: _storable(array) for name, array in results.items()})  # type: ignore[arg-type]
    facts = {
        name: {"type": str(array.dtype), "shape": list(array.shape), **_range(array)} for name, array in results.items()
    }
    if as_json:
        click.echo(json.dumps({"profile": profile, "seconds": seconds, "outputs": facts}, indent=1))
        return 0
    rows = table("output", "type", "shape", "least", "greatest", right=("least", "greatest"))
    for name, fact in facts.items():
        ends = (str(fact.get(end, "")) for end in ("min", "max"))
        rows.add_row(escape(name), fact["type"], shape_text(fact["shape"]), *ends)
    printer = console()
    printer.print(rows)
    printer.print(f"{seconds * 1e3:.1f} ms with preparation, profile {profile}")
    if out is not None:
        printer.print(f"written to {out}", markup=False, soft_wrap=True)
    return 0


def _load(file: Path) -> Arrays | NDArray[Any]:
    try:
        loaded = np.load(file)
        return loaded if isinstance(loaded, np.ndarray) else {key: loaded[key] for key in loaded.files}
    except (ValueError, EOFError) as error:
        raise click.UsageError(f"expected arrays as .npy or .npz, got {file}: {error}") from error


def _run(interpreter: Interpreter, signature: str | None, given: Sequence[Arrays | NDArray[Any]]) -> Arrays:
    try:
        names = _signature(interpreter, signature)
        if signature is not None:
            runner = interpreter.get_signature_runner(signature)
            arrays = _in_order(given, [(name, name) for name in names])
            return runner(**dict(zip(names, arrays, strict=True)))
        details = interpreter.get_input_details()
        aliases = {index: name for name, index in names.items()}
        arrays = _in_order(given, [(detail["name"], aliases.get(detail["index"], "")) for detail in details])
        for detail, array in zip(details, arrays, strict=True):
            if tuple(detail["shape"]) != array.shape:
                interpreter.resize_tensor_input(detail["index"], array.shape, strict=True)
        interpreter.allocate_tensors()
        for detail, array in zip(details, arrays, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        results: Arrays = {}
        for number, detail in enumerate(interpreter.get_output_details()):
            named = detail["name"] and detail["name"] not in results
            results[detail["name"] if named else f"output_{number}"] = interpreter.get_tensor(detail["index"])
        return results
    except (ValueError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error


def _signature(interpreter: Interpreter, key: str | None) -> Mapping[str, int]:
    """Input names of a signature and their tensors; without a key, those of the only one there is, or none."""
    signatures = interpreter._get_full_signature_list()
    if key is None and len(signatures) != 1:
        return {}
    if key is not None and key not in signatures:
        raise click.UsageError(f"expected a signature of {sorted(signatures)}, got {key!r}")
    (found,) = signatures.values() if key is None else (signatures[key],)
    return found["inputs"]


def _in_order(given: Sequence[Arrays | NDArray[Any]], names: Sequence[tuple[str, str]]) -> list[NDArray[Any]]:
    """One array for each input; `names` are the two names of each."""
    if len(given) == 1 and isinstance(given[0], dict):
        stored, used = given[0], []
        for number, aliases in enumerate(names):
            key = next((key for key in (*aliases, f"arr_{number}") if key in stored), None)
            if key is None:
                raise click.UsageError(f"expected an array named {aliases[0]!r}, got {sorted(stored)}")
            used.append(key)
        if set(stored) - set(used):
            raise click.UsageError(f"expected arrays for inputs, got also {sorted(set(stored) - set(used))}")
        return [stored[key] for key in used]
    plain = [array for array in given if not isinstance(array, dict)]
    if len(plain) != len(given):
        raise click.UsageError(f"expected .npy files or one .npz, got {len(given)} files with an .npz among them")
    if len(plain) != len(names):
        raise click.UsageError(f"expected {len(names)} inputs {[name for name, _ in names]}, got {len(plain)}")
    return plain


def _storable(array: NDArray[Any]) -> NDArray[Any]:
    """Strings as fixed-width bytes, which a reader can load without pickle."""
    return array.astype(np.bytes_) if array.dtype.hasobject else array


def _range(array: NDArray[Any]) -> dict[str, Any]:
    if array.size == 0 or array.dtype.kind not in "iufb" or not np.isfinite(array).all():
        return {}
    return {"min": array.min().item(), "max": array.max().item()}
