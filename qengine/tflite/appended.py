"""What follows the tables of a file: a ZIP of associated files (labels, vocabularies), or bytes of unknown purpose."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from ..model import Buffer

_END = struct.Struct("<4sHHHHIIH")
_ENTRY = struct.Struct("<4s24xHHH8xI")
_OFFSET_IN_ENTRY = 42
_OFFSET_IN_END = 16
_LONGEST_COMMENT = 2**16 - 1
_PADDING = 64


def appended(data: memoryview, end: int) -> Buffer | None:
    """The bytes of a file from `end` on, where its tables end; None where there are but a few zeros.

    Offsets in a ZIP may count from the start of the file, which another file of the same model has elsewhere. They are
    made to count from the start of the ZIP, as its readers accept too: the bytes are a ZIP file on their own.
    """
    start, archive = _archive(data)
    if archive is not None and start >= end and not np.frombuffer(data[end:start], np.uint8).any():
        return Buffer(archive)
    rest = data[end:]
    return Buffer(rest) if len(rest) >= _PADDING or any(rest) else None


def _archive(data: memoryview) -> tuple[int, bytes | memoryview | None]:
    """Where the ZIP at the end of a file starts, and its bytes; None where there is none that is understood."""
    end = _end_record(data)
    if end is None:
        return 0, None
    _, disk, first_disk, here, entries, length, offset, _ = _END.unpack_from(data, end)
    directory = end - length
    if disk or first_disk or here != entries or directory < 0:
        return 0, None
    shift = directory - offset
    headers = dict(_headers(data, directory, end))
    if len(headers) != entries:
        return 0, None
    start = min((header + shift for header in headers.values()), default=directory)
    if start < 0 or any(bytes(data[header + shift : header + shift + 4]) != b"PK\3\4" for header in headers.values()):
        return 0, None
    if shift == start:
        return start, data[start:]
    archive = bytearray(data[start:])
    for entry, header in headers.items():
        struct.pack_into("<I", archive, entry + _OFFSET_IN_ENTRY - start, header + shift - start)
    struct.pack_into("<I", archive, end + _OFFSET_IN_END - start, directory - start)
    return start, bytes(archive)


def _end_record(data: memoryview) -> int | None:
    """Where the record that ends a ZIP lies, whose comment must reach to the end of the file."""
    lowest = max(0, len(data) - _END.size - _LONGEST_COMMENT)
    tail = bytes(data[lowest:])
    found = tail.rfind(b"PK\5\6")
    if found < 0 or found + _END.size > len(tail):
        return None
    comment = _END.unpack_from(tail, found)[-1]
    return lowest + found if found + _END.size + comment == len(tail) else None


def _headers(data: memoryview, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Where each entry of a ZIP's directory lies, and the offset of the file's header that it says."""
    while at + 46 <= end:
        signature, name, extra, comment, header = _ENTRY.unpack_from(data, at)
        if signature != b"PK\1\2" or header == 2**32 - 1:
            return
        yield at, header
        at += 46 + name + extra + comment
