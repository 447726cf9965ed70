"""QUANTIZE."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np

from ..delegate import FLOATS
from ..errors import ModelError, Unsupported
from ..kernels.arrays import AnyArray
from ..kernels.emit.plan import Compiled
from ..kernels.emit.quantize import ToBytes, plan_quantize
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..kernels.reference.quantize import (
    Affine,
    along,
    quantize,
    quantize_optimized,
    quantize_xnnpack,
    requantize_xnnpack,
)
from ..kernels.reference.quantized_activations import ZeroPoints, rescale
from ..kernels.requantizers import ChannelSplit, DoubleRounding
from ..model import TensorType
from ..native import eight
from ..op import Graphs, Spec, Specs, Step, Versions
from ..packing import integer_range
from ..scales import scale_of, scales_of, zero_point_of
from ..shapes import axis_of, known
from ._elementwise import Elementwise, ends, limits_of, quantized, takes_elementwise

T = TensorType
_EIGHT_BITS = (T.INT8, T.UINT8)
_OUTPUTS = {
    T.FLOAT32: (T.INT8, T.UINT8, T.INT16, T.INT4, T.UINT4),
    T.FLOAT16: _EIGHT_BITS,
    T.INT16: (T.INT8, T.INT16, T.INT32),
    T.INT32: (T.INT8, T.INT16),
    T.INT8: (T.INT8, T.UINT8, T.INT16),
    T.UINT8: (T.INT8, T.UINT8, T.INT16),
}


@dataclass(frozen=True, eq=False)
class Quantize(Elementwise):
    """Real numbers as quantized ones, or quantized ones at another scale, zero point or type."""

    code: ClassVar[int] = 114
    known_versions: ClassVar[Versions] = Versions(6)
    types: ClassVar = (T.FLOAT32, T.INT8, T.UINT8, T.INT16, T.INT32)

    def check_output(self, x: Spec, output: Spec) -> None:
        allowed = _OUTPUTS.get(x.type, ())
        if not allowed:
            raise Unsupported(f"QUANTIZE of {x.type.name}", "inputs[0]")
        if output.type not in allowed:
            names = " or ".join(type_.name for type_ in allowed)
            raise ModelError(f"expected {names} of {x.type.name}, got {output.type.name}", "outputs[0]")

    def delegated(self, specs: Specs) -> bool:
        """XNNPACK takes floats to 8 bits, and 8-bit numbers whose type stays, for ratios of scales of 1/256 to 128."""
        if not takes_elementwise(specs, *_EIGHT_BITS):
            return False
        x, output = specs.input(0), specs.output()
        if x.type in FLOATS:
            return output.type in _EIGHT_BITS
        if x.type is not output.type:
            return False
        with np.errstate(all="ignore"):
            ratio = np.float32(x.scale) / np.float32(output.scale)
        return bool(2**-8 <= ratio <= 128)

    def block(self, specs: Specs, profile: Profile) -> int:
        types = specs.input(0).type, specs.output().type
        return 16 if profile is Profile.OPTIMIZED and all(type_ in _EIGHT_BITS for type_ in types) else 1

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        if specs.input(0).type in FLOATS:
            return self._plan_float(specs, profile)
        step = self._plan_integer(specs, profile)
        return replace(step, why="the numbers stay", alias=True) if _stays(specs) else step

    def _plan_float(self, specs: Specs, profile: Profile) -> Step:
        output = specs.output()
        bounds = integer_range(output.type)
        if len(scales_of(output, "outputs[0]")) > 1:
            if output.type in (T.INT4, T.UINT4):
                raise ModelError(f"expected one scale for {output.type.name}, got one a channel", "outputs[0]")
            to = affine_of(output, "outputs[0]")
            return quantized("quantize", partial(quantize, to=to), output, bounds, "one scale a channel")
        to = Affine(scale_of(output, "outputs[0]"), zero_point_of(output, "outputs[0]"))
        native = partial(_plan_native, specs=specs, profile=profile)
        if profile is Profile.XNNPACK:
            rule = partial(quantize_xnnpack, to=to, high=bounds[1])
            return quantized(
                "quantize", lambda x: rule(x.astype(np.float32, copy=False)), output, bounds, native=native
            )
        fast = profile is Profile.OPTIMIZED and output.type not in (T.INT4, T.UINT4)
        kernel = partial(quantize_optimized if fast else quantize, to=to)
        return quantized("quantize", kernel, output, bounds, native=native)

    def _plan_integer(self, specs: Specs, profile: Profile) -> Step:
        x, output = specs.input(0), specs.output()
        points = ends(specs, must_be_zero=x.type is output.type is T.INT16)
        scales = scale_of(x, "inputs[0]"), scale_of(output, "outputs[0]")
        if profile is Profile.XNNPACK:
            multiplier = int(np.rint(256 * (scales[0] / scales[1])))
            rule = partial(requantize_xnnpack, zero_points=points, multiplier=multiplier)
            return quantized("requantize", rule, output, limits_of(output), "multiplier in 1/256")
        ratio = np.asarray(float(scales[0]) / float(scales[1]))
        plain = partial(rescale, zero_points=points, rule=DoubleRounding.from_real(ratio))
        if profile is Profile.REFERENCE or x.type not in _EIGHT_BITS or output.type not in _EIGHT_BITS:
            return quantized("requantize", plain, output, limits_of(output), "DoubleRounding")
        split = ChannelSplit.from_real(ratio, 16)

        def optimized(q: AnyArray) -> AnyArray:
            return rescale(q.reshape(1, -1), ZeroPoints(*points), split).reshape(q.shape)

        return quantized("requantize", optimized, output, limits_of(output), "blocks of 16 round half up")

    def version(self, specs: Specs) -> int:
        x, output = specs.input(0), specs.output()
        for type_, version in ((T.UINT4, 5), (T.INT4, 4)):
            if type_ in (x.type, output.type):
                return version
        if output.quantization is not None and output.quantization.per_channel:
            return 3
        return 2 if output.type is T.INT16 else 1


def _plan_native(target: Target, specs: Specs, profile: Profile) -> Compiled | str:
    x, output = specs.input(0), specs.output()
    if x.type is not T.FLOAT32 or output.type not in _EIGHT_BITS:
        return "no native kernel for these types"
    size = output.size
    parts = profile.pick(
        reference=[(size, ToBytes.AWAY)],
        optimized=[(size // 8 * 8, ToBytes.EVEN), (size % 8, ToBytes.DOUBLE)],
        xnnpack=[(size, ToBytes.TOP)],
    )
    return plan_quantize(target, output.scale, eight(output), parts)


def _stays(specs: Specs) -> bool:
    """Whether 8-bit numbers keep their scale and their distance from the least of their type."""
    x, output = specs.input(0), specs.output()
    return (
        x.type in _EIGHT_BITS
        and output.type in _EIGHT_BITS
        and x.scale == output.scale
        and eight(x).stored_zero == eight(output).stored_zero
    )


def affine_of(spec: Spec, where: str) -> Affine:
    """Scales and zero points of a tensor quantized along an axis, shaped to broadcast with it."""
    q, shape = spec.quantization, known(spec)
    scales = scales_of(spec, where)
    if q is None or q.zero_point is None or len(q.zero_point) not in (1, len(scales)):
        raise ModelError(f"expected a zero point for each of {len(scales)} scales", where)
    axis = axis_of(q.axis, len(shape), where)
    if len(scales) not in (1, shape[axis]):
        raise ModelError(f"expected {shape[axis]} scales along dimension {axis}, got {len(scales)}", where)
    return Affine(along(scales, axis, len(shape)), along(q.zero_point, axis, len(shape)))
