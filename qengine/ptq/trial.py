"""Asks an operator whether it would run with operands quantized so: there is no list of what can be quantized."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Blockwise, Model, Node, Quantization, Shape, TensorType
from ..op import Fixed, LikeInput, LikeOutput, Op, Spec, Specs
from ..program import Runtime, plan_node
from .fuse import has_option, with_options
from .plan import Activation, Bias, Operand, Weight
from .recurrent import Recurrent
from .rehearse import LEAST, rehearsed

_SCALE = 0.0625


class Trial:
    """Plans single nodes in every kernel set, with made-up scales, to see whether the runtime would take them."""

    def __init__(self, model: Model, shapes: Callable[[int, int], Shape | None] | None = None) -> None:
        self._model = model
        self._shapes = shapes
        self._computing: dict[tuple[type[Op], TensorType], bool] = {}
        self._runtimes = {profile: Runtime(model, profile, native=False) for profile in Profile}

    def refuses(
        self,
        graph: int,
        node: Node,
        operands: Sequence[Operand],
        activation: TensorType | None,
        recurrent: Recurrent | None,
    ) -> str:
        """Why a node can't run so; empty where it can in every kernel set that runs its float form.

        activation: the type of quantized outputs; None: they are real numbers.
        """
        plain = self._specs(graph, node)
        running = [profile for profile in Profile if not self._error(node.op, plain, profile)]
        if not running:
            return self._error(node.op, plain, Profile.OPTIMIZED)
        op = operator_for(node.op, operands, activation)
        specs = self._quantized(plain, node, operands, activation)
        if recurrent is not None:
            specs = recurrent.trial(specs)
        for profile in running:
            error = self._error(op, specs, profile)
            if error:
                return error
        if (
            activation is not None
            and recurrent is None
            and not self._computes(node.op, op, plain, operands, activation)
        ):
            return "its integer kernel takes the integers for the numbers themselves"
        return ""

    def _computes(
        self, op: Op, integer_op: Op, plain: Specs, operands: Sequence[Operand], activation: TensorType
    ) -> bool:
        """Whether the integer kernel computes what the float one does; worked out once for each kind of operator."""
        key = (type(op), activation)
        if key not in self._computing:
            profile = next(p for p in (Profile.OPTIMIZED, *Profile) if not self._error(op, plain, p))
            runtime = self._runtimes[profile]
            decibels = rehearsed(op, integer_op, plain, operands, activation, profile, runtime)
            if decibels is None:
                return True
            self._computing[key] = decibels >= LEAST[activation]
        return self._computing[key]

    def _error(self, op: Op, specs: Specs, profile: Profile) -> str:
        try:
            plan_node(op, specs, profile, self._runtimes[profile])
        except ModelError as error:
            return error.message
        except NotImplementedError:
            return "qengine can't run it"
        return ""

    def _specs(self, graph: int, node: Node) -> Specs:
        def spec(i: int) -> Spec:
            tensor = self._model.graphs[graph].tensors[i]
            known = None if self._shapes is None else self._shapes(graph, i)
            shape = tensor.shape or () if known is None else known
            value = tensor.array if tensor.is_constant else None
            return Spec(shape, tensor.type, tensor.quantization, value, tensor.is_variable, tensor.name)

        return Specs(
            tuple(None if i < 0 else spec(i) for i in node.inputs),
            tuple(spec(i) for i in node.outputs),
            tuple(None if i < 0 else spec(i) for i in node.intermediates or ()),
        )

    def _quantized(self, plain: Specs, node: Node, operands: Sequence[Operand], activation: TensorType | None) -> Specs:
        inputs = [
            None if spec is None else _as(spec, operand) for spec, operand in zip(plain.inputs, operands, strict=True)
        ]
        if activation is None:
            return replace(plain, inputs=tuple(inputs))
        for position, operand in enumerate(operands):
            spec = plain.inputs[position]
            if isinstance(operand, Activation) and spec is not None:
                inputs[position] = _activation(spec, activation, 0)
        fixed = node.op.rule.parameters.get(activation) if isinstance(node.op.rule, Fixed) else None
        outputs = []
        for spec in plain.outputs:
            real = spec.type is TensorType.FLOAT32
            outputs.append(_activation(spec, activation, 0, fixed) if real else spec)
        if not isinstance(node.op.rule, LikeInput | LikeOutput):
            inputs = [_shifted(spec, operand) for spec, operand in zip(inputs, operands, strict=True)]
        return replace(plain, inputs=tuple(inputs), outputs=tuple(outputs))


def operator_for(op: Op, operands: Sequence[Operand], activation: TensorType | None) -> Op:
    """The operator with the options that its quantized form needs."""
    weights = [operand for operand in operands if isinstance(operand, Weight)]
    if activation is None:
        dynamic = any(not weight.decoded for weight in weights)
        if dynamic and has_option(op, "asymmetric_quantize_inputs"):
            return with_options(op, asymmetric_quantize_inputs=True)
        return op
    if activation is TensorType.INT16:
        if has_option(op, "pot_scale_int16"):
            op = with_options(op, pot_scale_int16=False)
        bias = any(isinstance(operand, Bias) for operand in operands)
        if bias and has_option(op, "quantized_bias_type"):
            op = with_options(op, quantized_bias_type=TensorType.INT64)
    return op


def _as(spec: Spec, operand: Operand) -> Spec:
    """A constant as it would be kept: zeros with made-up scales."""
    shape = spec.shape or ()
    if isinstance(operand, Weight) and not operand.decoded:
        value = np.broadcast_to(operand.type.dtype.type(0), shape)
        if operand.block_size:
            scales = np.full((*shape[:-1], shape[-1] // operand.block_size), _SCALE, np.float16)
            blocks = Quantization(details=Blockwise(scales=-1, block_size=operand.block_size))
            return replace(spec, type=operand.type, quantization=blocks, value=value, block_scale=scales)
        channels = 1 if operand.axis is None else shape[operand.axis]
        quantization = Quantization.of(np.full(channels, _SCALE), 0, 0 if operand.axis is None else operand.axis)
        return replace(spec, type=operand.type, quantization=quantization, value=value)
    if isinstance(operand, Bias):
        value = np.broadcast_to(operand.type.dtype.type(0), shape)
        return replace(spec, type=operand.type, quantization=Quantization.of(_SCALE * _SCALE), value=value)
    return spec


def _activation(spec: Spec, type_: TensorType, point: int, fixed: tuple[float, int] | None = None) -> Spec:
    """A computed operand, or a constant that becomes one, quantized as a whole."""
    value = None if spec.value is None else np.broadcast_to(type_.dtype.type(0), spec.shape or ())
    made = Quantization.of(_SCALE, point) if fixed is None else Quantization.of(*fixed)
    return replace(spec, type=type_, quantization=made, value=value)


def _shifted(spec: Spec | None, operand: Operand) -> Spec | None:
    """An 8-bit activation with a zero point that isn't 0: kernels that need 0 say so."""
    if spec is None or not isinstance(operand, Activation) or spec.type is not TensorType.INT8:
        return spec
    return replace(spec, quantization=Quantization.of(_SCALE, 1))
