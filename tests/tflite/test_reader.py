"""What a file says, as the runtime reads it; what the schema doesn't know is kept in sight."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from models import tiny
from raw import Raw

from qengine import ops
from qengine.errors import ModelError
from qengine.model import Buffer, Model, TensorType
from qengine.op import CustomOp, Op, UnknownOp
from qengine.options import ActivationFunctionType, Padding
from qengine.tflite import load, to_bytes
from qengine.tflite.put import At


def operator(model: Model) -> Op:
    return model.graphs[0].nodes[0].op


def conv(raw: Raw, **options: Any) -> dict[str, Any]:
    """The changes that make the file's operator a CONV_2D with these options."""
    table = raw.table("Conv2DOptions", **options)
    return {
        "OperatorCode": {"builtin_code": 3},
        "Operator": {"inputs": (0, 1), "builtin_options_type": 1, "builtin_options": table},
    }


# --- operators


def test_options_become_the_operator_s_fields() -> None:
    raw = Raw()
    options = {"padding": 1, "stride_w": 2, "stride_h": 3, "fused_activation_function": 3, "quantized_bias_type": 4}
    op: Any = operator(load(raw.file(**conv(raw, **options))))
    assert type(op) is ops.find("CONV_2D")
    assert op.padding is Padding.VALID
    assert (op.stride_w, op.stride_h, op.dilation_w_factor) == (2, 3, 1)
    assert op.fused_activation_function is ActivationFunctionType.RELU6
    assert op.quantized_bias_type is TensorType.INT64


def test_without_a_table_the_options_are_zeros_as_the_kernels_see_them() -> None:
    op: Any = operator(load(Raw().file(OperatorCode={"builtin_code": 3})))
    assert op.dilation_w_factor == 0
    op = operator(load(Raw().file(OperatorCode={"builtin_code": 22})))
    assert op.new_shape is None


@pytest.mark.parametrize(
    ("older", "newer", "name"),
    [
        (3, 0, "CONV_2D"),
        (0, 3, "CONV_2D"),
        (-1, 3, "CONV_2D"),
        (127, 150, "GELU"),
        (127, 3, "PLACEHOLDER_FOR_GREATER_OP_CODES"),
    ],
)
def test_the_larger_of_both_operator_codes_counts(older: int, newer: int, name: str) -> None:
    code = {"deprecated_builtin_code": older, "builtin_code": newer}
    assert operator(load(Raw().file(OperatorCode=code))).name == name


def test_an_operator_beyond_the_schema_loads_and_cannot_be_saved() -> None:
    model = load(Raw().file(OperatorCode={"builtin_code": 300, "deprecated_builtin_code": 127}))
    assert operator(model) == UnknownOp(300, "UNKNOWN_300")
    with pytest.raises(ModelError, match=r"got UNKNOWN_300 - at `\$.subgraphs\[0\].operators\[0\]`"):
        to_bytes(model)


def test_an_option_beyond_the_schema_is_noted_and_stops_saving() -> None:
    raw = Raw()
    changes = conv(raw)
    changes["Operator"]["builtin_options"] = raw.longer("Conv2DOptions")
    model = load(raw.file(**changes))
    assert model.unknown == ("$.subgraphs[0].operators[0].builtin_options: field 7 of Conv2DOptions",)
    with pytest.raises(ModelError, match=re.escape(model.unknown[0])):
        to_bytes(model)


