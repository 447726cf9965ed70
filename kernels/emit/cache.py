"""Compiled kernels on disk, one file each: a speed-up that may vanish at any time and is never trusted unchecked.

A file is magic, length of the code, SHA-256 over key and code, the code. Its name is the digest of the key, and the key
holds all that the code depends on, the sources of this package included. Every OSError is a miss: with a full disk or
no home, kernels are compiled and live in memory.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import struct
import threading

VARIABLE = "QENGINE_CACHE"
MAGIC = b"QEKERN\x01\n"
_HEAD = struct.Struct("<8sQ32s")


def folder() -> str | None:
    """`$QENGINE_CACHE`, else `$XDG_CACHE_HOME/qengine`, else `~/.cache/qengine`; None where there is no home."""
    if chosen := os.environ.get(VARIABLE):
        return chosen
    if base := os.environ.get("XDG_CACHE_HOME"):
        return os.path.join(base, "qengine")
    home = os.path.expanduser("~")
    return os.path.join(home, ".cache", "qengine") if os.path.isabs(home) else None


def _is_ours(place: str) -> bool:
    """Whether nobody else can have put code there: a real folder of this user that others can't write."""
    status = os.lstat(place)
    if not stat.S_ISDIR(status.st_mode):
        return False
    if os.name != "posix":
        return True
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


@functools.cache
def _sources() -> bytes:
    """Digest of the sources of this package: another generator makes other keys. OSError where none can be read."""
    digest = hashlib.sha256()
    here = os.path.dirname(__file__)
    for name in sorted(_python_files(here)):
        with open(os.path.join(here, name), "rb") as source:
            digest.update(name.encode() + b"\0" + source.read() + b"\0")
    return digest.digest()


def _python_files(place: str, within: str = "") -> list[str]:
    """The sources below a folder, by their path from it."""
    found = []
    for entry in os.scandir(place):
        if entry.is_dir():
            found += _python_files(entry.path, f"{within}{entry.name}/")
        elif entry.name.endswith(".py"):
            found.append(within + entry.name)
    return found


def _full_key(key: str) -> bytes:
    return hashlib.sha256(_sources() + key.encode()).digest()


def read(key: str) -> bytes | None:
    """The code stored under `key`, or None: absent, damaged, foreign, half-written, or in a folder others can write."""
    place = folder()
    if place is None:
        return None
    try:
        digest = _full_key(key)
        if not _is_ours(place):
            return None
        with open(os.path.join(place, digest.hex()), "rb") as file:
            content = file.read()
    except OSError:
        return None
    if len(content) < _HEAD.size:
        return None
    magic, length, checksum = _HEAD.unpack_from(content)
    code = content[_HEAD.size :]
    if magic != MAGIC or length != len(code) or checksum != hashlib.sha256(digest + code).digest():
        return None
    return code


def write(key: str, code: bytes) -> bool:
    """Store `code` under `key`, all or nothing; False where that isn't possible."""
    place = folder()
    if place is None:
        return False
    try:
        digest = _full_key(key)
        os.makedirs(place, mode=0o700, exist_ok=True)
        if not _is_ours(place):
            return False
        content = _HEAD.pack(MAGIC, len(code), hashlib.sha256(digest + code).digest()) + code
        final = os.path.join(place, digest.hex())
        temporary = f"{final}.{os.getpid()}.{threading.get_ident()}"
        try:
            with open(temporary, "wb") as file:
                file.write(content)
            os.replace(temporary, final)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError:
        return False
    return True
