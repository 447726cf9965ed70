"""Writing tables of a FlatBuffer by their layout; constants go behind them, where their bytes are not copied."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from flatbuffers import number_types
from flatbuffers.builder import Builder

from ..errors import ModelError
from . import schema
from .fields import SCALAR, STRING, TABLES, VECTOR, Field

_Part = TypeVar("_Part")

ALIGNMENT = 16

_FLAGS = {
    "?": number_types.BoolFlags,
    "b": number_types.Int8Flags,
    "B": number_types.Uint8Flags,
    "h": number_types.Int16Flags,
    "H": number_types.Uint16Flags,
    "i": number_types.Int32Flags,
    "I": number_types.Uint32Flags,
    "q": number_types.Int64Flags,
    "Q": number_types.Uint64Flags,
    "f": number_types.Float32Flags,
    "d": number_types.Float64Flags,
}


@dataclass(frozen=True)
class At:
    """Where something written lies: bytes from its start to the end of the tables, negative behind that end."""

    offset: int


class Behind:
    """The bytes that follow the tables, in pieces. Constants are aligned, counted from the end of the tables."""

    def __init__(self) -> None:
        self.pieces: list[bytes | memoryview] = []
        self.length = 0

    def vector(self, data: bytes | memoryview) -> At:
        """A vector of bytes: its length, and the bytes aligned."""
        self._pad(4)
        start = self.length
        self._add(struct.pack("<I", len(data)))
        self._add(data)
        return At(-start)

    def plain(self, data: bytes | memoryview) -> int:
        """The bytes alone, aligned; how far behind the end of the tables they start."""
        self._pad(0)
        self._add(data)
        return self.length - len(data)

    def _pad(self, before: int) -> None:
        """Zeros, so that what comes `before` bytes later is aligned."""
        self._add(bytes(-(self.length + before) % ALIGNMENT))

    def _add(self, piece: bytes | memoryview) -> None:
        if len(piece):
            self.pieces.append(piece)
        self.length += len(piece)


class Put:
    """Writes tables. The builder grows from back to front: what a table refers to is written before it."""

    def __init__(self) -> None:
        self.builder = Builder(1 << 16)
        self.builder.Prep(ALIGNMENT, 0)

    def each(self, parts: Sequence[_Part] | None, where: str, put: Callable[[_Part, str], At]) -> list[At] | None:
        """A vector's tables, written by `put`, which gets each part and its place in the model; None for none."""
        return None if parts is None else [put(part, f"{where}[{i}]") for i, part in enumerate(parts)]

    def table(self, table: str, where: str, /, **values: Any) -> At:
        """A table with these fields, all of them named; those that are None or a scalar's default are left out."""
        layout = schema.layout(table)
        ready: list[tuple[Field, Any]] = []
        for field in layout.fields:
            value = values[field.name]
            if value is None:
                continue
            try:
                if field.kind != SCALAR:
                    ready.append((field, self._part(field, value)))
                elif struct.pack(f"<{field.code}", value) != struct.pack(f"<{field.code}", field.default):
                    ready.append((field, value))
            except (struct.error, OverflowError, TypeError, ValueError):
                raise ModelError(f"expected {_wanted(field)}, got {_got(value)}", f"{where}.{field.name}") from None
        builder = self.builder
        builder.StartObject(layout.slots)
        for field, value in ready:
            if isinstance(value, At):
                builder.PrependUOffsetTRelative(value.offset)
            else:
                builder.Prepend(_FLAGS[field.code], value)
            builder.Slot(field.slot)
        return At(builder.EndObject())

    def finish(self, root: At) -> bytes:
        self.builder.Finish(root.offset, file_identifier=schema.IDENTIFIER)
        return bytes(self.builder.Output())

    def _part(self, field: Field, value: Any) -> At:
        """What a table refers to, written."""
        if isinstance(value, At):
            return value
        if field.kind == STRING:
            return At(self.builder.CreateString(value, errors="surrogateescape"))
        if field.kind == TABLES:
            return self._tables(value)
        if field.kind == VECTOR:
            return self._vector(field, value)
        raise TypeError(field.kind)

    def _vector(self, field: Field, value: Any) -> At:
        if field.code == "B" and not isinstance(value, np.ndarray):
            return At(self.builder.CreateByteVector(bytes(value)))
        dtype = np.dtype("<" + field.code)
        if isinstance(value, np.ndarray):
            if value.dtype != dtype or value.ndim != 1:
                raise TypeError(value.dtype)
            return At(self.builder.CreateNumpyVector(value))
        packed = struct.pack(f"<{len(value)}{field.code}", *value)
        return At(self.builder.CreateNumpyVector(np.frombuffer(packed, dtype)))

    def _tables(self, tables: Sequence[At]) -> At:
        self.builder.StartVector(4, len(tables), 4)
        for table in reversed(tables):
            self.builder.PrependUOffsetTRelative(table.offset)
        return At(self.builder.EndVector())


def _wanted(field: Field) -> str:
    """What a field holds, in words."""
    numbers = str(np.dtype(field.code)) if field.code else ""
    return {SCALAR: numbers, STRING: "a string", VECTOR: f"a vector of {numbers}"}.get(field.kind, "a table")


def _got(value: Any) -> str:
    return f"{value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else repr(value)[:80]
