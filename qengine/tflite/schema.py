"""The `.tflite` schema as tables of fields: derived from the package `tflite`, plus what that package lacks yet."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, NoReturn

from flatbuffers import number_types

IDENTIFIER = b"TFL3"
VERSION = 3

SCALAR, STRING, VECTOR, TABLE, TABLES, UNION = range(6)
"""What a field holds. VECTOR is a vector of scalars, TABLES a vector of tables."""

CUSTOM = 32
PLACEHOLDER_FOR_GREATER_OP_CODES = 127
"""Operator codes from here on don't fit the older, one byte wide field, which then says this."""


@dataclass(frozen=True)
class Field:
    """One field of a table. code: struct's letter for a scalar or a vector's element; default: an absent scalar's."""

    name: str
    slot: int
    kind: int
    code: str = ""
    default: Any = None


ADDED_FIELDS: Mapping[str, tuple[Field, ...]] = {
    "Model": (Field("external_buffer_groups", 8, TABLES), Field("external_buffers", 9, TABLES)),
    "Tensor": (Field("external_buffer", 10, SCALAR, "I", 0),),
    "FullyConnectedOptions": (Field("quant_spec", 5, VECTOR, "B"),),
    "ExternalBufferGroup": (Field("name", 0, STRING),),
    "ExternalBuffer": (
        Field("id", 0, SCALAR, "I", 0),
        Field("group", 1, SCALAR, "I", 0),
        Field("offset", 2, SCALAR, "Q", 0),
        Field("length", 3, SCALAR, "Q", 0),
        Field("packing", 4, STRING),
    ),
    "BlockwiseQuantization": (
        Field("scales", 0, SCALAR, "i", 0),
        Field("zero_points", 1, SCALAR, "i", 0),
        Field("block_size", 2, SCALAR, "i", 0),
        Field("block_shape", 3, VECTOR, "i"),
    ),
    "MultiAxisQuantization": (
        Field("scales", 0, SCALAR, "i", 0),
        Field("zero_points", 1, SCALAR, "i", 0),
        Field("block_size", 2, SCALAR, "i", 0),
        Field("quantized_dimensions", 3, VECTOR, "i"),
    ),
    "StablehloCaseOptions": (Field("branch_subgraph_indices", 0, VECTOR, "i"),),
}
ADDED_CODES: Mapping[str, Mapping[str, int]] = {
    "BuiltinOperator": {"STABLEHLO_CASE": 209},
    "BuiltinOptions2": {"StablehloCaseOptions": 23},
    "QuantizationDetails": {"BlockwiseQuantization": 2, "MultiAxisQuantization": 3},
}

DEPRECATED: Mapping[str, frozenset[int]] = {
    "ResizeBilinearOptions": frozenset({0, 1}),
    "SignatureDef": frozenset({3}),
}
"""Slots that the schema has given up and that no runtime reads: an output size, and a model tag."""

_SHARED_TABLES: Mapping[str, tuple[str, ...]] = {
    "Pool2DOptions": ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"),
    "L2NormOptions": ("L2_NORMALIZATION",),
    "ReducerOptions": ("MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"),
    "MaximumMinimumOptions": ("MAXIMUM", "MINIMUM"),
    "SequenceRNNOptions": ("UNIDIRECTIONAL_SEQUENCE_RNN",),
    "RandomOptions": ("RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "MULTINOMIAL"),
    "Conv3DOptions": ("CONV_3D", "CONV_3D_TRANSPOSE"),
}
"""Options tables that aren't named after their one operator."""


@dataclass(frozen=True)
class Layout:
    """The fields of a table, by slot. slots: how many the schema has, deprecated ones included."""

    table: str
    fields: tuple[Field, ...]
    slots: int
    deprecated: frozenset[int] = frozenset()


@cache
def layout(table: str) -> Layout:
    """The layout of a table; KeyError where neither the package nor this module has it."""
    module = generated(table)
    fields = derive(table, vars(module)) if module is not None else ()
    known = {field.name for field in fields}
    fields += tuple(field for field in ADDED_FIELDS.get(table, ()) if field.name not in known)
    if module is None and table not in ADDED_FIELDS:
        raise KeyError(table)
    deprecated = DEPRECATED.get(table, frozenset())
    slots = max([field.slot for field in fields] + list(deprecated), default=-1) + 1
    return Layout(table, fields, slots, deprecated)


@cache
def codes(enumeration: str) -> Mapping[str, int]:
    """The names and values of an enumeration or union of the schema."""
    module = generated(enumeration)
    own = {} if module is None else vars(vars(module)[enumeration])
    found = {name: value for name, value in own.items() if isinstance(value, int) and not name.startswith("_")}
    return found | ADDED_CODES.get(enumeration, {})


@cache
def names(enumeration: str) -> Mapping[int, str]:
    return {value: name for name, value in codes(enumeration).items()}


@cache
def table_of(operator: str) -> tuple[str | None, bool]:
    """The options table of a builtin operator (None where the schema has none), and whether it is in the second union.

    It is the table named as the operator is (`CONV_2D`, `Conv2DOptions`), but for those that several share.
    """
    for table, sharers in _SHARED_TABLES.items():
        if operator in sharers:
            return table, False
    stem = operator.replace("_", "").lower() + "options"
    for union in ("BuiltinOptions", "BuiltinOptions2"):
        for table in codes(union):
            if table.lower() == stem:
                return table, union == "BuiltinOptions2"
    return None, False


@cache
def generated(name: str) -> ModuleType | None:
    """The package's module for one table or enumeration, without its `__init__`, which imports all 188 (20 ms)."""
    package = importlib.util.find_spec("tflite")
    if package is None or package.submodule_search_locations is None:
        raise ImportError("expected the package `tflite`, got none; `pip install tflite`")
    spec = importlib.machinery.PathFinder.find_spec(f"tflite.{name}", package.submodule_search_locations)
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
