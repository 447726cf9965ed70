"""The `.tflite` schema as tables of fields: derived from the package `tflite`, plus what that package lacks yet."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from .fields import SCALAR, STRING, TABLES, VECTOR, Field, derive

IDENTIFIER = b"TFL3"
VERSION = 3

CUSTOM = 32
PLACEHOLDER_FOR_GREATER_OP_CODES = 127
"""Operator codes from here on don't fit the older, one byte wide field, which then says this."""


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
    own: Mapping[str, object] = {} if module is None else vars(vars(module)[enumeration])
    found = {name: value for name, value in own.items() if isinstance(value, int) and not name.startswith("_")}
    return {**found, **ADDED_CODES.get(enumeration, {})}


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
