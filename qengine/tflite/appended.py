"""What follows the tables of a file: a ZIP of associated files (labels, vocabularies), or bytes of unknown purpose."""

from __future__ import annotations

from ..model import Buffer


def appended(data: memoryview, end: int) -> Buffer | None:
    """The bytes from `end` on, None where there is nothing but a few zero bytes of padding."""
    rest = data[end:]
    if len(rest) < 64 and not any(rest):
        return None
    return Buffer(rest)
