"""What the operators that sum products share: types, bias, zero points, requantization, clamp."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..delegate import takes_activation, takes_bias, takes_fused, takes_shape, takes_weights
from ..errors import ModelError, Unsupported
from ..kernels.arrays import AnyArray, FloatingArray, Int8Array
from ..kernels.emit import dynamic, float32, wide
from ..kernels.emit.layer import Layer
from ..kernels.emit.plan import Compiled
from ..kernels.emit.rounding import Rule
from ..kernels.emit.target import Target
from ..kernels.reference import dynamic_range
from ..kernels.reference.conv import Geometry, clamped
from ..kernels.reference.dynamic_range import Rows
from ..kernels.reference.matmul import centered, product_type, with_bias
from ..kernels.requantizers import Requantizer, Wide
from ..memory import check
from ..model import TensorType
from ..native import eight
from ..op import Spec, Step
from ..options import ActivationFunctionType, Padding
from ..scales import fused_range, product_scale, scale_of, scales_of, zero_point_of
from ..shapes import known, of_rank, volume, window
from ._native import rule_of, wide_rule_of

T = TensorType
Sums = Callable[[FloatingArray, FloatingArray], FloatingArray]
Quantize = Callable[[AnyArray], Rows]
Native = Callable[[Target, Layer], Compiled]
NativeWide = Callable[[Target, "wide.layer.Layer"], Compiled | str]
NativeFloat = Callable[[Target, "float32.layer.Layer"], Compiled]
NativeDynamic = Callable[[Target, "dynamic.layer.Layer", int], Compiled | str]
Scaled = Callable[[AnyArray, AnyArray, AnyArray, AnyArray], AnyArray]

QUANTIZING: dict[Quantize, str] = {
    dynamic_range.quantize_xnnpack: "xnnpack",
    dynamic_range.quantize_asymmetric: "asymmetric",
    dynamic_range.quantize_symmetric: "symmetric",
}
SCALING: dict[Scaled, str] = {
    dynamic_range.scaled_fused: "fused",
    dynamic_range.scaled_together: "together",
    dynamic_range.scaled_weights_first: "weights",
}
"""What the emitted kernels call the ways of quantizing and of scaling."""


@dataclass(frozen=True)
class Products:
    """Activations times weights plus bias, as an operator hands them over.

    axis: the weights' dimension of output channels. sums: real-valued products of activations and weights, exact on
    integers. terms: products a sum. fused: clamps the output. needs_bias: whether XNNPACK refuses a node without.
    widened: another type than its own that the output of UINT8 activations may have.
    bias_type: of INT16 activations: what the operator's option says; FLOAT32 where it says nothing.
    native, native_wide, native_float, native_dynamic: the planners of the emitted kernels, given constant weights and
    bias, over 8 bits, over 16 bits, over float32, and over float32 quantized on the fly in so many rows.
    """

    x: Spec
    weights: Spec
    bias: Spec | None
    output: Spec
    axis: int
    sums: Sums
    terms: int
    fused: ActivationFunctionType
    kernel: str
    needs_bias: bool = True
    widened: TensorType | None = None
    bias_type: TensorType = T.FLOAT32
    native: Native | None = None
    native_wide: NativeWide | None = None
    native_float: NativeFloat | None = None
    native_dynamic: NativeDynamic | None = None

    @property
    def _macs(self) -> int:
        return volume(self.output.shape or ()) * self.terms

    def check_types(self, *pairs: tuple[TensorType, TensorType]) -> None:
        """Refuses other pairs of activation and weight types, and a bias whose type or length doesn't go with them."""
        x, weights, bias = self.x, self.weights, self.bias
        if (x.type, weights.type) not in pairs:
            raise Unsupported(
                f"expected types of activations and weights among {_names(pairs)}, "
                f"got {x.type.name} and {weights.type.name}",
                "inputs",
            )
        if weights.type is not T.FLOAT32 and x.type is T.FLOAT32 and weights.value is None:
            raise Unsupported("expected constant weights with float activations, got computed ones", "inputs[1]")
        self._check_bias_type()
        if self.output.type is not x.type and not (x.type is T.UINT8 and self.output.type is self.widened):
            raise ModelError(f"expected {x.type.name} as of the input, got {self.output.type.name}", "outputs[0]")
        if bias is None:
            return
        allowed = {T.FLOAT32: (T.FLOAT32,), T.INT16: (T.INT32, T.INT64)}.get(x.type, (T.INT32,))
        if bias.type not in allowed:
            raise ModelError(f"expected {' or '.join(t.name for t in allowed)} bias, got {bias.type.name}", "inputs[2]")
        channels = (self.weights.shape or ())[self.axis]
        if volume(bias.shape or ()) != channels:
            raise ModelError(f"expected {channels} biases, got shape {list(bias.shape or ())}", "inputs[2]")

    def _check_bias_type(self) -> None:
        if self.x.type is not T.INT16 or self.bias_type is T.FLOAT32:
            return
        if self.bias_type not in (T.INT32, T.INT64):
            raise ModelError(f"expected `quantized_bias_type` INT32 or INT64, got {self.bias_type.name}")
        if self.bias is not None and self.bias.type is not self.bias_type:
            raise ModelError(f"expected {self.bias_type.name} bias, got {self.bias.type.name}", "inputs[2]")

    def check_quantization(self) -> None:
        """Weights of signed types have zero point 0, and one scale or one a channel; int16 activations zero point 0."""
        count, channels = len(scales_of(self.weights, "inputs[1]")), (self.weights.shape or ())[self.axis]
        if count not in (1, channels):
            raise ModelError(f"expected 1 scale or {channels}, got {count}", "inputs[1]")
        if self.weights.type is not T.UINT8 and zero_point_of(self.weights, "inputs[1]") != 0:
            raise ModelError(f"expected weights with zero point 0, got {self.weights.zero_point}", "inputs[1]")
        if self.x.type is T.INT16:
            for spec, where in ((self.x, "inputs[0]"), (self.output, "outputs[0]")):
                if zero_point_of(spec, where) != 0:
                    raise ModelError(f"expected zero point 0 with INT16, got {spec.zero_point}", where)

    def check_bias_scale(self) -> None:
        """The bias' scale is the product of input and weight scale, to 2 % of the output's scale."""
        if self.bias is None or self.bias.quantization is None or not self.bias.quantization.is_affine:
            return
        product = float(scale_of(self.x, "inputs[0]") * scale_of(self.weights, "inputs[1]"))
        if abs(product - self.bias.scale) / float(scale_of(self.output, "outputs[0]")) > 0.02:
            raise ModelError(f"expected a bias scale of {product}, got {self.bias.scale}", "inputs[2]")

    def plan_float(self, order: float32.pieces.Order) -> Step:
        """order: the one in which the native kernels take sums."""
        low, high = self.fused.bounds

        def run(x: AnyArray, weights: AnyArray, bias: AnyArray | None = None) -> AnyArray:
            sums = self.sums(x, weights)
            return clamped(sums if bias is None else sums + bias, low, high)

        def compiled(target: Target) -> Compiled | str:
            if self.native_float is None:
                return "no native kernel for these types"
            constants = self._constants()
            if isinstance(constants, str):
                return constants
            return self.native_float(target, float32.layer.Layer(*constants, float32.pieces.Clamp(low, high), order))

        return Step(run, f"{self.kernel}_float32", macs=self._macs, compiled=compiled)

    def _constants(self) -> tuple[AnyArray, AnyArray | None] | str:
        """Weights and bias for native kernels to pack; or why they can't be."""
        weights, bias = self.weights.value, self.bias
        if weights is None or (bias is not None and bias.value is None):
            return "native kernels need constant weights and bias"
        return weights, None if bias is None or bias.value is None else bias.value.reshape(-1)

    def plan_dynamic(
        self, quantize: Quantize, scaled: Scaled, rows: int, function: Callable[[AnyArray], AnyArray] | None = None
    ) -> Step:
        """Float activations, quantized on the fly in `rows` rows, times integer weights of zero point 0.

        UINT8 weights are the bytes of signed ones, their zero point is not read. function: what the fused activation
        is where it isn't a clamp.
        """
        channels = (self.weights.shape or ())[self.axis]
        weight_scale = scales_of(self.weights, "inputs[1]")
        if len(weight_scale) not in (1, channels):
            raise ModelError(f"expected 1 scale or {channels}, got {len(weight_scale)}", "inputs[1]")
        low, high = self.fused.bounds
        shape = known(self.output)

        def run(x: AnyArray, weights: AnyArray, bias: AnyArray | None = None) -> AnyArray:
            if 0 in shape or x.size == 0:
                return np.zeros(shape, np.float32)
            centered, scale, _ = quantize(x.reshape(rows, -1))
            sums = self.sums(centered.reshape(x.shape), signed(weights).astype(np.float64))
            offsets = np.zeros(channels, np.float32) if bias is None else bias
            result = scaled(sums.reshape(rows, -1, channels), scale, weight_scale, offsets)
            result = clamped(result.reshape(shape), low, high)
            return result if function is None else function(result)

        def compiled(target: Target) -> Compiled | str:
            if self.native_dynamic is None:
                return "no native kernel for these types"
            if function is not None:
                return "no native kernel for this activation"
            constants = self._constants()
            if isinstance(constants, str):
                return constants
            weights, bias = constants
            layer = dynamic.layer.Layer(
                signed(weights),
                np.broadcast_to(weight_scale, channels).astype(np.float32),
                np.zeros(channels, np.float32) if bias is None else bias,
                float32.pieces.Clamp(low, high),
                QUANTIZING[quantize],
                SCALING[scaled],
            )
            return self.native_dynamic(target, layer, rows)

        why = f"{quantize.__name__}, {scaled.__name__}"
        return Step(run, f"{self.kernel}_dynamic", why, self._macs, compiled)

    def plan_integer(self, rounding: type[Requantizer], *, single: bool = False) -> Step:
        """Exact sums, int32 that wrap (int64 for the rules that take it), brought to the output's scale by `rounding`.

        single: whether input scale times weight scale is rounded to float32 (`product_scale`).
        """
        x_point = zero_point_of(self.x, "inputs[0]")
        w_point = zero_point_of(self.weights, "inputs[1]") if self.weights.type is T.UINT8 else 0
        point = zero_point_of(self.output, "outputs[0]")
        dtype = self.output.type.dtype
        low, high = fused_range(self.fused, self.output, rounding)
        requantize = product_scale(rounding, self.x, self.weights, self.output, single=single)
        width = np.int64 if self.x.type is T.INT16 and self.is_wide else np.int32

        def prepared(weights: AnyArray) -> AnyArray:
            whole = centered(weights, w_point, np.int64)
            return whole.astype(product_type(self.x.type.dtype, x_point, whole, self.axis))

        @cache
        def constant() -> AnyArray:
            """Prepared once, when first needed: a native kernel has weights of its own."""
            assert self.weights.value is not None
            return prepared(self.weights.value)

        def run(x: AnyArray, weights: AnyArray, bias: AnyArray | None = None) -> AnyArray:
            factors = prepared(weights) if self.weights.value is None else constant()
            sums = self.sums(centered(x, x_point, factors.dtype), factors)
            return requantize(with_bias(sums, bias, width), point, low, high, dtype)

        def compiled(target: Target) -> Compiled | str:
            constants = self._constants()
            if isinstance(constants, str):
                return constants
            weights, bias = constants
            if self.x.type is T.INT16 and self.native_wide is not None:
                rule = wide_rule_of(requantize, weights.shape[self.axis], wide=width is np.int64)
                if isinstance(rule, str):
                    return rule
                if isinstance(rule, Rule) and width is np.int64 and _reach(weights, bias, self.axis) >= 2**31:
                    return "sums beyond int32"
                return self.native_wide(
                    target, wide.layer.Layer(weights.astype(np.int8), bias, low, high, rule, self.axis)
                )
            if self.native is None or T.INT16 in (self.x.type, self.output.type):
                return "no native kernel for these types"
            narrow = rule_of(requantize, weights.shape[self.axis], point)
            if isinstance(narrow, str):
                return narrow
            return self.native(
                target, Layer(weights, w_point, bias, eight(self.x), eight(self.output), low, high, narrow)
            )

        kernel = f"{self.kernel}_{self.x.type.name.lower()}"
        return Step(run, kernel, f"{rounding.__name__} rounding", self._macs, compiled)

    @property
    def is_wide(self) -> bool:
        """Whether sums of int16 activations are 64 bits wide: unless the bias has 32, or would have."""
        return self.bias_type is not T.INT32 if self.bias is None else self.bias.type is T.INT64

    def int16_rounding(self, otherwise: type[Requantizer]) -> type[Requantizer]:
        """The rule of int16 convolutions: Wide with 64-bit sums, `otherwise` with 32-bit ones."""
        return Wide if self.is_wide else otherwise

    @property
    def is_dynamic(self) -> bool:
        """Float activations with integer weights."""
        return self.x.type is T.FLOAT32 and self.weights.type is not T.FLOAT32

    def delegated(self, *, dynamic: bool = False) -> bool:
        """What XNNPACK asks of a convolution: types, constant weights and bias, rank 4, no empty dimension.

        dynamic: whether it also takes float activations with INT8 weights.
        """
        return (
            takes_activation(self.x)
            and takes_activation(self.output)
            and self.x.type is self.output.type
            and (self.x.type is self.weights.type or (dynamic and self.is_dynamic and self.weights.type is T.INT8))
            and takes_shape(self.x, 4)
            and takes_shape(self.weights, 4)
            and takes_weights(self.weights, self.axis)
            and (takes_bias(self.bias) if self.bias is not None else not self.needs_bias)
            and takes_fused(self.fused)
        )


