"""What operators tell the emitted float32 kernels: which function, over which shapes, clamped how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from ..kernels.arrays import AnyArray, FloatingArray
from ..kernels.emit.float32.elementwise import plan_binary, plan_unary
from ..kernels.emit.float32.pieces import ANY, Clamp
from ..kernels.emit.float32.softmax import plan_softmax
from ..kernels.emit.plan import Compiled
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..kernels.reference import activations, xnnpack_floats
from ..kernels.reference.extremes import first_is_wider
from ..model import TensorType
from ..op import Specs
from ..shapes import known, volume

Native = Callable[[Target], Compiled | str]

_UNARY: Mapping[Callable[..., AnyArray], str] = {
    np.negative: "neg",
    np.abs: "abs",
    np.square: "square",
    activations.sqrt: "sqrt",
    activations.rsqrt: "rsqrt",
    activations.exp: "exp",
    activations.logistic: "logistic",
    activations.tanh: "tanh",
    activations.elu: "elu",
    activations.gelu_tanh_cubed: "gelutanh",
    activations.hard_swish_scaled: "hardswish",
    xnnpack_floats.rsqrt: "newton",
    xnnpack_floats.exp: "expofnumber",
    xnnpack_floats.gelu: "gelu",
    xnnpack_floats.sqrt: "sqrtnewton",
    xnnpack_floats.log: "lognormal",
    xnnpack_floats.sin: "sine",
    xnnpack_floats.cos: "cosine",
    activations.log: "log",
    np.floor: "floor",
    np.ceil: "ceil",
    np.rint: "rint",
    np.sign: "sign",
}
"""Emitted twins of functions of one float32 array. Subnormal numbers matter to none but
those which drop them, and to the roundings of _NORMAL."""


_NORMAL = {"floor": "floornormal", "ceil": "ceilnormal"}
"""Roundings, and their forms for which subnormal numbers are 0."""


def native_unary(
    function: Callable[[FloatingArray], FloatingArray], specs: Specs, *, flush: bool = False
) -> Native | None:
    """The emitted twin of a reference function, if it has one; subnormal numbers as 0 to `flush`."""
    parameter = 0.0
    if isinstance(function, partial) and function.func is activations.leaky_relu:
        name: str | None = "leaky"
        parameter = function.keywords["alpha"]
    else:
        name = _UNARY.get(function)
    if name is None or not _is_float32(specs):
        return None
    chosen = _NORMAL.get(name, name) if flush else name
    return lambda target: plan_unary(target, chosen, specs.output().size, parameter=parameter)


def native_clamp(specs: Specs, low: float, high: float) -> Native | None:
    """Numbers outside [low, high] become the nearer bound, NaN stays."""
    if not _is_float32(specs):
        return None
    return lambda target: plan_unary(target, "same", specs.output().size, Clamp(low, high))


def native_binary(
    name: str, specs: Specs, bounds: tuple[float, float] | None = None, *, swapped: bool = False, flush: bool = False
) -> Native | None:
    """A function of two tensors by the kernel's name; of (b, a) where `swapped`; subnormal operands as 0 to `flush`."""
    if not _is_float32(specs):
        return None
    clamp = ANY if bounds is None else Clamp(*bounds)

    def compiled(target: Target) -> Compiled:
        shapes = known(specs.input(0)), known(specs.input(1))
        return plan_binary(target, name, *shapes, clamp, swapped=swapped, flush=flush)

    return compiled


def native_extreme(name: str, specs: Specs, profile: Profile) -> Native | None:
    """`max` or `min`; which operand comes first, as `xnnpack_order` says, matters to NaN alone."""
    swapped = profile is Profile.XNNPACK and not first_is_wider(known(specs.input(0)), known(specs.input(1)))
    return native_binary(name, specs, swapped=swapped)


def native_softmax(specs: Specs, beta: float) -> Native | None:
    """exp(beta * x) over its sum along the last axis."""
    if not _is_float32(specs):
        return None
    *outer, size = known(specs.input(0))
    return lambda target: plan_softmax(target, volume(outer), size, beta)


def _is_float32(specs: Specs) -> bool:
    operands = (*(spec for spec in specs.inputs if spec is not None), *specs.outputs)
    return all(spec.type is TensorType.FLOAT32 for spec in operands)
