"""Equality of nouns: frozen dataclasses that are equal when every bit of them is."""

from __future__ import annotations

import struct
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def bits(part: Any) -> Any:
    """A hashable key of one part: floats by their IEEE bits, arrays by dtype, shape and bytes, nouns field by field."""
    if isinstance(part, float):
        return ("float", struct.pack("<d", part))
    if isinstance(part, np.ndarray):
        return ("array", part.dtype.str, part.shape, part.tobytes())
    if isinstance(part, tuple | list):
        return (type(part).__name__, tuple(bits(item) for item in part))
    if isinstance(part, dict):
        return ("dict", tuple((bits(key), bits(item)) for key, item in part.items()))
    if isinstance(part, Value):
        return part.identity()
    return (type(part).__name__, part)


class Value:
    """Base of the model's nouns. `==` goes by `bits`: NaN equals itself, 0.0 differs from -0.0, None from empty.

    Subclasses are `@dataclass(frozen=True, eq=False)`.
    """

    __slots__ = ()

    def identity(self) -> Any:
        assert is_dataclass(self)
        return (type(self), tuple(bits(getattr(self, field.name)) for field in fields(self)))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other):
            return NotImplemented
        assert is_dataclass(self)
        return all(same(getattr(self, field.name), getattr(other, field.name)) for field in fields(self))

    def __hash__(self) -> int:
        return hash(self.identity())


def same(a: Any, b: Any) -> bool:
    """Whether two parts are equal bit for bit; tuples of nouns are compared one by one, stopping at a difference."""
    if a is b:
        return True
    if isinstance(a, Value):
        return bool(a == b)
    if isinstance(a, tuple | list) and type(a) is type(b):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(bits(a) == bits(b))
