"""The QuantizationParameters table, read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..model import Blockwise, CustomQuantization, MultiAxis, Quantization
from . import schema
from .flat import Flat

if TYPE_CHECKING:
    from .put import At, Put

Details = Blockwise | MultiAxis | CustomQuantization


def read_quantization(flat: Flat, at: int, where: str) -> Quantization:
    values = flat.read("QuantizationParameters", at, where, arrays=True)
    return Quantization(
        scale=values["scale"],
        zero_point=values["zero_point"],
        axis=values["quantized_dimension"],
        low=values["min"],
        high=values["max"],
        details=_read_details(flat, values, f"{where}.details"),
    )


def _read_details(flat: Flat, values: dict[str, Any], where: str) -> Details | None:
    table = flat.member("QuantizationDetails", values["details_type"], values["details"], where)
    if table is None:
        return None
    details = flat.read(table, values["details"], where)
    if table == "CustomQuantization":
        custom = details["custom"]
        return CustomQuantization(None if custom is None else bytes(custom))
    return Blockwise(**details) if table == "BlockwiseQuantization" else MultiAxis(**details)


def put_quantization(put: Put, quantization: Quantization, where: str) -> At:
    kind, details = _put_details(put, quantization.details, f"{where}.details")
    return put.table(
        "QuantizationParameters",
        where,
        min=quantization.low,
        max=quantization.high,
        scale=quantization.scale,
        zero_point=quantization.zero_point,
        details_type=kind,
        details=details,
        quantized_dimension=quantization.axis,
    )


def _put_details(put: Put, details: Details | None, where: str) -> tuple[int, At | None]:
    if details is None:
        return 0, None
    table = {
        CustomQuantization: "CustomQuantization",
        Blockwise: "BlockwiseQuantization",
        MultiAxis: "MultiAxisQuantization",
    }[type(details)]
    return schema.codes("QuantizationDetails")[table], put.table(table, where, **vars(details))