@pytest.mark.parametrize("table", ["Tensor", "SubGraph", "Operator", "OperatorCode", "Buffer", "Metadata"])
def test_a_field_beyond_the_schema_is_noted_wherever_it_is(table: str) -> None:
    raw = Raw()
    longer = raw.longer(table)
    changes: dict[str, dict[str, Any]] = {
        "Tensor": {"SubGraph": {"tensors": [longer]}},
        "SubGraph": {},
        "Operator": {"SubGraph": {"operators": [longer]}},
        "OperatorCode": {"Model": {"operator_codes": [longer]}},
        "Buffer": {"Model": {"buffers": [longer, longer]}},
        "Metadata": {"Model": {"metadata": [longer]}},
    }[table]
    if table == "SubGraph":
        with pytest.raises(ModelError, match="expected tensors"):
            load(raw.file(Model={"subgraphs": [longer]}))
    else:
        model = load(raw.file(**changes))
        assert any(f"of {table}" in note for note in model.unknown)


def test_a_table_of_another_operator_is_passed_over_as_the_runtime_does_but_kept() -> None:
    raw = Raw()
    changes = conv(raw)
    changes["Operator"] |= {"builtin_options_type": 11, "builtin_options": raw.table("AddOptions")}
    model = load(raw.file(**changes))
    (node,) = model.graphs[0].nodes
    options = {"fused_activation_function": 0, "pot_scale_int16": True}
    assert node.ignored == UnknownOp(3, "CONV_2D", "AddOptions", options)
    assert replace(node.op, dilation_w_factor=1, dilation_h_factor=1) == type(node.op)()
    assert load(to_bytes(model)) == model
    changed = replace(model.graphs[0], nodes=(replace(node, op=replace(node.op, stride_w=2)),))
    with pytest.raises(ModelError, match="expected no options beside those of another operator, got some"):
        to_bytes(replace(model, graphs=(changed,)))


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"custom_options": b"1"}, "custom_options: of a builtin operator"),
        ({"custom_options_format": 1}, "custom_options_format: 1"),
    ],
)
def test_what_a_builtin_operator_has_no_place_for_is_noted(changes: dict[str, Any], note: str) -> None:
    assert load(Raw().file(Operator=changes)).unknown == (f"$.subgraphs[0].operators[0].{note}",)


def test_a_custom_code_of_a_builtin_operator_is_noted() -> None:
    model = load(Raw().file(OperatorCode={"custom_code": "mine"}))
    assert model.unknown == ("$.operator_codes[0].custom_code: 'mine' of a builtin operator",)
    assert load(Raw().file(OperatorCode={"custom_code": ""})).unknown == ()


def test_a_union_member_beyond_the_schema_is_noted() -> None:
    raw = Raw()
    table = raw.table("AddOptions")
    model = load(raw.file(Operator={"builtin_options_type": 200, "builtin_options": table}))
    assert model.unknown == ("$.subgraphs[0].operators[0].builtin_options: BuiltinOptions 200",)


def test_a_custom_operator_keeps_its_bytes() -> None:
    code = {"builtin_code": 32, "custom_code": "mine", "version": 5}
    model = load(Raw().file(OperatorCode=code, Operator={"custom_options": b"flex"}))
    assert operator(model) == CustomOp("mine", Buffer(b"flex"))
    assert model.graphs[0].nodes[0].version == 5
    assert operator(load(Raw().file(OperatorCode=code))) == CustomOp("mine")
    assert operator(load(Raw().file(OperatorCode=code, Operator={"custom_options": b""}))) == CustomOp(
        "mine", Buffer(b"")
    )


def test_deprecated_options_are_passed_over() -> None:
    """RESIZE_BILINEAR once held its output size."""
    raw = Raw()
    builder = raw.put.builder
    builder.StartObject(4)
    builder.PrependInt32Slot(0, 224, 0)
    builder.PrependInt32Slot(1, 224, 0)
    builder.PrependBoolSlot(2, True, False)
    table = At(builder.EndObject())
    options = {"builtin_options_type": 15, "builtin_options": table}
    assert load(raw.file(OperatorCode={"builtin_code": 23}, Operator=options)).unknown == ()


# --- tensors and their bytes


def test_bytes_are_found_by_their_offset() -> None:
    blob = Raw().file(Buffer={"offset": 40, "size": 8})
    model = load(blob)
    assert model.graphs[0].tensors[0].data == Buffer(blob[40:48])


