"""Numbers of a file that must be a member of an enumeration."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeVar

from ..errors import ModelError

_Member = TypeVar("_Member", bound=IntEnum)


def member(enumeration: type[_Member], value: int, where: str) -> _Member:
    try:
        return enumeration(value)
    except ValueError:
        known = ", ".join(f"{part.value} {part.name}" for part in enumeration)
        raise ModelError(f"expected {enumeration.__name__} ({known}), got {value}", where) from None
