"""Which number of an array belongs to one element of the output.

Kernels work on whole arrays. What belongs to the element at `index` of an output of shape `shape` is read off the
array's own shape: the output's shape itself, one that broadcasts to it (per channel, per row), or the same elements in
another arrangement. Other arrays hold something else (inputs, tables), and nothing of them is picked.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from math import prod
from typing import Any

import numpy as np

from ...op import Array

Number = int | float | bool | complex
Picked = Number | tuple[Any, ...]


@dataclass(frozen=True)
class Leading:
    """An array of which each row of the output, or each group of rows, has its own number."""

    array: Any


@dataclass(frozen=True)
class Element:
    """One element of an output."""

    shape: tuple[int, ...]
    index: tuple[int, ...]

    @property
    def position(self) -> int:
        """Its number in C order."""
        found = 0
        for length, i in zip(self.shape, self.index, strict=True):
            found = found * length + i
        return found

    def pick(self, value: Any) -> Any:
        """The number of a value that belongs to the element, as a NumPy scalar where it comes from an array; numbers as
        they are, tuples and the fields of a rule part by part; None where there is none."""
        if value is None or isinstance(value, str | bytes):
            return None
        if isinstance(value, bool | int | float | complex | np.generic):
            return value
        if isinstance(value, tuple):
            parts = tuple(self.pick(part) for part in value)
            return parts if parts and all(part is not None for part in parts) else None
        if isinstance(value, Leading):
            return self._of_row(value.array)
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            return self._of_array(value)
        if is_dataclass(value) and type(value).__module__.startswith("qengine.kernels"):
            found = self.pick(tuple(getattr(value, field.name) for field in fields(value)))
            return found[0] if found is not None and len(found) == 1 else found
        return None

    def _of_row(self, array: Any) -> Any:
        size = prod(self.shape)
        if not isinstance(array, np.ndarray) or array.size == 0 or size % array.size:
            return self.pick(array)
        return array.reshape(-1)[self.position * array.size // size]

    def _of_array(self, array: Array) -> Any:
        if array.ndim == 0:
            return array[()]
        if array.shape == self.shape:
            return array[self.index]
        if array.size == prod(self.shape) and array.size > 0:
            return array.reshape(-1)[self.position]
        rank = len(self.shape)
        if 0 < array.ndim <= rank:
            lengths = self.shape[rank - array.ndim :]
            if all(have in (1, want) for have, want in zip(array.shape, lengths, strict=True)):
                tail = self.index[rank - array.ndim :]
                return array[tuple(0 if have == 1 else i for have, i in zip(array.shape, tail, strict=True))]
        rows = prod(self.shape[:-1])
        if rank > 0 and array.size == rows and array.shape[-1] == 1:
            return array.reshape(-1)[self.position // self.shape[-1]]
        return None


def plain(value: Any) -> Any:
    """A picked value as Python's own numbers."""
    if isinstance(value, tuple):
        return tuple(plain(part) for part in value)
    return value.item() if isinstance(value, np.generic) else value


def exact(value: Any) -> Any:
    """A picked value to compute with: integers as Python's, which don't overflow; floats of their own precision."""
    if isinstance(value, tuple):
        return tuple(exact(part) for part in value)
    return int(value) if isinstance(value, np.integer) else bool(value) if isinstance(value, np.bool_) else value


def text_of(value: Any) -> str:
    """A picked value for people: float32 with the digits that tell it from its neighbours."""
    if isinstance(value, tuple):
        return f"({', '.join(text_of(part) for part in value)})"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, np.float32 | np.float16):
        return _short(str(value))
    if isinstance(value, float | np.floating):
        return _short(repr(float(value)))
    return str(value)


def _short(digits: str) -> str:
    return digits.removesuffix(".0")