def sliding(x: Spec, filters: Spec, stride: tuple[int, int], dilation: tuple[int, int], padding: Padding) -> Geometry:
    """How filters (o h w i) slide over x (n h w c). RuntimeError where what they reach is beyond the memory limit."""
    batch, height, width, channels = of_rank(x, 4, "inputs[0]")
    _, tall, wide, _ = of_rank(filters, 4, "inputs[1]")
    rows = window(height, tall, stride[0], dilation[0], padding)
    columns = window(width, wide, stride[1], dilation[1], padding)
    reached = (rows.before + height + rows.after) * (columns.before + width + columns.after)
    check(batch * reached * channels * x.type.dtype.itemsize)
    return Geometry(stride, dilation, (rows.output, columns.output), (rows.before, columns.before))


LARGEST = 25
"""Taps of the largest filter for which XNNPACK has a depthwise kernel; others are grouped convolutions to it."""


def xnnpack_order(products: Products) -> float32.pieces.Order:
    """In which order XNNPACK sums a convolution: one kernel where every group has one channel in and out."""
    weights, channels = known(products.weights), known(products.x)[3]
    single = weights[products.axis] == channels and products.terms == weights[1] * weights[2] <= LARGEST
    return float32.pieces.Order.DOWN if single else float32.pieces.Order.FUSED


def signed(weights: AnyArray) -> Int8Array:
    """Weights in 8 bits as signed numbers; the bytes of unsigned ones."""
    return weights.view(np.int8)


def _reach(weights: AnyArray, bias: AnyArray | None, axis: int) -> int:
    """What no sum of products of int16 numbers and weights, and bias, exceeds."""
    others = tuple(i for i in range(weights.ndim) if i != axis)
    sums = np.abs(weights.astype(np.int64)).sum(others) << 15
    return int((sums if bias is None else sums + np.abs(bias.astype(np.int64))).max(initial=0))


def _names(pairs: tuple[tuple[TensorType, TensorType], ...]) -> str:
    return ", ".join(f"{x.name} and {w.name}" for x, w in pairs)
