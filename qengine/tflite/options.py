"""One codec for the options of all operators: fields of a table to and from an operator's dataclass."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import IntEnum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from .. import ops
from ..errors import ModelError
from ..op import Op, UnknownOp
from . import schema

_ZEROS = {"?": False, "f": 0.0, "d": 0.0}


def operator(name: str, values: Mapping[str, Any] | None, where: str) -> Op | None:
    """The operator `name` with the fields of its table, or None where it has no file in `ops/`.

    None for a node without a table: then the runtime's kernels see zeros, not the schema's defaults, and so do we.
    """
    kind = ops.find(name)
    if kind is None:
        return None
    if values is None:
        table, _ = schema.table_of(name)
        known = schema.layout(table).fields if table is not None else ()
        values = {field.name: _ZEROS.get(field.code, 0) if field.kind == schema.SCALAR else None for field in known}
    converted = {}
    for name_, convert in _converters(kind):
        try:
            converted[name_] = convert(values[name_])
        except ValueError as error:
            raise ModelError(str(error), f"{where}.{name_}") from None
    return kind(**converted)


def has_file(name: str) -> bool:
    return ops.find(name) is not None


def unknown(code: int, name: str, table: str | None, values: Mapping[str, Any] | None, second: bool) -> UnknownOp:
    """An operator without a file, with its options as they are; vectors of bytes are copied."""
    plain = None if values is None else {key: _plain(value) for key, value in values.items()}
    return UnknownOp(code, name, table, plain, second)


def code(op: Op, where: str) -> int:
    """The builtin code of an operator; ModelError for one that the schema doesn't have."""
    number = schema.codes("BuiltinOperator").get(op.name)
    if number is None or (isinstance(op, UnknownOp) and number != op.builtin_code):
        raise ModelError(f"expected an operator of the schema, got {op.name}", where)
    return number


def table_values(op: Op, where: str) -> tuple[str | None, bool, Mapping[str, Any]]:
    """Which table an operator's options go to, whether it is of the second union, and all of its fields."""
    if isinstance(op, UnknownOp):
        table, second, given = op.table, op.second, dict(op.options or {})
        if table is not None and table not in schema.codes("BuiltinOptions2" if second else "BuiltinOptions"):
            raise ModelError(f"expected an options table of the schema, got {table}", where)
    else:
        table, second = schema.table_of(op.name)
        given = {field.name: getattr(op, field.name) for field in fields(op)}
    known = () if table is None else schema.layout(table).fields
    extra = given.keys() - {field.name for field in known}
    if extra:
        raise ModelError(f"expected options that the schema has, got {min(extra)} for {op.name}", where)
    return table, second, {field.name: given.get(field.name, field.default) for field in known}


@cache
def _converters(kind: type[Op]) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, _converter(hints[field.name])) for field in fields(kind))


def _converter(hint: Any) -> Callable[[Any], Any]:
    """What turns a field as it is read into the type that the dataclass says."""
    if get_origin(hint) in (Union, types.UnionType):
        (inner,) = [_converter(part) for part in get_args(hint) if part is not type(None)]
        return lambda value: None if value is None else inner(value)
    if get_origin(hint) is tuple:
        element = _converter(get_args(hint)[0])
        return lambda value: tuple(map(element, value))
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return lambda value: _member(hint, value)
    if hint is bytes:
        return bytes
    return _plain


def _member(enumeration: type[IntEnum], value: int) -> IntEnum:
    try:
        return enumeration(value)
    except ValueError:
        known = ", ".join(f"{member.value} {member.name}" for member in enumeration)
        raise ValueError(f"expected {enumeration.__name__} ({known}), got {value}") from None


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
