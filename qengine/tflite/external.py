"""Constants that lie in files beside the model: brought into the model, or moved out of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..errors import ModelError
from ..model import Buffer, External, Model, Tensor
from . import files
from .put import ALIGNMENT
from .replacing import replace as replace_file


def embed(model: Model, folder: str | os.PathLike[str]) -> Model:
    """The model with the bytes of its external constants, which are views of files in `folder`.

    ModelError where a file isn't there or doesn't hold the bytes, where the name leads out of the folder, and where the
    bytes are packed in some way.
    """
    views: dict[str, memoryview] = {}
    buffers: dict[External, Buffer] = {}

    def embedded(external: External) -> Buffer:
        if external.packing is not None:
            raise ModelError(f"expected external data as it is, got packing {external.packing!r}")
        if external.group not in views:
            views[external.group] = files.mapped(_inside(Path(folder), external.group))
        view, end = views[external.group], external.offset + external.length
        if end > len(view):
            raise ModelError(f"expected bytes {external.offset} to {end} in {external.group!r}, got {len(view)} bytes")
        return buffers.setdefault(external, Buffer(view[external.offset : end]))

    return _replaced(model, lambda data: embedded(data) if isinstance(data, External) else data)


def detach(model: Model, folder: str | os.PathLike[str], name: str, at_least: int = 0) -> Model:
    """The model with its constants of `at_least` bytes and more (and any) in the file `name` in `folder`, which it
    writes. Constants that share a Buffer share the bytes; they are aligned to 16."""
    parts: list[bytes | memoryview] = []
    moved: dict[int, External] = {}
    length = 0

    def detached(buffer: Buffer) -> External:
        nonlocal length
        if id(buffer) not in moved:
            parts.extend([bytes(-length % ALIGNMENT), buffer.data])
            length += -length % ALIGNMENT
            moved[id(buffer)] = External(name, length, len(buffer))
            length += len(buffer)
        return moved[id(buffer)]

    path = _inside(Path(folder), name)
    found = _replaced(
        model, lambda data: detached(data) if isinstance(data, Buffer) and len(data) >= max(at_least, 1) else data
    )
    replace_file(path, parts)
    return found


def _replaced(model: Model, change: Callable[[Buffer | External | None], Buffer | External | None]) -> Model:
    """The model with the data of each tensor changed, and no unreferenced data that came from it."""

    def changed(tensor: Tensor, where: str) -> Tensor:
        try:
            data = change(tensor.data)
        except ModelError as error:
            raise error.within(where) from None
        return tensor if data is tensor.data else replace(tensor, data=data)

    return replace(
        model,
        graphs=tuple(
            replace(
                graph,
                tensors=tuple(
                    changed(tensor, f"$.subgraphs[{i}].tensors[{j}]") for j, tensor in enumerate(graph.tensors)
                ),
            )
            for i, graph in enumerate(model.graphs)
        ),
    )


def _inside(folder: Path, name: str) -> Path:
    """The file `name` in a folder; a name that leads out of it is refused, on whatever system."""
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if not name or "\0" in name or posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise ModelError(f"expected the name of a file beside the model, got {name!r}")
    return folder / posix
