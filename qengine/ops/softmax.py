"""SOFTMAX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from ..delegate import FLOATS
from ..errors import ModelError
from ..kernels import emit, reference
from ..kernels.arrays import AnyArray, Int64Array
from ..kernels.emit.plan import Compiled
from ..kernels.emit.softmax import plan_softmax, plan_softmax_fixed
from ..kernels.emit.target import Target
from ..kernels.fixed_point import quantize_multiplier
from ..kernels.profile import Profile
from ..kernels.reference.softmax import (
    FixedInput,
    power_table,
    rounded,
    rounded_half_up,
    softmax,
    softmax_fixed_point,
    softmax_int16,
    softmax_table,
    tables_int16,
)
from ..model import Shape, TensorType
from ..native import eight
from ..op import Fixed, Graphs, Rule, Spec, Specs, Step, Versions
from ..scales import scale_of, zero_point_of
from ..shapes import known, volume
from ._elementwise import Elementwise, limits_of, plain, quantized, zero_points
from ._floats import native_softmax

T = TensorType
_WIDER = {T.INT8: (T.INT8, T.INT16), T.UINT8: (T.UINT8, T.INT16)}


@dataclass(frozen=True, eq=False)
class Softmax(Elementwise):
    """exp(beta * x) over its sum along the last axis. 8-bit inputs may have an INT16 output.

    An INT8 output must have scale 1/256 and zero point -128, an INT16 one of an INT16 input 1/32768 and 0, to 0.1 %.
    """

    code: ClassVar[int] = 25
    known_versions: ClassVar[Versions] = Versions(4, reference=3)
    rule: ClassVar[Rule] = Fixed({T.INT8: (1 / 256, -128), T.UINT8: (1 / 256, 0), T.INT16: (1 / 32768, 0)})
    types: ClassVar = (T.FLOAT32, T.FLOAT16, T.INT8, T.UINT8, T.INT16)
    versions: ClassVar = {T.FLOAT16: 4, T.INT16: 3, T.INT8: 2}

    beta: float = 0.0

    def check_output(self, x: Spec, output: Spec) -> None:
        allowed = _WIDER.get(x.type, (x.type,))
        if output.type not in allowed:
            raise ModelError(f"expected {' or '.join(t.name for t in allowed)}, got {output.type.name}", "outputs[0]")

    def delegated(self, specs: Specs) -> bool:
        return self.beta == 1 and specs.input(0).type in FLOATS and specs.output().type in FLOATS

    def block(self, specs: Specs, profile: Profile) -> int:
        return 0

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x, output = specs.input(0), specs.output()
        if len(known(x)) == 0:
            raise ModelError("expected at least one dimension, got a scalar", "inputs[0]")
        if x.type in FLOATS:
            exact = profile is Profile.XNNPACK and x.type is T.FLOAT32
            native = None if profile is Profile.REFERENCE else native_softmax(specs, self.beta, xnnpack=exact)
            rule = reference.xnnpack_floats.softmax if exact else partial(softmax, beta=self.beta)
            return plain("softmax", rule, output, native=native)
        if x.type is T.INT16:
            return self._plan_int16(specs)
        zero_point_of(x, "inputs[0]")
        if output.type is T.INT8:
            _check(output, 1 / 256, -128)
        scale = float(scale_of(x, "inputs[0]"))
        if profile is Profile.REFERENCE:
            return self._plan_fixed_point(scale, known(x), output)
        return self._plan_table(scale, known(x), output)

    def _plan_int16(self, specs: Specs) -> Step:
        zero_points(specs, must_be_zero=True)
        _check(specs.output(), 1 / 32768, 0)
        scaled = float(scale_of(specs.input(0), "inputs[0]") * np.float32(self.beta))
        multiplier, shift = quantize_multiplier(scaled / (10.0 / 65535.0))
        rule = partial(softmax_int16, multiplier=multiplier, shift=shift)

        def native(target: Target) -> Compiled | str:
            *outer, size = known(specs.input(0)) or (1,)
            return emit.wide.softmax.plan_softmax(target, volume(outer), size, multiplier, shift, tables_int16())

        return quantized("softmax", rows(rule), specs.output(), (0, 32767), native=native)

    def _plan_fixed_point(self, scale: float, shape: Shape, output: Spec) -> Step:
        low, _ = limits_of(output)
        bits = output.type.bits
        numbers = FixedInput.of(scale, self.beta)
        if numbers.shift < 0:
            raise ModelError(f"expected beta * scale of at least 2**-26, got {self.beta * scale}", "inputs[0]")

        def rule(q: AnyArray) -> Int64Array:
            return softmax_fixed_point(q, numbers, bits) + low

        def native(target: Target) -> Compiled | str:
            difference = np.arange(-255, 1)
            powers = numbers.powers(difference, numbers.rescale(difference))
            return plan_softmax_fixed(target, volume(shape[:-1]), shape[-1], bits, powers.astype(np.int32))

        return quantized("softmax", rows(rule), output, limits_of(output), "fixed point", native)

    def _plan_table(self, scale: float, shape: Shape, output: Spec) -> Step:
        powers, output_scale = power_table(scale, self.beta), float(scale_of(output, "outputs[0]"))
        point = 0 if output.type is T.UINT8 else zero_point_of(output, "outputs[0]")
        rounding = rounded_half_up if output.type is T.UINT8 else rounded

        def rule(q: AnyArray) -> Int64Array:
            return rounding(softmax_table(q, powers, output_scale)) + point

        def native(target: Target) -> Compiled | str:
            if output_scale * 2.0**30 <= 1:
                return f"probabilities over a scale of {output_scale} exceed int32"
            bytes_out = None if output.type is T.INT16 else eight(output)
            return plan_softmax(target, volume(shape[:-1]), shape[-1], bytes_out, powers[::-1], output_scale, point)

        return quantized("softmax", rows(rule), output, limits_of(output), "table of powers", native)


def rows(rule: Callable[[AnyArray], Int64Array]) -> Callable[[AnyArray], Int64Array]:
    """A rule for rows of at least one number as one for any."""
    return lambda q: rule(q) if q.size else np.zeros(q.shape, np.int64)


def _check(output: Spec, scale: float, zero_point: int) -> None:
    found, point = float(scale_of(output, "outputs[0]")), zero_point_of(output, "outputs[0]")
    if abs(found - scale) > 0.001 * scale or point != zero_point:
        raise ModelError(f"expected scale {scale} and zero point {zero_point}, got {found} and {point}", "outputs[0]")
