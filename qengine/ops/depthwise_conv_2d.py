"""DEPTHWISE_CONV_2D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError, Unsupported
from ..kernels import emit
from ..kernels.emit import dynamic, float32
from ..kernels.profile import Profile
from ..kernels.reference.conv import Geometry, depthwise_conv_2d
from ..kernels.reference.dynamic_range import quantize_asymmetric, scaled_together, scaled_weights_first
from ..kernels.requantizers import ChannelSplit, DoubleRounding, Float32
from ..model import Shape
from ..op import Graphs, Op, Specs, Step, Versions, Weights
from ..options import ActivationFunctionType, Padding
from ..shapes import known, of_rank
from ._native import geometry_of
from ._products import Products, T, sliding, xnnpack_order


@dataclass(frozen=True, eq=False)
class DepthwiseConv2D(Op):
    """x (n h w c), filters (1 kh kw c * multiplier), bias (c * multiplier) -> (n oh ow c * multiplier).

    The multiplier follows from the shapes; the option `depth_multiplier` says the same and is not read.
    """

    code: ClassVar[int] = 4
    known_versions: ClassVar[Versions] = Versions(7, reference=6)
    weights: ClassVar[tuple[Weights, ...]] = (Weights(1, axis=3, bias=2),)

    padding: Padding = Padding.SAME
    stride_w: int = 0
    stride_h: int = 0
    depth_multiplier: int = 0
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    dilation_w_factor: int = 1
    dilation_h_factor: int = 1

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        batch, _, _, channels = of_rank(specs.input(0), 4, "inputs[0]")
        first, _, _, outputs = of_rank(specs.input(1), 4, "inputs[1]")
        if first != 1 or channels < 1 or outputs % channels:
            raise ModelError(
                f"expected filters [1, h, w, a multiple of {channels}], got {list(specs.input(1).shape or ())}",
                "inputs[1]",
            )
        return [(batch, *self._geometry(specs).output, outputs)]

    def _geometry(self, specs: Specs) -> Geometry:
        stride, dilation = (self.stride_h, self.stride_w), (self.dilation_h_factor, self.dilation_w_factor)
        return sliding(specs.input(0), specs.input(1), stride, dilation, self.padding)

    def _products(self, specs: Specs) -> Products:
        geometry, filters = self._geometry(specs), specs.input(1)
        _, tall, wide, channels = of_rank(filters, 4, "inputs[1]")
        emitted = geometry_of(geometry, known(specs.input(0)), (tall, wide), channels)
        return Products(
            specs.input(0),
            filters,
            specs.optional(2),
            specs.output(),
            3,
            lambda x, w: depthwise_conv_2d(x, w, geometry),
            tall * wide,
            self.fused_activation_function,
            "depthwise_conv",
            native=lambda target, layer: emit.depthwise.plan_depthwise(target, emitted, layer),
            native_wide=lambda target, layer: emit.wide.depthwise.plan_depthwise(target, emitted, layer),
            native_dynamic=lambda target, layer, _: dynamic.depthwise.plan_depthwise(target, emitted, layer),
            native_float=lambda target, layer: float32.depthwise.plan_depthwise(target, emitted, layer),
        )

    def delegated(self, specs: Specs) -> bool:
        outputs = of_rank(specs.input(1), 4, "inputs[1]")[3]
        channels = of_rank(specs.input(0), 4, "inputs[0]")[3]
        return self._products(specs).delegated() and self.depth_multiplier * channels == outputs

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        products = self._products(specs)
        products.check_types(
            (T.FLOAT32, T.FLOAT32),
            (T.FLOAT32, T.INT8),
            (T.INT8, T.INT8),
            (T.INT8, T.INT4),
            (T.UINT8, T.UINT8),
            (T.INT16, T.INT8),
        )
        if products.weights.type is T.INT4 and profile is Profile.REFERENCE:
            raise Unsupported("expected INT8 weights: the reference set has none of INT4", "inputs[1]")
        if products.is_dynamic:
            scaled = profile.pick(reference=scaled_together, optimized=scaled_weights_first)
            return products.plan_dynamic(quantize_asymmetric, scaled, known(products.x)[0])
        if products.x.type is T.FLOAT32:
            order = float32.pieces.Order
            return products.plan_float(
                profile.pick(reference=order.BIAS_LAST, optimized=order.BIAS_FIRST, xnnpack=xnnpack_order(products))
            )
        products.check_quantization()
        if products.x.type is T.UINT8:
            products.check_bias_scale()
            rounding = profile.pick(reference=DoubleRounding, xnnpack=Float32)
            return products.plan_integer(rounding, single=True)
        if products.x.type is T.INT16:
            if products.bias is not None and products.bias.type is not T.INT64:
                raise ModelError(f"expected INT64 bias, got {products.bias.type.name}", "inputs[2]")
            return products.plan_integer(products.int16_rounding(DoubleRounding))
        return products.plan_integer(profile.pick(reference=DoubleRounding, optimized=ChannelSplit, xnnpack=Float32))

    def version(self, specs: Specs) -> int:
        x, filters = specs.input(0), specs.input(1)
        if filters.type is T.INT4:
            return 7
        if x.type is T.FLOAT32 and filters.type is T.INT8:
            return 6 if filters.quantization is not None and filters.quantization.per_channel else 4
        if x.type is T.INT16:
            return 5
        if x.type is T.INT8:
            return 3
        return 2 if self.dilation_w_factor != 1 or self.dilation_h_factor != 1 else 1
