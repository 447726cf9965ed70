"""Our knowledge of the schema, against the runtime's own generated code and against the operators' dataclasses."""

from __future__ import annotations

import enum
import inspect
import subprocess
import sys
import types
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

import qengine
from qengine import options
from qengine.model import DimensionType, TensorType
from qengine.op import Op
from qengine.ops import find
from qengine.tflite import schema
from qengine.tflite.fields import SCALAR, STRING, VECTOR, Field, derive
from qengine.tflite.options import schema_name

OPERATORS = sorted(
    path.stem.upper()
    for path in (Path(qengine.__file__).parent / "ops").glob("*.py")
    if path.stem.upper() in schema.codes("BuiltinOperator")
)
ENUMERATIONS = [TensorType, DimensionType] + [
    part
    for part in vars(options).values()
    if isinstance(part, type) and issubclass(part, enum.IntEnum) and part.__module__ == options.__name__
]
UNIONS = ("BuiltinOptions", "BuiltinOptions2", "QuantizationDetails", "SparseIndexVector")


@pytest.fixture(scope="module")
def runtime() -> types.ModuleType:
    """The runtime's schema, of whatever version is installed: the newer, the better."""
    return pytest.importorskip("ai_edge_litert.schema_py_generated")


def tables(runtime: types.ModuleType) -> list[str]:
    return [name for name, part in vars(runtime).items() if inspect.isclass(part) and f"{name}Start" in vars(runtime)]


def codes(runtime: types.ModuleType, enumeration: str) -> dict[str, int]:
    return {name: code for name, code in vars(vars(runtime)[enumeration]).items() if isinstance(code, int)}


def test_every_table_of_the_runtime_is_known_with_all_its_fields(runtime: types.ModuleType) -> None:
    found = tables(runtime)
    assert len(found) > 150
    for table in found:
        assert schema.layout(table).fields == derive(table, vars(runtime)), table


def test_every_code_of_the_runtime_is_known(runtime: types.ModuleType) -> None:
    for name in ("BuiltinOperator", *UNIONS):
        assert schema.codes(name) == codes(runtime, name), name


@pytest.mark.parametrize("enumeration", ENUMERATIONS, ids=lambda part: part.__name__)
def test_our_enumerations_are_the_runtime_s(enumeration: type[enum.IntEnum], runtime: types.ModuleType) -> None:
    assert {member.name: member.value for member in enumeration} == codes(runtime, enumeration.__name__)


def test_what_is_added_is_not_in_the_package_yet() -> None:
    """Else the additions are dead: a newer package has caught up."""
    for table, added in schema.ADDED_FIELDS.items():
        module = schema.generated(table)
        known = set() if module is None else {field.name for field in derive(table, vars(module))}
        assert not known & {field.name for field in added}, table
    for enumeration, names in schema.ADDED_CODES.items():
        module = schema.generated(enumeration)
        assert module is not None
        assert not vars(vars(module)[enumeration]).keys() & names.keys(), enumeration


def test_the_package_s_init_is_not_run() -> None:
    """It imports all of its tables, which takes longer than reading a model."""
    code = "import sys\nfrom qengine.tflite import schema\nschema.layout('Model')\nprint('tflite' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_layout_by_eye() -> None:
    assert schema.layout("Conv2DOptions").fields == (
        Field("padding", 0, SCALAR, "b", 0),
        Field("stride_w", 1, SCALAR, "i", 0),
        Field("stride_h", 2, SCALAR, "i", 0),
        Field("fused_activation_function", 3, SCALAR, "b", 0),
        Field("dilation_w_factor", 4, SCALAR, "i", 1),
        Field("dilation_h_factor", 5, SCALAR, "i", 1),
        Field("quantized_bias_type", 6, SCALAR, "b", 0),
    )
    assert schema.layout("ReshapeOptions").fields == (Field("new_shape", 0, VECTOR, "i"),)
    assert schema.layout("ResizeBilinearOptions").fields[0] == Field("align_corners", 2, SCALAR, "?", False)
    assert schema.layout("VarHandleOptions").fields[1] == Field("shared_name", 1, STRING)
    with pytest.raises(KeyError):
        schema.layout("NoSuchTable")


