"""TRANSPOSE_CONV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.arrays import AnyArray, FloatingArray
from ..kernels.emit import float32
from ..kernels.emit.layer import Geometry
from ..kernels.emit.transposed import plan_transposed
from ..kernels.emit.wide.products import plan_transposed as wide_transposed
from ..kernels.profile import Profile
from ..kernels.reference.conv import clamped, transpose_conv_2d, transpose_conv_2d_scaled
from ..kernels.reference.dynamic_range import quantize_asymmetric, quantize_xnnpack, scaled_fused
from ..kernels.requantizers import ChannelSplit, DoubleRounding, FlatSplit, Float32
from ..model import Shape, TensorType
from ..op import DYNAMIC, Dynamic, Graphs, Op, Specs, Step, Versions, Weights
from ..options import ActivationFunctionType, Padding
from ..scales import scales_of
from ..shapes import known, of_rank, window
from ._products import Products, T


@dataclass(frozen=True, eq=False)
class TransposeConv(Op):
    """output shape (4,), filters (o kh kw c), x (n h w c), bias (o) or none -> (n oh ow o)."""

    code: ClassVar[int] = 67
    known_versions: ClassVar[Versions] = Versions(5)
    weights: ClassVar[tuple[Weights, ...]] = (Weights(1, axis=0, bias=3),)

    padding: Padding = Padding.SAME
    stride_w: int = 0
    stride_h: int = 0
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    quantized_bias_type: TensorType = TensorType.FLOAT32

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        of_rank(specs.input(0), 1, "inputs[0]")
        shape = specs.input(0).value
        return DYNAMIC if shape is None else [self._output(specs, shape)]

    def _output(self, specs: Specs, shape: AnyArray) -> tuple[int, int, int, int]:
        outputs, tall, wide, depth = of_rank(specs.input(1), 4, "inputs[1]")
        batch, height, width, channels = of_rank(specs.input(2), 4, "inputs[2]")
        if depth != channels:
            raise ModelError(f"expected filters of depth {channels}, got {depth}", "inputs[1]")
        if self.stride_h < 1 or self.stride_w < 1:
            raise ModelError(f"expected strides of 1 or more, got {self.stride_h} and {self.stride_w}")
        wanted = tuple(int(length) for length in shape)
        if len(wanted) != 4 or wanted[0] != batch or wanted[3] != outputs or min(wanted) < 1:
            raise ModelError(f"expected an output shape [{batch}, h, w, {outputs}], got {list(wanted)}", "inputs[0]")
        rows = window(wanted[1], tall, self.stride_h, 1, self.padding).output
        columns = window(wanted[2], wide, self.stride_w, 1, self.padding).output
        if (rows, columns) != (height, width):
            raise ModelError(
                f"expected an output that convolves to [{height}, {width}], got {list(wanted[1:3])}, "
                f"which convolves to [{rows}, {columns}]",
                "inputs[0]",
            )
        return wanted

    def _padding(self, specs: Specs, output: Shape) -> tuple[int, int]:
        """Zeros before: half of what the full result exceeds the output by."""
        _, height, width, _ = of_rank(specs.input(2), 4, "inputs[2]")
        _, tall, wide, _ = of_rank(specs.input(1), 4, "inputs[1]")
        if self.padding is Padding.VALID:
            return (0, 0)
        return (
            max((height - 1) * self.stride_h + tall - output[1], 0) // 2,
            max((width - 1) * self.stride_w + wide - output[2], 0) // 2,
        )

    def _products(self, specs: Specs, output: Shape) -> Products:
        filters = specs.input(1)
        _, tall, wide, depth = of_rank(filters, 4, "inputs[1]")
        _, height, width, _ = of_rank(specs.input(2), 4, "inputs[2]")
        padding = self._padding(specs, output)

        def sums(x: FloatingArray, weights: FloatingArray) -> FloatingArray:
            return transpose_conv_2d(x, weights, (self.stride_h, self.stride_w), padding, (output[1], output[2]))

        emitted = Geometry(
            output[0],
            (height, width, depth),
            (output[1], output[2], output[3]),
            (tall, wide),
            (self.stride_h, self.stride_w),
            before=padding,
        )
        return Products(
            specs.input(2),
            filters,
            specs.optional(3),
            replace(specs.output(), shape=output),
            0,
            sums,
            tall * wide * depth,
            self.fused_activation_function,
            "transpose_conv",
            needs_bias=False,
            bias_type=self.quantized_bias_type,
            native=lambda target, layer: plan_transposed(target, emitted, layer, input=2),
            native_float=lambda target, layer: float32.transposed.plan_transposed(target, emitted, layer, input=2),
            native_wide=lambda target, layer: wide_transposed(target, emitted, layer, input=2),
        )

    def delegated(self, specs: Specs) -> bool:
        """With SAME padding XNNPACK takes no strides beyond the filter, with VALID no filter beyond the output."""
        output = specs.output().shape
        if not specs.input(0).stored or output is None or specs.input(0).type is not T.INT32:
            return False
        _, tall, wide, _ = of_rank(specs.input(1), 4, "inputs[1]")
        if self.padding is Padding.SAME:
            fits = self.stride_h <= tall and self.stride_w <= wide
        else:
            fits = tall <= output[1] and wide <= output[2]
        return fits and self._products(specs, output).delegated(dynamic=True)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        output = specs.output().shape
        if output is not None:
            step = self._plan(specs, profile, output)
            return replace(step, run=lambda shape, weights, x, *bias: step.run(x, weights, *bias))
        return Step(
            lambda shape, weights, x, *bias: self._plan(specs, profile, self._output(specs, shape)).run(
                x, weights, *bias
            ),
            why="the output's shape comes while running",
        )

    def _plan(self, specs: Specs, profile: Profile, output: Shape) -> Step:
        products = self._products(specs, output)
        products.check_types(
            (T.FLOAT32, T.FLOAT32), (T.FLOAT32, T.INT8), (T.INT8, T.INT8), (T.UINT8, T.UINT8), (T.INT16, T.INT8)
        )
        if products.is_dynamic:
            return self._plan_dynamic(specs, profile, products, output)
        if products.x.type is T.FLOAT32:
            return products.plan_float(float32.pieces.Order.FUSED)
        products.check_quantization()
        if products.x.type is T.UINT8:
            products.check_bias_scale()
            rounding = profile.pick(reference=DoubleRounding, optimized=FlatSplit, xnnpack=Float32)
            return products.plan_integer(rounding, single=True)
        if products.x.type is T.INT16:
            return products.plan_integer(
                products.int16_rounding(profile.pick(reference=DoubleRounding, optimized=ChannelSplit))
            )
        return products.plan_integer(profile.pick(reference=DoubleRounding, optimized=ChannelSplit, xnnpack=Float32))

    def _plan_dynamic(self, specs: Specs, profile: Profile, products: Products, output: Shape) -> Step:
        """Floats quantized on the fly: XNNPACK scales sums, the others every product."""
        images = known(products.x)[0]
        step = products.plan_dynamic(quantize_xnnpack, scaled_fused, images)
        if profile is Profile.XNNPACK:
            return step
        padding = self._padding(specs, output)
        weight_scale = np.broadcast_to(scales_of(products.weights, "inputs[1]"), output[3])
        low, high = self.fused_activation_function.bounds

        def run(x: AnyArray, weights: AnyArray, bias: AnyArray | None = None) -> AnyArray:
            if x.size == 0:
                return np.zeros(output, np.float32)
            centered, scale, _ = quantize_asymmetric(x.reshape(images, -1))
            sums = transpose_conv_2d_scaled(
                centered.reshape(x.shape).astype(np.float32),
                weights.astype(np.float32),
                (weight_scale, scale),
                (self.stride_h, self.stride_w),
                padding,
                (output[1], output[2]),
            )
            return clamped(sums if bias is None else sums + bias, low, high)

        return Step(run, step.kernel, f"{quantize_asymmetric.__name__}, every product scaled", step.macs)

    def version(self, specs: Specs) -> int:
        if self.quantized_bias_type is not T.FLOAT32:
            return 5
        if self.fused_activation_function is not ActivationFunctionType.NONE:
            return 4
        if specs.optional(3) is not None:
            return 3
        return 2 if specs.input(2).type in (T.INT8, T.INT16) else 1
