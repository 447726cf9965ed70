"""MUL."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from ..delegate import takes_fused
from ..errors import ModelError
from ..kernels import emit
from ..kernels.arrays import AnyArray
from ..kernels.emit.elementwise import plan_mul
from ..kernels.emit.plan import Compiled
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..kernels.reference.add import ZeroPoints
from ..kernels.reference.multiply import Operands, multiply, multiply_int16_to_8_bits, multiply_optimized
from ..kernels.reference.subnormals import flush_subnormals
from ..kernels.requantizers import DoubleRounding, Float32, Requantizer
from ..model import TensorType
from ..native import eight
from ..op import Graphs, Spec, Specs, Step, Versions
from ..options import ActivationFunctionType
from ..scales import scale_of, zero_point_of
from ..shapes import known
from ._elementwise import (
    Elementwise,
    is_quantized,
    plain,
    plain_clamp,
    quantized,
    quantized_bounds,
    takes_elementwise,
    zero_points,
)
from ._floats import native_binary
from ._native import rule_of
from ._numbers import native_arithmetic

T = TensorType


@dataclass(frozen=True, eq=False)
class Mul(Elementwise):
    """a * b. int16 numbers without quantization are plain integers.

    Two int16 inputs may have an int8 or uint8 output: they are then Q0.15 numbers, whatever their scales.
    """

    code: ClassVar[int] = 18
    known_versions: ClassVar[Versions] = Versions(8, reference=7)
    inputs: ClassVar[int] = 2
    types: ClassVar = (T.FLOAT32, T.FLOAT16, T.INT32, T.UINT32, T.INT64, T.INT16, T.INT8, T.UINT8, T.COMPLEX64)

    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE

    def check_output(self, x: Spec, output: Spec) -> None:
        if output.type is not x.type and not (x.type is T.INT16 and output.type in (T.INT8, T.UINT8)):
            raise ModelError(f"expected {x.type.name} as of the inputs, got {output.type.name}", "outputs[0]")

    def delegated(self, specs: Specs) -> bool:
        a, b, output = specs.input(0), specs.input(1), specs.output()
        if not takes_elementwise(specs, T.INT8, T.UINT8) or not takes_fused(self.fused_activation_function):
            return False
        if not a.type is b.type is output.type:
            return False
        if output.type in (T.FLOAT32, T.FLOAT16):
            return True
        with np.errstate(all="ignore"):
            ratio = np.float32(a.scale) * np.float32(b.scale) / np.float32(output.scale)
        return bool(2**-16 <= ratio < 2**8)

    def block(self, specs: Specs, profile: Profile) -> int:
        return {T.INT8: 16, T.UINT8: 8}.get(specs.input(0).type, 1) if profile is Profile.OPTIMIZED else 1

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x, output = specs.input(0), specs.output()
        if x.type is T.COMPLEX64:
            if self.fused_activation_function is not ActivationFunctionType.NONE:
                raise ModelError(f"expected no activation with COMPLEX64, got {self.fused_activation_function.name}")
            return plain("mul", np.multiply, output)
        if output.type is not x.type:
            return self._plan_narrowing(specs, profile)
        if x.type in (T.INT8, T.UINT8) or (x.type is T.INT16 and is_quantized(output)):
            return self._plan_quantized(specs, profile)
        flush = profile is Profile.XNNPACK
        clamp = plain_clamp(output.type, self.fused_activation_function, profile)
        native = native_binary("mul", specs, clamp.bounds, flush=flush) or native_arithmetic("mul", specs, clamp.bounds)
        return plain("mul", _multiply_flushed if flush else np.multiply, output, clamp, native)

    def _plan_quantized(self, specs: Specs, profile: Profile) -> Step:
        output = specs.output()
        points = ZeroPoints(*zero_points(specs, must_be_zero=output.type is T.INT16))
        product = scale_of(specs.input(0), "inputs[0]") * scale_of(specs.input(1), "inputs[1]")
        rounding: type[Requantizer] = profile.pick(reference=DoubleRounding, xnnpack=Float32)
        operands = Operands(points, rounding.from_real(np.asarray(product / scale_of(output, "outputs[0]"))))
        kernel = multiply_optimized if profile is Profile.OPTIMIZED and output.type is not T.INT16 else multiply
        bounds = quantized_bounds(output, self.fused_activation_function, profile)
        narrow = kernel is multiply_optimized
        native = partial(_plan_native, specs=specs, rule=operands.requantize, bounds=bounds, narrow=narrow)
        return quantized(
            "mul", partial(kernel, operands=operands), output, bounds, f"{rounding.__name__} rounding", native
        )

    def _plan_narrowing(self, specs: Specs, profile: Profile) -> Step:
        a, b, output = specs.input(0), specs.input(1), specs.output()
        if not a.size == b.size == output.size:
            raise ModelError(f"expected inputs of one shape for {output.type.name} of INT16", "inputs")
        rule = partial(multiply_int16_to_8_bits, zero_point=zero_point_of(output, "outputs[0]"))
        return quantized("mul_int16", rule, output, quantized_bounds(output, self.fused_activation_function, profile))

    def version(self, specs: Specs) -> int:
        x, output = specs.input(0), specs.output()
        quantized = is_quantized(output)
        if x.type is T.FLOAT16:
            return 8
        if x.type is T.UINT32 or (x.type is T.INT16 and not quantized):
            return 7
        if x.type is T.COMPLEX64:
            return 6
        if x.type is T.INT64:
            return 5
        if x.type is T.INT16:
            return 4
        if quantized and all(is_quantized(specs.input(i)) for i in (0, 1)):
            product = np.float32(x.scale) * np.float32(specs.input(1).scale)
            if product / np.float32(output.scale) >= 1:
                return 3
        return 2 if x.type is T.INT8 else 1


def _plan_native(
    target: Target, specs: Specs, rule: Requantizer, bounds: tuple[int, int], narrow: bool
) -> Compiled | str:
    a, b, output = specs.input(0), specs.input(1), specs.output()
    if output.type is T.INT16:
        wide = rule_of(rule, 1, 0)
        return (
            wide if isinstance(wide, str) else emit.wide.elementwise.plan_mul(target, known(a), known(b), wide, *bounds)
        )
    if narrow and 2**16 * a.scale * b.scale / output.scale > 2**15 - 512:
        return "products may wrap in 16 bits"
    native = rule_of(rule, 1, eight(output).zero_point)
    if isinstance(native, str):
        return native
    return plan_mul(target, known(a), known(b), eight(a), eight(b), eight(output), native, *bounds)


def _multiply_flushed(a: AnyArray, b: AnyArray) -> AnyArray:
    return np.multiply(flush_subnormals(a), flush_subnormals(b))
