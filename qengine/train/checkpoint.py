"""Checkpoints: a training as it stands, in one .npz, from which it goes on to the same numbers."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..op import Array

FORMAT = 1


@dataclass(frozen=True)
class Snapshot:
    """arrays: by name. facts: what JSON can hold. fingerprint: of what is trained and how."""

    fingerprint: str
    arrays: dict[str, Array]
    facts: dict[str, Any]


def save_checkpoint(path: str | os.PathLike[str], snapshot: Snapshot) -> None:
    """Writes a file anew, all of it or nothing."""
    text = json.dumps({"format": FORMAT, "fingerprint": snapshot.fingerprint, "facts": snapshot.facts})
    beside = f"{os.fspath(path)}.new"
    with open(beside, "wb") as file:
        arrays = {f"array {name}": array for name, array in snapshot.arrays.items()}
        np.savez(file, facts=np.array(text), **arrays)  # type: ignore[arg-type]
    os.replace(beside, path)


def load_checkpoint(path: str | os.PathLike[str], fingerprint: str) -> Snapshot:
    """Reads what `save_checkpoint` wrote. ValueError where the file is something else, or of another training."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            content = json.loads(str(archive["facts"]))
            arrays = {name.removeprefix("array "): archive[name] for name in archive.files if name != "facts"}
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}")
        found, facts = content["fingerprint"], content["facts"]
    except (KeyError, ValueError, TypeError, EOFError) as error:
        raise ValueError(f"expected a checkpoint of a training, got {os.fspath(path)!r}: {error}") from error
    if found != fingerprint:
        raise ValueError(
            f"expected a checkpoint of the same model, recipe and settings, got {os.fspath(path)!r} of others"
        )
    return Snapshot(found, arrays, facts)
