"""What operators tell the emitted float32 kernels: which function, over which shapes, clamped how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial

import numpy as np

from ..kernels import reference
from ..kernels.arrays import AnyArray, FloatingArray
from ..kernels.emit import float32
from ..kernels.emit.plan import Compiled
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Specs
from ..shapes import known, volume

Native = Callable[[Target], Compiled | str]


@cache
def _unary() -> Mapping[Callable[..., AnyArray], str]:
    """Emitted twins of functions of one float32 array. Subnormal numbers matter to none but those which
    drop them, and to the roundings of _NORMAL."""
    activations, eigen_floats, xnnpack_floats = reference.activations, reference.eigen_floats, reference.xnnpack_floats
    return {
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
        xnnpack_floats.tanh: "xnnpacktanh",
        xnnpack_floats.logistic: "xnnpacklogistic",
        xnnpack_floats.elu: "xnnpackelu",
        xnnpack_floats.gelu: "xnnpackgelu",
        xnnpack_floats.gelu_tanh: "xnnpackgelutanh",
        xnnpack_floats.hard_swish: "xnnpackhardswish",
        xnnpack_floats.sqrt: "sqrtnewton",
        xnnpack_floats.log: "lognormal",
        xnnpack_floats.sin: "sine",
        xnnpack_floats.cos: "cosine",
        activations.log: "log",
        np.floor: "floor",
        np.ceil: "ceil",
        np.rint: "rint",
        np.sign: "sign",
        eigen_floats.tanh: "eigentanh",
        eigen_floats.logistic: "eigenlogistic",
    }


_NORMAL = {"floor": "floornormal", "ceil": "ceilnormal"}
"""Roundings, and their forms for which subnormal numbers are 0."""


def native_unary(
    function: Callable[[FloatingArray], FloatingArray], specs: Specs, *, flush: bool = False
) -> Native | None:
    """The emitted twin of a reference function, if it has one; subnormal numbers as 0 to `flush`."""
    parameter = 0.0
    if isinstance(function, partial) and function.func is reference.activations.leaky_relu:
        name: str | None = "leaky"
        parameter = function.keywords["alpha"]
    else:
        name = _unary().get(function)
    if name is None or not _is_float32(specs):
        return None
    chosen = _NORMAL.get(name, name) if flush else name
    return lambda target: float32.elementwise.plan_unary(target, chosen, specs.output().size, parameter=parameter)


def native_clamp(specs: Specs, low: float, high: float) -> Native | None:
    """Numbers outside [low, high] become the nearer bound, NaN stays."""
    if not _is_float32(specs):
        return None

    def compiled(target: Target) -> Compiled:
        return float32.elementwise.plan_unary(target, "same", specs.output().size, float32.pieces.Clamp(low, high))

    return compiled


def native_binary(
    name: str, specs: Specs, bounds: tuple[float, float] | None = None, *, swapped: bool = False, flush: bool = False
) -> Native | None:
    """A function of two tensors by the kernel's name; of (b, a) where `swapped`; subnormal operands as 0 to `flush`."""
    if not _is_float32(specs):
        return None

    def compiled(target: Target) -> Compiled:
        clamp = float32.pieces.ANY if bounds is None else float32.pieces.Clamp(*bounds)
        shapes = known(specs.input(0)), known(specs.input(1))
        return float32.elementwise.plan_binary(target, name, *shapes, clamp, swapped=swapped, flush=flush)

    return compiled


def native_extreme(name: str, specs: Specs, profile: Profile) -> Native | None:
    """`max` or `min`; which operand comes first, as `xnnpack_order` says, matters to NaN alone."""
    a_is_wider = reference.extremes.first_is_wider(known(specs.input(0)), known(specs.input(1)))
    swapped = profile is Profile.XNNPACK and not a_is_wider
    return native_binary(name, specs, swapped=swapped)


def native_softmax(specs: Specs, beta: float, *, xnnpack: bool) -> Native | None:
    """exp(beta * x) over its sum along the last axis; `xnnpack` by that library's steps, where beta is 1."""
    if not _is_float32(specs):
        return None
    *outer, size = known(specs.input(0))
    return lambda target: float32.softmax.plan_softmax(target, volume(outer), size, beta, xnnpack=xnnpack)


def _is_float32(specs: Specs) -> bool:
    operands = (*(spec for spec in specs.inputs if spec is not None), *specs.outputs)
    return all(spec.type is TensorType.FLOAT32 for spec in operands)
