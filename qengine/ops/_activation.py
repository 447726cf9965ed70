"""What activation functions share: tables of 8-bit functions, floats of other widths, rectifiers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

import numpy as np

from ..errors import ModelError
from ..kernels.arrays import AnyArray, FloatingArray, IntegerArray
from ..kernels.bfloat16 import from_bfloat16, to_bfloat16
from ..kernels.fixed_point import round_half_away
from ..kernels.lookup import lookup, lookup_int16, lookup_table, lookup_table_int16
from ..kernels.profile import Profile
from ..kernels.reference.quantized_activations import rescale
from ..kernels.reference.subnormals import flush_subnormals
from ..kernels.reference.tables import xnnpack_table
from ..kernels.requantizers import DoubleRounding
from ..model import TensorType
from ..op import Spec, Specs, Step
from ..scales import exponent_of, scale_of
from ._elementwise import Clamp, ends, plain, quantized
from ._floats import native_clamp, native_unary

T = TensorType
Function = Callable[[FloatingArray], FloatingArray]


def plan_table(name: str, specs: Specs, profile: Profile, function: Function) -> Step:
    """An 8-bit function by a table of its 256 values, a 16-bit one by a table of 512 steps."""
    output = specs.output()
    scales = scale_of(specs.input(0), "inputs[0]"), scale_of(output, "outputs[0]")
    if output.type is T.INT16:
        points = ends(specs, must_be_zero=True)
        steps = lookup_table_int16(function, scales[0], points.input, scales[1], points.output)
        return Step(lambda x: lookup_int16(x, steps), f"{name}_int16", "table of 512 steps")
    points = ends(specs, must_be_zero=False)
    build = xnnpack_table if profile is Profile.XNNPACK else lookup_table
    table = build(function, float(scales[0]), points.input, float(scales[1]), points.output, output.type.dtype)
    return Step(lambda x: lookup(x, table), f"{name}_{output.type.name.lower()}", f"{build.__name__} of 256")


def plan_float(name: str, specs: Specs, profile: Profile, function: Function) -> Step:
    """A function of floats; in FLOAT16 and BFLOAT16 it is computed in float32 and rounded once.

    XNNPACK takes subnormal numbers for zero.
    """
    output = specs.output()
    if output.type is T.BFLOAT16:
        return plain(name, lambda x: to_bfloat16(function(from_bfloat16(x))), output)
    if output.type is T.FLOAT16:
        return plain(name, lambda x: function(x.astype(np.float32)).astype(np.float16), output)
    native = native_unary(function, specs, flush=profile is Profile.XNNPACK)
    if profile is Profile.XNNPACK and output.type is T.FLOAT32:
        return plain(name, lambda x: function(flush_subnormals(x)), output, native=native)
    return plain(name, function, output, native=native)


def plan_rectifier(name: str, specs: Specs, profile: Profile, bounds: tuple[float, float]) -> Step:
    """A clamp to real `bounds` as an operator of its own; quantized numbers are brought to the output's scale first."""
    x, output = specs.input(0), specs.output()
    if x.type in (T.FLOAT32, T.FLOAT16):
        clamp = Clamp(*bounds, nan=bounds[0] if x.type is T.FLOAT16 else None)
        return plain(name, _itself, output, clamp, native_clamp(specs, *bounds))
    points = ends(specs, must_be_zero=x.type is T.INT16)
    scale = scale_of(output, "outputs[0]")
    rule = DoubleRounding.from_real(np.asarray(scale_of(x, "inputs[0]") / scale))
    function = partial(rescale, zero_points=points, rule=rule)
    return quantized(name, function, output, clamp_of(bounds, scale, points.output, output.type))


def clamp_of(bounds: tuple[float, float], scale: np.float32, zero_point: int, type_: TensorType) -> tuple[int, int]:
    """Real bounds as quantized numbers, rounded half away from zero, within the type."""
    limits = np.iinfo(type_.dtype)
    low, high = (float(round_half_away(np.float32(bound) / scale)) + zero_point for bound in bounds)
    return int(max(low, limits.min)), int(min(high, limits.max))


def _itself(x: AnyArray) -> AnyArray:
    return x


def check_scale(output: Spec, wanted: float) -> None:
    """Refuses an output whose scale isn't that of the function's range."""
    found = float(scale_of(output, "outputs[0]"))
    if found != wanted:
        raise ModelError(f"expected scale {wanted}, got {found}", "outputs[0]")


def power_of_two(scale: float, exponents: Collection[int]) -> int | None:
    """Which of `exponents` e makes 2**(e - 12) the scale, but for rounding; None if none."""
    found = exponent_of(scale)
    return found + 12 if found is not None and found + 12 in exponents else None


def refuse_negative(q: IntegerArray, zero_point: int) -> None:
    """RuntimeError where a quantized number stands for a negative one, which has no root."""
    if q.size and int(q.min()) < zero_point:
        raise RuntimeError(f"expected numbers from {zero_point} on, got {int(q.min())} - at `inputs[0]`")