@pytest.mark.parametrize("offset", [0, 1])
def test_offsets_0_and_1_mean_no_bytes(offset: int) -> None:
    assert load(Raw().file(Buffer={"offset": offset, "size": 8})).graphs[0].tensors[0].data is None


def test_a_vector_of_bytes_goes_before_an_offset() -> None:
    tensor = load(Raw().file(Buffer={"data": b"here", "offset": 40, "size": 8})).graphs[0].tensors[0]
    assert tensor.data == Buffer(b"here")


def test_buffer_zero_is_no_data_whatever_it_holds() -> None:
    model = load(Raw().file(Tensor={"buffer": 0}, Buffer={"data": b"nobody's"}))
    assert model.graphs[0].tensors[0].data is None
    assert model.unreferenced == (Buffer(b"nobody's"),)


def test_no_bytes_differ_from_none() -> None:
    assert load(Raw().file()).graphs[0].tensors[0].data is None
    assert load(Raw().file(Buffer={"data": b""})).graphs[0].tensors[0].data == Buffer(b"")


def test_a_name_that_is_not_utf_8() -> None:
    blob = Raw().file(Tensor={"name": "needle"}).replace(b"needle", b"n\xff\xfedle")
    model = load(blob)
    assert model.graphs[0].tensors[0].name == "n\udcff\udcfedle"
    assert load(to_bytes(model)) == model


def test_constants_are_views() -> None:
    blob = to_bytes(tiny())
    data = load(blob).graphs[0].tensors[0].data
    assert isinstance(data, Buffer)
    assert isinstance(data.data, memoryview)
    assert data.data.obj is blob
    assert data.data.readonly


def test_a_buffer_that_may_change_is_copied() -> None:
    held = bytearray(to_bytes(tiny()))
    model = load(held)
    for at in range(len(held)):
        held[at] = 0
    assert model == tiny()
    assert load(memoryview(bytearray(to_bytes(tiny())))) == tiny()


def test_quantization_arrays_are_read_only() -> None:
    raw = Raw()
    scale = np.array([0.5, 0.25], np.float32)
    quantization = raw.table("QuantizationParameters", scale=scale, zero_point=np.array([1, 2]), quantized_dimension=3)
    found = load(raw.file(Tensor={"quantization": quantization})).graphs[0].tensors[0].quantization
    assert found is not None
    assert found.scale is not None
    assert found.scale.tolist() == [0.5, 0.25]
    assert found.axis == 3
    with pytest.raises(ValueError, match="read-only"):
        found.scale[0] = 1


@pytest.mark.parametrize("code", [23, -1, 127])
def test_an_element_type_beyond_the_schema_is_refused(code: int) -> None:
    with pytest.raises(
        ModelError, match=rf"expected TensorType \(0 FLOAT32, .*\), got {code} - at .*tensors\[0\].type"
    ):
        load(Raw().file(Tensor={"type": code}))


def test_tables_that_point_at_each_other_end() -> None:
    """A graph whose list of operators leads back to itself is read as far as the schema is deep."""
    blob = bytearray(Raw().file())
    for at in range(8, len(blob) - 4, 4):
        held = bytearray(blob)
        struct.pack_into("<I", held, at, 2**32 - at & 0xFFFFFFFF)
        try:
            load(bytes(held))
        except ModelError:
            continue


def test_bytes_behind_the_tables_are_kept() -> None:
    blob = to_bytes(tiny())
    assert load(blob).appended is None
    assert load(blob + bytes(16)).appended is None, "a little padding says nothing"
    assert load(blob + b"note").appended == Buffer(b"note")
    assert load(blob + bytes(64)).appended == Buffer(bytes(64))
    assert load(to_bytes(replace(tiny(), appended=Buffer(b"note")))) == replace(tiny(), appended=Buffer(b"note"))
