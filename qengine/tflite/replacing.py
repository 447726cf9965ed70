"""Files written so that they appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress


def replace(path: str | os.PathLike[str], parts: Iterable[bytes | memoryview]) -> None:
    """Writes a file beside `path` and renames it, so that `path` holds all of it or is left as it was."""
    folder, own_name = os.path.split(path)
    handle, name = tempfile.mkstemp(prefix=f".{own_name}.", dir=folder or os.curdir)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
        os.chmod(name, _mode(path))
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _mode(path: str | os.PathLike[str]) -> int:
    """The permissions of the file to be replaced, or of any new one."""
    with suppress(OSError):
        return os.stat(path).st_mode & 0o777
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o666 & ~umask
