"""The fields of a table, as found in the code that flatc generates for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from flatbuffers import number_types

SCALAR, STRING, VECTOR, TABLE, TABLES, UNION = range(6)
"""What a field holds. VECTOR is a vector of scalars, TABLES a vector of tables."""


@dataclass(frozen=True)
class Field:
    """One field of a table. code: struct's letter for a scalar or a vector's element; default: an absent scalar's."""

    name: str
    slot: int
    kind: int
    code: str = ""
    default: Any = None


def derive(table: str, code: Mapping[str, Any]) -> tuple[Field, ...]:
    """The fields of a table from the functions that flatc generated for it, `code` being their namespace.

    `<table>Add<Field>(builder, value)` tells slot, width and default, and the accessor what an offset leads to: both
    are called with stand-ins that note what is asked of them.
    """
    fields = []
    for function, add in code.items():
        if not function.startswith(f"{table}Add"):
            continue
        camel = function.removeprefix(f"{table}Add")
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", camel).lower()
        builder = _Builder()
        add(builder, 0)
        slot, default = builder.arguments
        if builder.method != "PrependUOffsetTRelativeSlot":
            letter = builder.method.removeprefix("Prepend").removesuffix("Slot")
            scalar = _letter(vars(number_types)[f"{letter}Flags"])
            fields.append(Field(name, slot, SCALAR, scalar, bool(default) if scalar == "?" else default))
        else:
            fields.append(Field(name, slot, *_behind(code[table], camel)))
    return tuple(sorted(fields, key=lambda field: field.slot))


def _letter(flags: Any) -> str:
    form = flags.packer_type.format
    return str(form.decode() if isinstance(form, bytes) else form)[-1]


class _Builder:
    """Stands in for flatbuffers.Builder in a generated Add function."""

    method = ""
    arguments: tuple[int, Any] = (0, None)

    def __getattr__(self, method: str) -> Any:
        def note(slot: int, _value: object, default: object) -> None:
            self.method, self.arguments = method, (slot, default)

        return note


class _Seen(Exception):
    """What an accessor was about to read."""


class _Table:
    """Stands in for flatbuffers.table.Table in a generated accessor: every field is there, and reading it raises."""

    Pos = 0
    Bytes = b""

    def __init__(self) -> None:
        self.vector = False

    def Offset(self, _slot: int) -> int:  # noqa: N802
        return 1

    def Vector(self, _offset: int) -> int:  # noqa: N802
        self.vector = True
        return 0

    def Get(self, flags: Any, _offset: int) -> NoReturn:  # noqa: N802
        raise _Seen(VECTOR, _letter(flags))

    def Indirect(self, _offset: int) -> NoReturn:  # noqa: N802
        raise _Seen(TABLES if self.vector else TABLE)

    def String(self, _offset: int) -> NoReturn:  # noqa: N802
        raise _Seen(STRING)

    def Union(self, _table: object, _offset: int) -> NoReturn:  # noqa: N802
        raise _Seen(UNION)


def _behind(accessors: Any, camel: str) -> tuple[Any, ...]:
    """Kind (and element's letter) of a field that is an offset."""
    reader = accessors()
    reader._tab = _Table()
    accessor = vars(accessors)[camel]
    try:
        accessor(*[reader, 0][: accessor.__code__.co_argcount])
    except _Seen as seen:
        return seen.args
    raise TypeError(f"expected {accessors.__name__}.{camel} to read a field, got nothing read")