# --- which options table an operator has

WITHOUT_TABLE = {
    *("CEIL", "CUSTOM", "DELEGATE", "ELU", "EMBEDDING_LOOKUP", "FLOOR", "HASHTABLE_LOOKUP", "LOGISTIC", "LOG", "PRELU"),
    *("RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "ROUND", "RSQRT", "SIN", "SQRT", "TANH", "IMAG", "REAL"),
    *("COMPLEX_ABS", "BROADCAST_ARGS", "PLACEHOLDER_FOR_GREATER_OP_CODES"),
}
STABLEHLO_WITHOUT_TABLE = {
    *("LOGISTIC", "ADD", "DIVIDE", "MULTIPLY", "MAXIMUM", "RESHAPE", "CLAMP", "ABS", "AND", "COSINE", "EXPONENTIAL"),
    *("FLOOR", "LOG", "MINIMUM", "NEGATE", "OR", "POWER", "REMAINDER", "RSQRT", "SELECT", "SUBTRACT", "TANH"),
    *("CONVERT", "DYNAMIC_UPDATE_SLICE", "CBRT"),
}


def test_every_options_table_belongs_to_an_operator_and_every_other_operator_has_none() -> None:
    found = {name: schema.table_of(name) for name in schema.codes("BuiltinOperator")}
    for union, second in (("BuiltinOptions", False), ("BuiltinOptions2", True)):
        known = schema.codes(union).keys() - {"NONE"}
        assert known == {table for table, is_second in found.values() if table is not None and is_second == second}
    without = {name for name, (table, _) in found.items() if table is None}
    assert without == WITHOUT_TABLE | {f"STABLEHLO_{name}" for name in STABLEHLO_WITHOUT_TABLE}


@pytest.mark.parametrize(
    ("operator", "table"),
    [
        ("CONV_2D", "Conv2DOptions"),
        ("MAX_POOL_2D", "Pool2DOptions"),
        ("REDUCE_ALL", "ReducerOptions"),
        ("MINIMUM", "MaximumMinimumOptions"),
        ("UNIDIRECTIONAL_SEQUENCE_RNN", "SequenceRNNOptions"),
        ("TOPK_V2", "TopKV2Options"),
        ("RFFT2D", "Rfft2dOptions"),
    ],
)
def test_the_table_of_an_operator(operator: str, table: str) -> None:
    assert schema.table_of(operator) == (table, False)
    assert schema.table_of("STABLEHLO_COMPOSITE") == ("StableHLOCompositeOptions", True)


# --- operators' dataclasses are their tables


@pytest.mark.parametrize("name", OPERATORS)
def test_fields_of_an_operator_are_those_of_its_table(name: str) -> None:
    """Which are the runtime's, as another test says."""
    operator: Any = find(name)
    table, _ = schema.table_of(name)
    known = () if table is None else schema.layout(table).fields
    assert [schema_name(field) for field in fields(operator)] == [field.name for field in known]
    for ours, theirs in zip(fields(operator), known, strict=True):
        assert ours.default is not MISSING
        assert ours.default == theirs.default, ours.name
        assert fits(get_type_hints(operator)[ours.name], theirs), ours.name


def fits(hint: Any, field: Field) -> bool:
    """Whether a dataclass' annotation is that of such a field."""
    if field.kind == SCALAR:
        return is_number(hint, field.code)
    if field.kind == STRING:
        return bool(hint == str | None)
    if field.code == "B" and hint == bytes | None:
        return True
    (vector,) = [part for part in get_args(hint) if part is not types.NoneType]
    element, *rest = get_args(vector)
    return bool(hint == vector | None and rest == [...] and is_number(element, field.code))


def is_number(hint: Any, code: str) -> bool:
    kind = {"?": bool, "f": float, "d": float}.get(code, int)
    return hint is kind or (kind is int and issubclass(hint, enum.IntEnum))


def test_an_operator_s_code_is_its_name_s() -> None:
    for name in OPERATORS:
        operator = find(name)
        assert operator is not None
        assert issubclass(operator, Op)
        assert operator.code == schema.codes("BuiltinOperator")[name]
