"""What ADD and SUB share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..delegate import takes_fused
from ..errors import ModelError
from ..kernels import emit
from ..kernels.arrays import AnyArray, Int64Array
from ..kernels.emit.plan import Compiled
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..kernels.reference.add import (
    CommonScale,
    FloatScales,
    Scales,
    Sign,
    ZeroPoints,
    add_float_scales,
    add_optimized,
    add_power_of_two,
    add_scalar,
)
from ..kernels.reference.lanes import inner_loop
from ..model import TensorType
from ..native import eight
from ..op import Specs, Step
from ..options import ActivationFunctionType
from ..scales import exponent_of, scale_of
from ..shapes import known
from ._elementwise import plain, plain_clamp, quantized, quantized_bounds, takes_elementwise, zero_points
from ._floats import Native, native_binary
from ._numbers import native_arithmetic

T = TensorType


def takes_sum(specs: Specs, fused: ActivationFunctionType) -> bool:
    """Whether XNNPACK takes an ADD or SUB: one type, and with 8 bits scales not too far from the output's."""
    if not takes_elementwise(specs, T.INT8, T.UINT8) or not takes_fused(fused):
        return False
    output = specs.output()
    if not specs.input(0).type is specs.input(1).type is output.type:
        return False
    if output.type in (T.FLOAT32, T.FLOAT16):
        return True
    with np.errstate(all="ignore"):
        ratios = [np.float32(specs.input(i).scale) / np.float32(output.scale) for i in (0, 1)]
    return all(2**-10 <= ratio < 2**8 for ratio in ratios)


def plan_plain(name: str, specs: Specs, profile: Profile, fused: ActivationFunctionType, sign: Sign) -> Step:
    """Numbers that stand for themselves; integers wrap before they are clamped."""
    output = specs.output()
    function = np.add if sign == 1 else np.subtract
    clamp = plain_clamp(output.type, fused, profile)
    native = native_binary(name, specs, clamp.bounds) or native_arithmetic(name, specs, clamp.bounds)
    return plain(name, function, output, clamp, native)


def plan_quantized(
    name: str, specs: Specs, profile: Profile, fused: ActivationFunctionType, pot: bool, sign: Sign
) -> Step:
    """8- and 16-bit quantized numbers. pot: 16-bit numbers whose scales are powers of two are only shifted."""
    a, b, output = specs.input(0), specs.input(1), specs.output()
    wide = output.type is T.INT16
    points = ZeroPoints(*zero_points(specs, must_be_zero=wide))
    named = ((a, "inputs[0]"), (b, "inputs[1]"), (output, "outputs[0]"))
    scales = Scales(*(float(scale_of(spec, where)) for spec, where in named))
    exponents = [exponent_of(scale) for scale in scales]
    rule: Callable[[AnyArray, AnyArray], Int64Array]
    if wide and pot and None not in exponents:
        shift_a, shift_b = _shifts(specs, [exponent or 0 for exponent in exponents], sign)
        rule, why = partial(add_power_of_two, shift_a=shift_a, shift_b=shift_b, sign=sign), "scales are powers of two"
        bounds = quantized_bounds(output, fused, profile)

        def shifted(target: Target) -> Compiled:
            return emit.wide.elementwise.plan_pot(target, known(a), known(b), (shift_a, shift_b), sign, *bounds)

        return quantized(name, rule, output, bounds, why, shifted)
    if profile is Profile.XNNPACK:
        floats = FloatScales.of(scales, points, sign)
        bounds = quantized_bounds(output, fused, profile)
        rule, native = partial(add_float_scales, scales=floats), _native(specs, floats, bounds)
        return quantized(name, rule, output, bounds, "XNNPACK's multipliers", native)
    common = CommonScale.of(scales, points, 15 if wide else 20)
    if sign == 1 and common.output.shift > 0:
        raise ModelError(f"expected a scale above {2 ** (1 - common.left_shift)} times the inputs'", "outputs[0]")
    scalar = partial(add_scalar, scale=common, sign=sign)
    fast = profile is Profile.OPTIMIZED and sign == 1
    bounds = quantized_bounds(output, fused, profile)
    native = partial(_plan_fixed, specs=specs, scale=common, sign=sign, bounds=bounds, fast=fast)
    rule = partial(add_optimized, scale=common) if fast else scalar
    return quantized(name, rule, output, bounds, "twice the larger input scale", native)


def _native(specs: Specs, scales: FloatScales, bounds: tuple[int, int]) -> Native:
    """The planner of the emitted sum."""
    a, b, output = specs.input(0), specs.input(1), specs.output()

    def native(target: Target) -> Compiled:
        numbers = emit.elementwise.AddNumbers(scales.a, scales.b, scales.shift)
        operands = known(a), known(b), eight(a), eight(b), eight(output)
        return emit.elementwise.plan_add(target, *operands, numbers, *bounds)

    return native


def _plan_fixed(
    target: Target, specs: Specs, scale: CommonScale, sign: Sign, bounds: tuple[int, int], fast: bool
) -> Compiled | str:
    a, b, output = specs.input(0), specs.input(1), specs.output()
    if output.type is T.INT16:
        alike = _squeezed(known(a)) == _squeezed(known(b))
        blocks = emit.add_fixed.Vectors(inner_loop(known(a), known(b)).length, 16, True) if fast and alike else None
        return emit.wide.elementwise.plan_sum(target, known(a), known(b), scale, sign, *bounds, blocks)
    vectors = None
    if fast:
        loop = inner_loop(known(a), known(b))
        wide = output.type is T.INT8 and not loop.scalar
        vectors = emit.add_fixed.Vectors(loop.length, 16 if wide else 8, wide) if loop.length else None
        if vectors is not None and 255 * (a.scale + b.scale) / output.scale > 2**15 - 512:
            return "sums may wrap in 16 bits"
    operands = known(a), known(b), eight(a), eight(b), eight(output)
    return emit.add_fixed.plan_add_fixed(target, *operands, scale, sign, *bounds, vectors)


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without leading dimensions of 1."""
    return shape[next((i for i, length in enumerate(shape) if length != 1), len(shape)) :]


def _shifts(specs: Specs, exponents: list[int], sign: Sign) -> tuple[int, int]:
    """How far each input is shifted right, where scales are these powers of two."""
    a, b, output = exponents
    if min(output - a, output - b) != 0:
        raise ModelError(
            f"expected one input of the output's scale and none of a larger one, got 2**{a}, 2**{b} and 2**{output}",
            "inputs",
        )
    if sign == 1 and not specs.input(0).size == specs.input(1).size == specs.output().size:
        raise ModelError("expected inputs of one shape where scales are powers of two", "inputs")
    return output - a, output - b
