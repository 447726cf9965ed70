"""Reading tables of a FlatBuffer that nobody vouches for: each offset and length is checked before it is followed."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from . import schema
from .fields import SCALAR, STRING, TABLES, VECTOR, Field

_Part = TypeVar("_Part")

_UINT16 = struct.Struct("<H")
_UINT32 = struct.Struct("<I")
_INT32 = struct.Struct("<i")
_SCALARS = {code: struct.Struct("<" + code) for code in "?bBhHiIqQfd"}

_SHARING = 8


class Flat:
    """The bytes of a file. `unknown` gathers what the schema doesn't have, `end` is how far the tables reach.

    Tables may overlap and share vectors, so that a small file spells out a huge model. What is read is therefore
    counted, and refused once it passes `_SHARING` times the file's size: time and memory stay linear in it.
    """

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.size = len(data)
        self.end = 8
        self.unknown: list[str] = []
        self._left = _SHARING * self.size + 4096
        self._slots: dict[int, tuple[int, ...]] = {}

    def root(self) -> int:
        """The position of the root table."""
        return self._follow(0, "$")

    def each(self, positions: list[int], where: str, read: Callable[[int, str], _Part]) -> list[_Part]:
        """What `read` makes of each of a vector's tables, given its position and its place in the model."""
        return [read(at, f"{where}[{i}]") for i, at in enumerate(positions)]

    def read(self, table: str, at: int, where: str, arrays: bool = False) -> dict[str, Any]:
        """The fields of the table at `at`, by name.

        A scalar is a number; a string str, with lone surrogates for bytes that aren't UTF-8; a vector of bytes a view;
        another vector of scalars a tuple, or an array of its own where `arrays`; a table its position; a vector of
        tables a list of positions. Where a field is absent: a scalar's default, else None.
        """
        layout = schema.layout(table)
        self._spend(32 + 8 * layout.slots)
        slots = self._vtable(at, where)
        values: dict[str, Any] = {}
        for field in layout.fields:
            offset = slots[field.slot] if field.slot < len(slots) else 0
            if offset == 0:
                values[field.name] = field.default
            elif field.kind == SCALAR:
                values[field.name] = self._number(_SCALARS[field.code], at + offset, f"{where}.{field.name}")
            else:
                values[field.name] = self._behind(at + offset, field, f"{where}.{field.name}", arrays)
        if len(slots) > layout.slots:
            self.unknown.append(f"{where}: field {len(slots) - 1} of {table}")
        return values

    def member(self, union: str, kind: int, at: int | None, where: str) -> str | None:
        """The table that a union holds, None for none; one that the schema doesn't have is noted as unknown."""
        if kind == 0 or at is None:
            return None
        table = schema.names(union).get(kind)
        if table is None:
            self.unknown.append(f"{where}: {union} {kind}")
        return table

    def slice(self, at: int, length: int, where: str) -> memoryview:
        """`length` bytes from byte `at` of the file."""
        return self.data[at : self._reach(at + length, where)]

    def _reach(self, end: int, where: str) -> int:
        """That something ends at byte `end`, which must be in the file."""
        if end > self.end:
            if end > self.size:
                raise ModelError(f"expected a file of at least {end} bytes, got {self.size}", where)
            self.end = end
        return end

    def _number(self, form: struct.Struct, at: int, where: str) -> Any:
        """The number at `at`, which must be a multiple of its width."""
        self._reach(at + form.size, where)
        if at % form.size:
            raise ModelError(f"expected a number at a multiple of {form.size}, got byte {at}", where)
        return form.unpack_from(self.data, at)[0]

    def _vtable(self, at: int, where: str) -> tuple[int, ...]:
        """Where the fields of a table lie, counted from the table: 0 for absent, none after the last that is there."""
        position = at - self._number(_INT32, at, where)
        slots = self._slots.get(position)
        if slots is None:
            if position < 0:
                raise ModelError(f"expected a vtable within the file, got one at byte {position}", where)
            length = self._number(_UINT16, position, where)
            if length % 2:
                raise ModelError(f"expected a vtable of an even length, got {length}", where)
            vtable = bytes(self.slice(position, length, where))
            self._spend(length)
            there = (len(vtable.rstrip(b"\0")) - 3) // 2
            slots = struct.unpack_from(f"<{there}H", vtable, 4) if there > 0 else ()
            self._slots[position] = slots
        return slots

    def _follow(self, at: int, where: str) -> int:
        """Where the offset stored at `at` leads to: onwards, by less than 2 GB."""
        offset = self._number(_UINT32, at, where)
        if not 0 < offset < 2**31:
            raise ModelError(f"expected an offset from 1 to 2**31 - 1, got {offset}", where)
        return int(at + offset)

    def _behind(self, at: int, field: Field, where: str, arrays: bool) -> Any:
        """What the offset stored at `at` leads to."""
        target = self._follow(at, where)
        if field.kind == STRING:
            return self._string(target, where)
        if field.kind == TABLES:
            return self._tables(target, where)
        if field.kind != VECTOR:
            return target
        if field.code == "B":
            return self._elements(target, 1, where)
        elements = self._elements(target, _SCALARS[field.code].size, where)
        self._spend(len(elements))
        if arrays:
            return _array(elements, field.code)
        return struct.unpack(f"<{len(elements) // _SCALARS[field.code].size}{field.code}", elements)

    def _elements(self, target: int, width: int, where: str) -> memoryview:
        """The bytes of the vector at `target`, whose elements are `width` bytes wide."""
        count = self._number(_UINT32, target, where)
        return self.slice(target + 4, count * width, where)

    def _string(self, target: int, where: str) -> str:
        text = self._elements(target, 1, where)
        self._spend(len(text))
        after = target + 4 + len(text)
        self._reach(after + 1, where)
        if self.data[after] != 0:
            raise ModelError("expected a string ended by a zero byte, got another", where)
        return str(text, "utf-8", "surrogateescape")

    def _tables(self, target: int, where: str) -> list[int]:
        elements = self._elements(target, 4, where)
        self._spend(len(elements))
        return [self._follow(at, where) for at in range(target + 4, target + 4 + len(elements), 4)]

    def _spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise ModelError(f"expected tables that share little, got over {_SHARING} times {self.size} bytes of them")


def _array(elements: memoryview, code: str) -> NDArray[Any]:
    array = np.frombuffer(elements, "<" + code).astype(np.dtype(code))
    array.flags.writeable = False
    return array
