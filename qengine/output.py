"""What is asked of a tensor, and what an output takes over from its operator and inputs where nothing is asked."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from typing import Any

import numpy as np

from .model import Quantization, Shape, Tensor, TensorType
from .op import Fixed, LikeInput, LikeOutput, Op, Spec, Unquantized
from .packing import integer_range, type_of

QUANTIZED = (TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.INT4)
_TYPE_OPTIONS = ("output_type", "out_type", "out_data_type")


@dataclass(frozen=True)
class Output:
    """What is asked of one output of a node; what is left out follows from the operator and its inputs.

    scale: one number, or one for every index along `axis`, counted from the end if negative. quantization: instead of
    scale, and taken as it is.
    """

    name: str | None = None
    shape: Iterable[int] | None = None
    type: Any = None
    scale: Any = None
    zero_point: Any = 0
    axis: int = 0
    quantization: Quantization | None = None
    shape_signature: Iterable[int] | None = None


def settled(op: Op) -> Op:
    """The operator with its options as a file holds them: float32 numbers, whole numbers, enumerations, tuples.

    TypeError or ValueError where an option isn't of its field's type.
    """
    options = {option.name: getattr(op, option.name) for option in fields(op)}  # type: ignore[arg-type]
    defaults = {option.name: option.default for option in fields(op)}  # type: ignore[arg-type]
    return replace(op, **{name: _option(value, defaults[name]) for name, value in options.items()})  # type: ignore[type-var]


def _option(value: Any, default: Any) -> Any:
    if isinstance(value, list | tuple | np.ndarray):
        return tuple(_option(part, 0.0 if isinstance(part, float) else 0) for part in value)
    if isinstance(default, IntEnum):
        return type(default)(value)
    if isinstance(default, float):
        return float(np.float32(value))
    if isinstance(default, bool):
        return bool(value)
    return operator.index(value) if isinstance(default, int) else value


def followed(op: Op, inputs: Sequence[Spec | None]) -> Spec | None:
    """The input that the output is like: the one the rule names, else the first that isn't constant, else the first."""
    if isinstance(op.rule, LikeInput) and op.rule.inputs[0] < len(inputs):
        return inputs[op.rule.inputs[0]]
    present = [spec for spec in inputs if spec is not None]
    return next((spec for spec in present if spec.value is None), present[0] if present else None)


def output_type(op: Op, inputs: Sequence[Spec | None]) -> TensorType:
    """The type that an option of the operator names, else that of the input the output follows.

    ValueError where neither says it (a comparison's flags).
    """
    for option in fields(op):  # type: ignore[arg-type]
        if option.name in _TYPE_OPTIONS:
            return TensorType(getattr(op, option.name))
    like = followed(op, inputs)
    if like is None or isinstance(op.rule, Unquantized):
        raise ValueError(f"expected `type` for the output of {op.name}")
    return like.type


def output_quantization(op: Op, inputs: Sequence[Spec | None], type_: TensorType) -> Quantization | None:
    """How the output is quantized by the operator's rule; None for real numbers and for integers that count.

    ValueError where the output is quantized and the rule leaves its scale open.
    """
    like = followed(op, inputs)
    if type_ not in QUANTIZED or isinstance(op.rule, Unquantized) or like is None:
        return None
    quantized = like.quantization is not None and like.quantization.is_affine
    if not quantized and like.type is not TensorType.FLOAT32:
        return None
    if isinstance(op.rule, Fixed) and type_ in op.rule.parameters:
        return Quantization.of(*op.rule.parameters[type_])
    if isinstance(op.rule, LikeInput) and like.type is type_:
        return like.quantization
    if isinstance(op.rule, LikeOutput):
        among = {spec.quantization for spec in inputs if spec is not None and spec.type is type_}
        if len(among) == 1:
            return among.pop()
    raise ValueError(f"expected `scale` for the {type_.name} output of {op.name}")


def completed(op: Op, inputs: Sequence[Spec | None], asked: Output) -> Output:
    """What is asked, with the type and the quantization that follow from the operator and its inputs."""
    type_ = output_type(op, inputs) if asked.type is None else type_of(asked.type)
    if asked.scale is None and asked.quantization is None:
        return replace(asked, type=type_, quantization=output_quantization(op, inputs, type_))
    return replace(asked, type=type_)


def spec_of(tensor: Tensor) -> Spec:
    """The tensor as operators see it."""
    value = tensor.array if tensor.is_constant else None
    return Spec(tensor.shape, tensor.type, tensor.quantization, value, tensor.is_variable, tensor.name)


def tensor_of(asked: Output) -> Tensor:
    """A tensor without data, as asked. ValueError where its quantization doesn't fit its type or shape."""
    type_ = type_of(asked.type)
    shape = None if asked.shape is None else tuple(int(length) for length in asked.shape)
    signature = None if asked.shape_signature is None else tuple(asked.shape_signature)
    quantization = asked.quantization
    if asked.scale is not None:
        if quantization is not None:
            raise ValueError("expected `scale` or `quantization`, got both")
        quantization = _affine(asked, type_, shape)
    return Tensor(asked.name, shape, type_, None, quantization, signature)


def _affine(asked: Output, type_: TensorType, shape: Shape | None) -> Quantization:
    """Scale and zero point, held to what real = scale * (q - zero_point) needs."""
    axis = asked.axis + len(shape or ()) if asked.axis < 0 else asked.axis
    found = Quantization.of(asked.scale, asked.zero_point, axis)
    assert found.scale is not None
    assert found.zero_point is not None
    if type_.dtype.kind not in "iu":
        raise ValueError(f"expected an integer type where there is a scale, got {type_.name}")
    if not (np.isfinite(found.scale) & (found.scale > 0)).all():
        raise ValueError(f"expected finite scales above 0, got {found.scale.tolist()}")
    low, high = integer_range(type_)
    if found.zero_point.min() < low or found.zero_point.max() > high:
        raise ValueError(f"expected zero points in [{low}, {high}] for {type_.name}, got {found.zero_point.tolist()}")
    channels = len(found.scale)
    if channels > 1 and shape is not None and (not 0 <= axis < len(shape) or shape[axis] != channels):
        raise ValueError(f"expected one scale for every index of axis {asked.axis} of {shape}, got {channels}")
    return found
