"""CONV_2D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ..errors import ModelError, Unsupported
from ..kernels import emit
from ..kernels.emit import dynamic, float32
from ..kernels.emit.plan import Compiled
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..kernels.reference.conv import Geometry, conv_2d
from ..kernels.reference.dynamic_range import (
    quantize_asymmetric,
    quantize_symmetric,
    quantize_xnnpack,
    scaled_fused,
    scaled_together,
    scaled_weights_first,
)
from ..kernels.requantizers import DoubleRounding, Float32, HalfUp
from ..model import Shape, TensorType
from ..op import Graphs, Op, Specs, Step, Versions, Weights
from ..options import ActivationFunctionType, Padding
from ..scales import scales_of
from ..shapes import known, of_rank
from ._native import geometry_of
from ._products import Products, T, sliding, xnnpack_order


@dataclass(frozen=True, eq=False)
class Conv2D(Op):
    """x (n h w c), filters (o kh kw c / groups), bias (o) -> (n oh ow o)."""

    code: ClassVar[int] = 3
    known_versions: ClassVar[Versions] = Versions(8)
    weights: ClassVar[tuple[Weights, ...]] = (Weights(1, axis=0, bias=2),)

    padding: Padding = Padding.SAME
    stride_w: int = 0
    stride_h: int = 0
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    dilation_w_factor: int = 1
    dilation_h_factor: int = 1
    quantized_bias_type: TensorType = TensorType.FLOAT32

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        batch, _, _, channels = of_rank(specs.input(0), 4, "inputs[0]")
        outputs, _, _, depth = of_rank(specs.input(1), 4, "inputs[1]")
        if min(depth, channels) < 1 or channels % depth or outputs % max(channels // depth, 1):
            raise ModelError(
                f"expected filters for a whole number of groups of {channels} channels, "
                f"got {outputs} filters of depth {depth}",
                "inputs[1]",
            )
        return [(batch, *self._geometry(specs).output, outputs)]

    def _geometry(self, specs: Specs) -> Geometry:
        stride, dilation = (self.stride_h, self.stride_w), (self.dilation_h_factor, self.dilation_w_factor)
        return sliding(specs.input(0), specs.input(1), stride, dilation, self.padding)

    def _products(self, specs: Specs) -> Products:
        geometry, filters = self._geometry(specs), specs.input(1)
        channels, tall, wide, depth = of_rank(filters, 4, "inputs[1]")
        emitted = geometry_of(geometry, known(specs.input(0)), (tall, wide), channels)
        single = depth == 1 and channels == known(specs.input(0))[3]

        def native_float(target: Target, layer: float32.layer.Layer) -> Compiled:
            if single:
                filters = layer.weights.transpose(3, 1, 2, 0)
                return float32.depthwise.plan_depthwise(target, emitted, replace(layer, weights=filters))
            return float32.convolution.plan_convolution(target, emitted, layer)

        return Products(
            specs.input(0),
            filters,
            specs.optional(2),
            specs.output(),
            0,
            lambda x, w: conv_2d(x, w, geometry),
            tall * wide * depth,
            self.fused_activation_function,
            "conv",
            bias_type=self.quantized_bias_type,
            native=lambda target, layer: emit.convolution.plan_convolution(target, emitted, layer),
            native_wide=lambda target, layer: emit.wide.products.plan_convolution(target, emitted, layer),
            native_float=native_float,
            native_dynamic=lambda target, layer, rows: dynamic.products.plan_convolution(target, emitted, layer, rows),
        )

    def delegated(self, specs: Specs) -> bool:
        return self._products(specs).delegated(dynamic=True)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        products = self._products(specs)
        products.check_types(
            (T.FLOAT32, T.FLOAT32),
            (T.FLOAT32, T.INT8),
            (T.FLOAT32, T.INT4),
            (T.FLOAT32, T.UINT8),
            (T.INT8, T.INT8),
            (T.INT8, T.INT4),
            (T.UINT8, T.UINT8),
            (T.INT16, T.INT8),
            (T.INT16, T.INT4),
        )
        if products.bias is None:
            raise ModelError("expected a bias, got none", "inputs[2]")
        grouped = of_rank(products.x, 4, "inputs[0]")[3] != of_rank(products.weights, 4, "inputs[1]")[3]
        if products.is_dynamic:
            return self._plan_dynamic(products, profile, grouped)
        if products.x.type is T.FLOAT32:
            order = float32.pieces.Order.BIAS_LAST
            return products.plan_float(profile.pick(reference=order, xnnpack=xnnpack_order(products)))
        products.check_quantization()
        rounding = profile.pick(
            reference=DoubleRounding, optimized=DoubleRounding if grouped else HalfUp, xnnpack=Float32
        )
        if products.x.type is T.UINT8:
            products.check_bias_scale()
            return products.plan_integer(rounding, single=True)
        if products.x.type is T.INT16:
            rounding = products.int16_rounding(rounding)
        return products.plan_integer(rounding)

    def _xnnpack_rows(self, products: Products, grouped: bool) -> int:
        """One row an image; one a pixel where XNNPACK makes a 1x1 convolution of stride 1 a matrix product."""
        images, height, width, _ = known(products.x)
        is_product = known(products.weights)[1:3] == (1, 1) and (self.stride_h, self.stride_w) == (1, 1)
        return images * height * width if is_product and not grouped else images

    def _plan_dynamic(self, products: Products, profile: Profile, grouped: bool) -> Step:
        """One row an image. Without XNNPACK, weights of one scale, ungrouped, are multiplied symmetrically."""
        if profile is Profile.XNNPACK:
            return products.plan_dynamic(quantize_xnnpack, scaled_fused, self._xnnpack_rows(products, grouped))
        images = known(products.x)[0]
        per_channel = len(set(scales_of(products.weights, "inputs[1]").tolist())) > 1
        if products.weights.type is T.UINT8 and per_channel:
            raise Unsupported("expected one scale for UINT8 weights, got several", "inputs[1]")
        if not per_channel and not grouped:
            return products.plan_dynamic(quantize_symmetric, scaled_together, images)
        scaled = profile.pick(reference=scaled_weights_first, optimized=scaled_together)
        return products.plan_dynamic(quantize_asymmetric, scaled, images)

    def version(self, specs: Specs) -> int:
        x, filters = specs.input(0), specs.input(1)
        if x.shape is not None and filters.shape is not None and x.shape[3] != filters.shape[3]:
            return 6
        if filters.type is T.INT4:
            return 7
        if x.type is T.INT16:
            return 8 if self.quantized_bias_type is not T.FLOAT32 else 3
        if x.type is T.INT8:
            return 3
        if x.type is T.FLOAT32 and filters.type is T.INT8:
            return 5 if filters.quantization is not None and filters.quantization.per_channel else 2
        return 1
