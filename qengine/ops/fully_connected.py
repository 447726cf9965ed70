"""FULLY_CONNECTED."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..delegate import takes_activation, takes_bias, takes_fused, takes_shape, takes_weights
from ..errors import ModelError, Unsupported
from ..kernels import emit
from ..kernels.arrays import AnyArray, FloatingArray
from ..kernels.emit import dynamic, float32
from ..kernels.profile import Profile
from ..kernels.reference.conv import clamped
from ..kernels.reference.dynamic_range import (
    blockwise_sums,
    quantize_asymmetric,
    quantize_symmetric,
    quantize_xnnpack,
    rounded_to_bfloat16,
    scaled_fused,
    scaled_together,
)
from ..kernels.reference.four_bit import four_bit_products
from ..kernels.requantizers import Float32, Float64, HalfUp, Requantizer
from ..model import Blockwise, Shape, TensorType
from ..op import Graphs, Op, Spec, Specs, Step, Versions, Weights
from ..options import ActivationFunctionType, FullyConnectedOptionsWeightsFormat
from ..scales import scales_of, zero_point_of
from ..shapes import known, of_rank, volume
from ._products import Products, T
from ._recurrent import activation


@dataclass(frozen=True, eq=False)
class FullyConnected(Op):
    """x (..., depth), weights (units, depth), bias (units) -> (rows, units), or (..., units) with keep_num_dims.

    Without keep_num_dims x is read as rows of `depth` elements, whatever its shape.
    """

    code: ClassVar[int] = 9
    known_versions: ClassVar[Versions] = Versions(14)
    weights: ClassVar[tuple[Weights, ...]] = (Weights(1, axis=0, bias=2),)

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    weights_format: FullyConnectedOptionsWeightsFormat = FullyConnectedOptionsWeightsFormat.DEFAULT
    keep_num_dims: bool = False
    asymmetric_quantize_inputs: bool = False
    quantized_bias_type: TensorType = TensorType.FLOAT32
    quant_spec: bytes | None = None

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        shape, (units, depth) = known(specs.input(0)), of_rank(specs.input(1), 2, "inputs[1]")
        if self.weights_format is not FullyConnectedOptionsWeightsFormat.DEFAULT:
            raise Unsupported(f"expected weights in the default format, got {self.weights_format.name}", "inputs[1]")
        if self.keep_num_dims:
            if not shape or shape[-1] != depth:
                raise ModelError(f"expected a last dimension of {depth}, got shape {list(shape)}", "inputs[0]")
            return [(*shape[:-1], units)]
        return [(volume(shape) // depth if depth else volume(shape[:-1]), units)]

    def _products(self, specs: Specs) -> Products:
        depth = of_rank(specs.input(1), 2, "inputs[1]")[1]
        shape = known(specs.output())
        rows = volume(shape[:-1])

        def sums(x: FloatingArray, weights: FloatingArray) -> FloatingArray:
            product: FloatingArray = x.reshape(-1)[: rows * depth].reshape(rows, depth) @ weights.T
            return product.reshape(shape)

        return Products(
            specs.input(0),
            specs.input(1),
            specs.optional(2),
            specs.output(),
            0,
            sums,
            depth,
            self.fused_activation_function,
            "fully_connected",
            widened=T.INT16,
            bias_type=self.quantized_bias_type,
            native=lambda target, layer: emit.dense.plan_dense(target, rows, layer),
            native_wide=lambda target, layer: emit.wide.products.plan_dense(target, rows, layer),
            native_dynamic=lambda target, layer, rows: dynamic.products.plan_dense(target, rows, layer),
            native_float=lambda target, layer: float32.dense.plan_dense(target, rows, layer),
        )

    def delegated(self, specs: Specs) -> bool:
        x, weights, bias, output = specs.input(0), specs.input(1), specs.optional(2), specs.output()
        if not (takes_activation(x) and takes_activation(output) and takes_shape(weights, 2)):
            return False
        whole_bytes = {T.INT4: 2, T.INT2: 4}.get(weights.type)
        if whole_bytes is None:
            fits = (x.type is weights.type or (x.type is T.FLOAT32 and weights.type is T.INT8)) and takes_weights(
                weights, 0
            )
        else:
            fits = x.type in (T.INT8, T.FLOAT32) and weights.value is not None and known(weights)[1] % whole_bytes == 0
            fits = fits and self._takes_narrow(weights)
        if weights.type is T.INT8 and fits:
            fits = zero_point_of(weights, "inputs[1]") == 0
        return (
            fits
            and x.type is output.type
            and (bias is None or takes_bias(bias))
            and takes_fused(self.fused_activation_function)
        )

    @staticmethod
    def _takes_narrow(weights: Spec) -> bool:
        """Weights of 2 bits have one scale a channel; blocks are of 32 weights or a multiple."""
        q = weights.quantization
        if q is not None and isinstance(q.details, Blockwise):
            return q.details.block_size % 32 == 0
        return weights.type is T.INT4 or (q is not None and q.scale is not None and len(q.scale) == known(weights)[0])

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        products = self._products(specs)
        products.check_types(
            (T.FLOAT32, T.FLOAT32),
            (T.FLOAT32, T.INT8),
            (T.FLOAT32, T.INT4),
            (T.FLOAT32, T.INT2),
            (T.FLOAT32, T.UINT8),
            (T.INT8, T.INT8),
            (T.INT8, T.INT4),
            (T.INT8, T.INT2),
            (T.UINT8, T.UINT8),
            (T.INT16, T.INT8),
            (T.INT16, T.INT4),
            (T.INT16, T.INT2),
        )
        x, weights, bias = products.x, products.weights, products.bias
        if products.is_dynamic:
            return self._plan_dynamic(products, profile)
        if not takes_fused(self.fused_activation_function):
            raise ModelError(f"expected a clamp for an activation, got {self.fused_activation_function.name}")
        if x.type is T.FLOAT32:
            alone = volume(known(products.output)[:-1]) == 1
            order = float32.pieces.Order
            optimized = order.FOURS if alone else order.BIAS_LAST
            return products.plan_float(
                profile.pick(reference=order.BIAS_LAST, optimized=optimized, xnnpack=order.FUSED)
            )
        products.check_quantization()
        per_tensor = weights.quantization is not None and not weights.quantization.per_channel
        if per_tensor:
            products.check_bias_scale()
        rounding: type[Requantizer] = profile.pick(reference=Float64, optimized=HalfUp, xnnpack=Float32)
        if x.type is T.INT16:
            wide = T.INT64 in (self.quantized_bias_type, None if bias is None else bias.type)
            rounding = Float64 if wide else rounding
        return products.plan_integer(rounding, single=per_tensor and rounding is HalfUp)

    def _plan_dynamic(self, products: Products, profile: Profile) -> Step:
        """One row every `depth` activations."""
        depth = known(products.weights)[1]
        rows = volume(known(products.x)) // depth if depth else 0
        quantization = products.weights.quantization
        if quantization is not None and isinstance(quantization.details, Blockwise):
            return self._plan_blockwise(products, profile, rows)
        if profile is Profile.XNNPACK:
            return products.plan_dynamic(quantize_xnnpack, scaled_fused, rows)
        if profile is Profile.OPTIMIZED and products.weights.type is T.INT4 and self._fits_four_bit(products):
            return self._plan_four_bit(products, rows)
        quantize = quantize_asymmetric if self.asymmetric_quantize_inputs else quantize_symmetric
        function = None if takes_fused(self.fused_activation_function) else activation(self.fused_activation_function)
        return products.plan_dynamic(quantize, scaled_together, rows, function)

    @staticmethod
    def _fits_four_bit(products: Products) -> bool:
        """Whether the optimized set's own 4-bit kernel takes these weights: at least 4 rows of 32, of even length."""
        units, depth = known(products.weights)
        return units >= 4 and depth >= 32 and depth % 2 == 0

    def _plan_four_bit(self, products: Products, rows: int) -> Step:
        """That kernel computes with weights + 7 in 4 bits, where -8 has no place: the runtime's result is garbage."""
        units, depth = known(products.weights)
        weight_scale = np.broadcast_to(scales_of(products.weights, "inputs[1]"), units)
        if products.weights.value is not None and (products.weights.value == -8).any():
            raise Unsupported("expected INT4 weights from -7 to 7, got -8", "inputs[1]")
        shape, function = known(products.output), activation(self.fused_activation_function)

        def run(x: AnyArray, weights: AnyArray, bias: AnyArray | None = None) -> AnyArray:
            return function(four_bit_products(x.reshape(rows, depth), weights, weight_scale, bias).reshape(shape))

        return Step(run, "fully_connected_four_bit", "weights of 4 bits", volume(shape) * depth)

    def _plan_blockwise(self, products: Products, profile: Profile, rows: int) -> Step:
        """4-bit weights with a scale for every block of them.

        XNNPACK rounds the scales to bfloat16; the optimized 4-bit kernel doesn't apply the fused activation; the
        reference kernel, which also runs where that one takes no weights, knows no blocks and takes 0 for the scale:
        what it gives is the bias.
        """
        block_scale = products.weights.block_scale
        if block_scale is None or products.weights.type is not T.INT4:
            raise ModelError("expected INT4 weights with a constant FLOAT16 scale a block, got others", "inputs[1]")
        depth, shape = known(products.weights)[1], known(products.output)
        if depth % block_scale.shape[1]:
            raise ModelError(f"expected blocks that divide {depth} columns, got {block_scale.shape[1]}", "inputs[1]")
        if profile is Profile.OPTIMIZED and not self._fits_four_bit(products):
            profile = Profile.REFERENCE
        scales = block_scale.astype(np.float32)
        low, high = (-np.inf, np.inf) if profile is Profile.OPTIMIZED else self.fused_activation_function.bounds
        quantize = profile.pick(reference=quantize_asymmetric, xnnpack=quantize_xnnpack)
        used = profile.pick(reference=scales * 0, optimized=scales, xnnpack=rounded_to_bfloat16(scales))

        def run(x: AnyArray, weights: AnyArray, bias: AnyArray | None = None) -> AnyArray:
            centered, scale, _ = quantize(x.reshape(rows, depth))
            result = blockwise_sums(centered, weights, used) * scale[:, None]
            return clamped((result if bias is None else result + bias).reshape(shape), low, high)

        return Step(run, "fully_connected_blockwise", quantize.__name__, volume(shape) * depth)

    def version(self, specs: Specs) -> int:
        x, weights = specs.input(0), specs.input(1)
        per_channel = weights.quantization is not None and weights.quantization.per_channel
        if weights.type is T.INT2:
            return 14
        if x.type is T.INT16 and weights.type is T.INT4:
            return 13
        if x.type is T.FLOAT32 and weights.type in (T.INT8, T.INT4):
            return 12 if per_channel else 10 if weights.type is T.INT4 else 9 if self.asymmetric_quantize_inputs else 3
        if x.type is T.INT16 and self.quantized_bias_type is not T.FLOAT32:
            return 11
        if weights.type is T.INT4:
            return 10
        if x.type is T.INT16:
            return 7
        if specs.optional(2) is None:
            return 6
        if self.keep_num_dims:
            return 5
        return 4 if x.type is T.INT8 else 1
