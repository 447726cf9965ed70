"""Files of models: mapped into memory to be read, and written so that they appear whole or not at all."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..errors import ModelError
from ..model import Model
from .reader import read
from .writer import LIMIT, pieces


def load(path_or_bytes: str | os.PathLike[str] | bytes | bytearray | memoryview) -> Model:
    """The model in a file, or in bytes that hold one.

    A file is mapped, and the constants are views of it: it must not change while the model is in use (`save` replaces
    files, which is safe). ModelError, and nothing else, says what was expected, what came, and where.
    """
    if isinstance(path_or_bytes, bytes | bytearray | memoryview):
        return read(_frozen(memoryview(path_or_bytes)))
    return read(mapped(Path(path_or_bytes)))


def save(model: Model, path: str | os.PathLike[str], *, limit: int = LIMIT) -> None:
    """Writes `to_bytes(model, limit=limit)` to a file."""
    replace(Path(path), pieces(model, limit))


def mapped(path: Path) -> memoryview:
    """The bytes of a file, mapped read-only; ModelError where it can't be read."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ValueError("a folder, a device or a pipe")
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b"")
    except (OSError, ValueError) as error:
        raise ModelError(f"expected a readable file, got {error}", str(path)) from error


def replace(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Writes a file beside `path` and renames it, so that `path` holds all of it or is left as it was."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
        os.chmod(name, _mode(path))
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _frozen(data: memoryview) -> memoryview:
    """Bytes that nobody changes: a copy where they could be."""
    return data.cast("B") if data.readonly and data.c_contiguous and data.nbytes else memoryview(data.tobytes())


def _mode(path: Path) -> int:
    """The permissions of the file to be replaced, or of any new one."""
    with suppress(OSError):
        return path.stat().st_mode & 0o777
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o666 & ~umask
