"""Files of models, mapped into memory to be read."""

from __future__ import annotations

import mmap
import os
import stat

from ..errors import ModelError
from ..model import Model
from .reader import read


def load(path_or_bytes: str | os.PathLike[str] | bytes | bytearray | memoryview) -> Model:
    """The model in a file, or in bytes that hold one.

    A file is mapped, and the constants are views of it: it must not change while the model is in use (`save` replaces
    files, which is safe). ModelError, and nothing else, says what was expected, what came, and where.
    """
    if isinstance(path_or_bytes, bytes | bytearray | memoryview):
        return read(_frozen(memoryview(path_or_bytes)))
    return read(mapped(path_or_bytes))


def mapped(path: str | os.PathLike[str]) -> memoryview:
    """The bytes of a file, mapped read-only; ModelError where it can't be read."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("a folder, a device or a pipe")
        with open(path, "rb") as file:
            size = status.st_size
            return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b"")
    except (OSError, ValueError) as error:
        raise ModelError(f"expected a readable file, got {error}", str(path)) from error


def _frozen(data: memoryview) -> memoryview:
    """Bytes that nobody changes: a copy where they could be."""
    return data.cast("B") if data.readonly and data.c_contiguous and data.nbytes else memoryview(data.tobytes())
