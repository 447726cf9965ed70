"""Reading tables of a FlatBuffer that nobody vouches for: each offset and length is checked before it is followed."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .schema import SCALAR, STRING, TABLES, VECTOR, Field, Layout

_UINT16 = struct.Struct("<H")
_UINT32 = struct.Struct("<I")
_INT32 = struct.Struct("<i")
_SCALARS = {code: struct.Struct("<" + code) for code in "?bBhHiIqQfd"}

_TABLE_COST = 64
_SHARING = 8


class Flat:
    """The bytes of a file. `unknown` gathers the fields that the schema doesn't have, `end` how far tables reach.

    Tables may overlap and share vectors, so a small file can spell out a huge model. What is read is therefore counted:
    ModelError once it passes `_SHARING` times the file's size, which keeps time and memory linear in it.
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

    def read(self, at: int, layout: Layout, where: str, arrays: bool = False) -> dict[str, Any]:
        """The fields of the table at `at`, by name.

        A scalar is a number; a string str, bytes that aren't UTF-8 as lone surrogates; a vector of bytes a view; another
        vector of scalars a tuple, or a copied array where `arrays`; a table its position; a vector of tables a list of
        positions. Absent: a scalar's default, else None.
        """
        self._spend(_TABLE_COST, where)
        slots = self._vtable(at, where)
        values: dict[str, Any] = {}
        for field in layout.fields:
            offset = slots[field.slot] if field.slot < len(slots) else 0
            if offset == 0:
                values[field.name] = field.default
            elif field.kind == SCALAR:
                values[field.name] = self._scalar(at + offset, field, where)
            else:
                values[field.name] = self._behind(at + offset, field, where, arrays)
        if len(slots) > layout.slots:
            self.unknown += [
                f"{where}: field {slot} of {layout.table}"
                for slot in range(layout.slots, len(slots))
                if slots[slot] != 0
            ]
        return values

    def slice(self, at: int, length: int, where: str) -> memoryview:
        """`length` bytes from byte `at` of the file."""
        if at < 0 or length < 0 or at + length > self.size:
            raise ModelError(f"expected bytes {at} to {at + length} within {self.size} bytes of file", where)
        self.end = max(self.end, at + length)
        return self.data[at : at + length]

    def _vtable(self, at: int, where: str) -> tuple[int, ...]:
        if at + 4 > self.size:
            raise ModelError(f"expected a table within {self.size} bytes of file, got one at byte {at}", where)
        position = at - _INT32.unpack_from(self.data, at)[0]
        slots = self._slots.get(position)
        if slots is None:
            slots = self._read_vtable(position, where)
            self._slots[position] = slots
        self.end = max(self.end, at + 4)
        return slots

    def _read_vtable(self, position: int, where: str) -> tuple[int, ...]:
        if position < 0 or position + 4 > self.size:
            raise ModelError(f"expected a vtable within {self.size} bytes of file, got one at byte {position}", where)
        length = _UINT16.unpack_from(self.data, position)[0]
        if length < 4 or length % 2 or position + length > self.size:
            raise ModelError(f"expected a vtable of an even length within the file, got {length} bytes", where)
        self._spend(length, where)
        self.end = max(self.end, position + length)
        return struct.unpack_from(f"<{(length - 4) // 2}H", self.data, position + 4)

    def _scalar(self, at: int, field: Field, where: str) -> Any:
        form = _SCALARS[field.code]
        if at + form.size > self.size:
            raise ModelError(
                f"expected a number within {self.size} bytes of file, got byte {at}", f"{where}.{field.name}"
            )
        self.end = max(self.end, at + form.size)
        return form.unpack_from(self.data, at)[0]

    def _follow(self, at: int, where: str) -> int:
        """Where the offset stored at `at` leads to."""
        if at + 4 > self.size:
            raise ModelError(f"expected an offset within {self.size} bytes of file, got byte {at}", where)
        target = at + int(_UINT32.unpack_from(self.data, at)[0])
        if target + 4 > self.size:
            raise ModelError(f"expected an offset within {self.size} bytes of file, got one to byte {target}", where)
        self.end = max(self.end, at + 4)
        return target

    def _behind(self, at: int, field: Field, where: str, arrays: bool) -> Any:
        where = f"{where}.{field.name}"
        target = self._follow(at, where)
        if field.kind == STRING:
            return self._string(target, where)
        if field.kind == TABLES:
            return self._tables(target, where)
        if field.kind != VECTOR:
            return target
        if field.code == "B":
            return self._elements(target, 1, where)
        form = _SCALARS[field.code]
        elements = self._elements(target, form.size, where)
        self._spend(len(elements), where)
        if arrays:
            return self._array(elements, field.code)
        return struct.unpack(f"<{len(elements) // form.size}{field.code}", elements)

    def _elements(self, target: int, width: int, where: str) -> memoryview:
        """The bytes of the vector at `target`."""
        count = int(_UINT32.unpack_from(self.data, target)[0])
        if target + 4 + count * width > self.size:
            raise ModelError(
                f"expected a vector within {self.size} bytes of file, got {count} elements from byte {target + 4}",
                where,
            )
        return self.slice(target + 4, count * width, where)

    @staticmethod
    def _array(elements: memoryview, code: str) -> NDArray[Any]:
        array = np.frombuffer(elements, "<" + code).astype(np.dtype(code))
        array.flags.writeable = False
        return array

    def _string(self, target: int, where: str) -> str:
        text = self._elements(target, 1, where)
        self._spend(len(text), where)
        after = target + 4 + len(text)
        if after >= self.size or self.data[after] != 0:
            raise ModelError("expected a string ended by a zero byte, got none", where)
        self.end = max(self.end, after + 1)
        return str(text, "utf-8", "surrogateescape")

    def _tables(self, target: int, where: str) -> list[int]:
        elements = self._elements(target, 4, where)
        self._spend(len(elements), where)
        first = target + 4
        positions = [
            first + 4 * i + offset for i, offset in enumerate(struct.unpack(f"<{len(elements) // 4}I", elements))
        ]
        for i, position in enumerate(positions):
            if position + 4 > self.size:
                raise ModelError(
                    f"expected an offset within {self.size} bytes of file, got one to byte {position}", f"{where}[{i}]"
                )
        return positions

    def _spend(self, amount: int, where: str) -> None:
        self._left -= amount
        if self._left < 0:
            raise ModelError(f"expected at most {_SHARING} times {self.size} bytes of shared tables and vectors", where)
