"""Files written table by table, so that they may say what no Model does."""

from __future__ import annotations

from typing import Any

from qengine.tflite import schema
from qengine.tflite.fields import SCALAR
from qengine.tflite.put import At, Put


def defaults(table: str) -> dict[str, Any]:
    return {field.name: field.default if field.kind == SCALAR else None for field in schema.layout(table).fields}


class Raw:
    """A file with one graph that computes `y` from `x` by one operator; what a test says replaces what it has.

    Each argument of `file` names a table and the fields that it shall have.
    """

    def __init__(self) -> None:
        self.put = Put()

    def table(self, table: str, **values: Any) -> At:
        return self.put.table(table, "", **defaults(table) | values)

    def file(self, **changes: dict[str, Any]) -> bytes:
        def fields(table: str, **values: Any) -> dict[str, Any]:
            return values | changes.get(table, {})

        tensors = [
            self.table("Tensor", **fields("Tensor", name="x", shape=(1,), buffer=1)),
            self.table("Tensor", name="y", shape=(1,)),
        ]
        operator = self.table("Operator", **fields("Operator", inputs=(0,), outputs=(1,)))
        graph = self.table(
            "SubGraph", **fields("SubGraph", tensors=tensors, operators=[operator], inputs=(0,), outputs=(1,))
        )
        code = self.table("OperatorCode", **fields("OperatorCode", builtin_code=0, version=1))
        buffers = [self.table("Buffer"), self.table("Buffer", **fields("Buffer"))]
        model = fields("Model", version=3, operator_codes=[code], subgraphs=[graph], buffers=buffers)
        return self.put.finish(self.table("Model", **model))

    def longer(self, table: str) -> At:
        """A table that has nothing but one field more than the schema has: the number 7 in the slot after the last."""
        builder, slots = self.put.builder, schema.layout(table).slots
        builder.StartObject(slots + 1)
        builder.PrependInt32Slot(slots, 7, 0)
        return At(builder.EndObject())
