"""One codec for the options of all operators: the fields of a table to and from an operator's dataclass."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from .. import ops
from ..errors import ModelError
from ..model import Node
from ..op import Op, UnknownOp
from . import schema
from .fields import SCALAR
from .flat import Flat
from .members import member

if TYPE_CHECKING:
    from .put import Put

_Convert = Callable[[Any, str], Any]

UNIONS = (
    ("BuiltinOptions", "builtin_options", "builtin_options"),
    ("BuiltinOptions2", "builtin_options2", "builtin_options_2"),
)
"""The two unions that hold options tables: their names, and those of their fields in code and in the schema."""


def read_options(flat: Flat, code: int, operator: Mapping[str, Any], where: str) -> tuple[Op, UnknownOp | None]:
    """The builtin operator with this code and the options of an Operator table; an UnknownOp where it has no file.

    Without a table the runtime's kernels see zeros, not the schema's defaults, and so do we. A table that isn't the
    operator's own they pass over; it comes second, as what it would be if nothing were known of the operator.
    """
    name = schema.names("BuiltinOperator").get(code, f"UNKNOWN_{code}")
    second = operator["builtin_options2_type"] != 0
    if second and operator["builtin_options_type"] != 0:
        flat.unknown.append(f"{where}.builtin_options: beside builtin_options_2")
    union, field, place = UNIONS[second]
    place = f"{where}.{place}"
    table = flat.member(union, operator[f"{field}_type"], operator[field], place)
    values = None if table is None else flat.read(table, operator[field], place)
    kind: Any = ops.find(name)
    found = UnknownOp(code, name, table, None if values is None else _plain(values), second)
    if kind is None:
        return found, None
    own = (table, second) == schema.table_of(name)
    if values is None or not own:
        values = _zeros(name)
    converters: dict[str, _Convert] = _converters(kind)
    if len(converters) < len(values):
        flat.unknown += [f"{place}.{key}" for key, value in values.items() if key not in converters and value]
    given = {key: convert(values[key], f"{place}.{key}") for key, convert in converters.items()}
    op: Op = kind(**{part.name: given[schema_name(part)] for part in _fields(kind)})
    return op, None if own or table is None else found


def put_options(put: Put, node: Node, where: str) -> dict[str, Any]:
    """The fields of an Operator table that hold the options of a builtin operator."""
    op = node.op
    table, second, given = _table(op)
    if node.ignored is not None:
        if given != _zeros(op.name):
            raise ModelError("expected no options beside those of another operator, got some", where)
        table, second, given = _table(node.ignored)
    if table is None and not given:
        return {}
    union, field, place = UNIONS[second]
    known = schema.layout(table).fields if table in schema.codes(union) else ()
    beyond = given.keys() - {part.name for part in known}
    if table is None or table not in schema.codes(union) or beyond:
        got = f"{min(beyond)} in {table}" if beyond else table
        raise ModelError(f"expected options that the schema has for {op.name}, got {got}", f"{where}.{place}")
    values = {part.name: given.get(part.name, part.default) for part in known}
    return {f"{field}_type": schema.codes(union)[table], field: put.table(table, f"{where}.{place}", **values)}


def code_of(op: Op, where: str) -> int:
    """The builtin code of an operator; ModelError for one that the schema doesn't have."""
    code = schema.codes("BuiltinOperator").get(op.name)
    if code is None or (isinstance(op, UnknownOp) and code != op.builtin_code):
        raise ModelError(f"expected an operator of the schema, got {op.name}", where)
    return code


def _table(op: Op) -> tuple[str | None, bool, Mapping[str, Any]]:
    """Which table an operator's options go to, whether it is of the second union, and what is in it."""
    if isinstance(op, UnknownOp):
        return op.table, op.second, op.options or {}
    table, second = schema.table_of(op.name)
    return table, second, {schema_name(field): getattr(op, field.name) for field in _fields(type(op))}


def _zeros(name: str) -> dict[str, Any]:
    table, _ = schema.table_of(name)
    known = () if table is None else schema.layout(table).fields
    return {field.name: type(field.default)() if field.kind == SCALAR else None for field in known}


def schema_name(field: Field[Any]) -> str:
    """The schema's name of an option: the field's own, but where that means something else to every operator."""
    name: str = field.metadata.get("schema", field.name)
    return name


def _fields(kind: Any) -> tuple[Field[Any], ...]:
    return fields(kind)


@cache
def _converters(kind: Any) -> dict[str, _Convert]:
    """For each field of an operator's dataclass, what makes its value from what the file has."""
    hints = get_type_hints(kind)
    return {schema_name(field): _converter(hints[field.name]) for field in _fields(kind)}


def _converter(hint: Any) -> _Convert:
    """What turns a field, as it is read, into the type that the dataclass says."""
    if get_origin(hint) in (Union, types.UnionType):
        (inner,) = [_converter(part) for part in get_args(hint) if part is not type(None)]
        return lambda value, where: None if value is None else inner(value, where)
    if get_origin(hint) is tuple:
        element = _converter(get_args(hint)[0])
        return lambda value, where: tuple(element(part, f"{where}[{i}]") for i, part in enumerate(value))
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return lambda value, where: member(hint, value, where)
    return lambda value, where: _copied(value)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _copied(value) for name, value in values.items()}


def _copied(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
