"""int8 layers on arrays and numbers, in each kernel set of the runtime: no model, no file.

`profile` says whose rounding it is (Profile or its name). With `compiled` sums are taken by loops that Numba compiles
when they are first called (seconds), else by NumPy: same results. low and high clamp the output;
affine.activation_range gives them for a fused activation.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import numpy.typing as npt

from .arrays import AnyArray, Float32Array, Int8Array, Int32Array, IntegerArray
from .fixed_point import is_int32
from .profile import Profile
from .reference.conv import Geometry
from .requantizers import (
    ChannelSplit,
    DoubleRounding,
    Float32,
    Float64,
    HalfUp,
    Requantizer,
    of_products,
)

Pair = tuple[int, int]
Padding = str | tuple[int, int, int, int]


def requantize(
    acc: IntegerArray,
    multiplier: int | Int32Array,
    shift: int | Int32Array,
    zero_point: int,
    *,
    low: int = -128,
    high: int = 127,
    profile: Profile | str = "reference",
) -> Int8Array:
    """int32 accumulators (..., c) to int8 (..., c).

    q = clamp(zero_point + round(acc * multiplier * 2**(shift - 31)), low, high)
    multiplier in [2**30, 2**31) or 0, shift in [-31, 31], one each or (c,) each.
    reference: rounds twice, ties up in the product and away from zero in the shift (MultiplyByQuantizedMultiplier);
    optimized: ties up in both; xnnpack: multiplies by float32(multiplier * 2**(shift - 31)), rounds ties to even.
    XNNPACK itself takes its float32 from scales, not from a multiplier: conv_int8 and the others do as well.

    >>> requantize(np.array([100, 101, -101], np.int32), 2**30, 0, 0)
    array([ 50,  51, -50], dtype=int8)
    """
    _check_int8(zero_point, low, high)
    if not is_int32(acc):
        raise ValueError("expected int32 accumulators, got larger ones")
    multipliers, shifts = np.asarray(multiplier, np.int64), np.asarray(shift, np.int64)
    if not (is_int32(multipliers) and (multipliers >= 0).all() and (abs(shifts) <= 31).all()):
        raise ValueError(f"expected multipliers in [0, 2**31) and shifts in [-31, 31], got {multiplier} and {shift}")
    real = np.ldexp(multipliers.astype(np.float64), (shifts - 31).astype(np.int32))
    integers = (multipliers.astype(np.int32), shifts.astype(np.int32))
    reference: Requantizer = DoubleRounding(*integers)
    rescale = Profile(profile).pick(
        reference=reference, optimized=HalfUp(*integers), xnnpack=Float32.from_real(real.astype(np.float32))
    )
    return rescale(np.asarray(acc), zero_point, low, high, np.int8)


def conv_int8(
    x: Int8Array,
    weights: Int8Array,
    bias: Int32Array | None = None,
    *,
    input_scale: float,
    input_zero_point: int,
    weight_scales: npt.ArrayLike,
    output_scale: float,
    output_zero_point: int,
    stride: Pair = (1, 1),
    padding: Padding = "same",
    dilation: Pair = (1, 1),
    low: int = -128,
    high: int = 127,
    profile: Profile | str = "xnnpack",
    compiled: bool = False,
) -> Int8Array:
    """CONV_2D: x (n, h, w, g * i), weights (o, kh, kw, i), bias (o,) of scale input * weight -> (n, oh, ow, o).

    Scales are rounded to float32; weight_scales is one or (o,), weights have zero point 0. stride and dilation are
    (vertical, horizontal); padding is "same", "valid" or (top, bottom, left, right). g > 1 makes groups.
    """
    _check_layer(x, weights, bias, 4, len(weights) if np.ndim(weights) else 0)
    groups, rest = divmod(x.shape[3], max(weights.shape[3], 1))
    if rest or groups < 1 or len(weights) % groups:
        raise ValueError(f"expected filters for whole groups of {x.shape[3]} channels, got {list(weights.shape)}")
    geometry = _geometry(x, weights, stride, padding, dilation)
    # The runtime's optimized kernel doesn't know groups and leaves them to the reference.
    rule = _rule(profile, DoubleRounding, HalfUp if groups == 1 else DoubleRounding)
    rescale = _requantizer(rule, input_scale, weight_scales, output_scale, len(weights))
    _check_int8(output_zero_point, low, high, input_zero_point)
    acc = _sums(compiled).conv_2d_accumulate(x, input_zero_point, weights, 0, bias, geometry)
    return rescale(acc, output_zero_point, low, high, np.int8)


def depthwise_conv_int8(
    x: Int8Array,
    weights: Int8Array,
    bias: Int32Array | None = None,
    *,
    input_scale: float,
    input_zero_point: int,
    weight_scales: npt.ArrayLike,
    output_scale: float,
    output_zero_point: int,
    stride: Pair = (1, 1),
    padding: Padding = "same",
    dilation: Pair = (1, 1),
    low: int = -128,
    high: int = 127,
    profile: Profile | str = "xnnpack",
    compiled: bool = False,
) -> Int8Array:
    """DEPTHWISE_CONV_2D: x (n, h, w, c), weights (1, kh, kw, c * m), bias (c * m,) -> (n, oh, ow, c * m).

    Output channel m * j + e comes from input channel j. All else as conv_int8.
    """
    outputs = weights.shape[3] if np.ndim(weights) == 4 else 0
    _check_layer(x, weights, bias, 4, outputs)
    if weights.shape[0] != 1 or x.shape[3] < 1 or outputs % x.shape[3]:
        raise ValueError(f"expected filters [1, h, w, a multiple of {x.shape[3]}], got {list(weights.shape)}")
    geometry = _geometry(x, weights, stride, padding, dilation)
    rule = _rule(profile, DoubleRounding, ChannelSplit)
    rescale = _requantizer(rule, input_scale, weight_scales, output_scale, outputs)
    _check_int8(output_zero_point, low, high, input_zero_point)
    acc = _sums(compiled).depthwise_conv_2d_accumulate(x, input_zero_point, weights, 0, bias, geometry)
    return rescale(acc, output_zero_point, low, high, np.int8)


def matmul_int8(
    x: Int8Array,
    weights: Int8Array,
    bias: Int32Array | None = None,
    *,
    input_scale: float,
    input_zero_point: int,
    weight_scales: npt.ArrayLike,
    output_scale: float,
    output_zero_point: int,
    low: int = -128,
    high: int = 127,
    profile: Profile | str = "xnnpack",
    compiled: bool = False,
) -> Int8Array:
    """FULLY_CONNECTED: x (..., k), weights (o, k), bias (o,) of scale input * weight -> (..., o).

    Scales are rounded to float32; weight_scales is one or (o,), weights have zero point 0.
    """
    _check_layer(x, weights, bias, 2, len(weights) if np.ndim(weights) else 0)
    rule = _rule(profile, Float64, HalfUp)
    single = rule is HalfUp and np.size(weight_scales) == 1
    rescale = _requantizer(rule, input_scale, weight_scales, output_scale, len(weights), single=single)
    _check_int8(output_zero_point, low, high, input_zero_point)
    acc = _sums(compiled).matmul_accumulate(x, input_zero_point, weights, 0, bias)
    return rescale(acc, output_zero_point, low, high, np.int8)


def _rule(profile: Profile | str, reference: type[Requantizer], optimized: type[Requantizer]) -> type[Requantizer]:
    """The rounding of a kernel set; XNNPACK has but one."""
    return Profile(profile).pick(reference=reference, optimized=optimized, xnnpack=Float32)


def _sums(compiled: bool) -> ModuleType:
    """The module that sums products."""
    if compiled:
        from .loops import accumulate as loops

        return loops
    from .reference import accumulate as reference

    return reference


def _check_layer(x: AnyArray, weights: AnyArray, bias: AnyArray | None, rank: int, outputs: int) -> None:
    """Types and shapes that every layer asks for."""
    for name, operand in (("x", x), ("weights", weights)):
        if operand.dtype != np.int8:
            raise ValueError(f"expected int8 {name}, got {operand.dtype}")
    if weights.ndim != rank or x.ndim < 1 or (rank == 4 and x.ndim != 4):
        raise ValueError(f"expected {rank} dimensions, got shapes {list(x.shape)} and {list(weights.shape)}")
    if bias is not None and (bias.dtype != np.int32 or bias.shape != (outputs,)):
        raise ValueError(f"expected int32 bias of shape [{outputs}], got {bias.dtype} {list(bias.shape)}")


def _check_int8(zero_point: int, low: int, high: int, input_zero_point: int = 0) -> None:
    """Zero points and bounds that int8 holds."""
    if not -128 <= low <= high <= 127:
        raise ValueError(f"expected -128 <= low <= high <= 127, got {low} and {high}")
    for point in (zero_point, input_zero_point):
        if not -128 <= point <= 127:
            raise ValueError(f"expected a zero point within int8, got {point}")


def _requantizer(
    rule: type[Requantizer],
    input_scale: float,
    weight_scales: npt.ArrayLike,
    output_scale: float,
    outputs: int,
    *,
    single: bool = False,
) -> Requantizer:
    """The rule for these scales, of which there is one a channel or one for all."""
    scales: Float32Array = np.asarray(weight_scales, np.float32)
    if scales.ndim > 1 or scales.size not in (1, outputs):
        raise ValueError(f"expected 1 weight scale or {outputs}, got shape {list(scales.shape)}")
    ends: Float32Array = np.array([input_scale, output_scale], np.float32)
    if not all(np.isfinite(some).all() and (some > 0).all() for some in (ends, scales)):
        raise ValueError(f"expected finite positive scales, got {ends.tolist()} and {scales.tolist()}")
    return of_products(rule, ends[0], scales, ends[1], single=single)


def _geometry(x: AnyArray, weights: AnyArray, stride: Pair, padding: Padding, dilation: Pair) -> Geometry:
    """How the window slides; the runtime's rule for "same" puts the smaller half of the padding first."""
    if min(*stride, *dilation) < 1:
        raise ValueError(f"expected strides and dilations of 1 or more, got {stride} and {dilation}")
    lengths, reaches = x.shape[1:3], [(weights.shape[1 + i] - 1) * dilation[i] + 1 for i in (0, 1)]
    if padding == "same":
        output = [-(-lengths[i] // stride[i]) for i in (0, 1)]
        totals = [max((output[i] - 1) * stride[i] + reaches[i] - lengths[i], 0) for i in (0, 1)]
        return Geometry(stride, dilation, (output[0], output[1]), (totals[0] // 2, totals[1] // 2))
    sides = (0, 0, 0, 0) if padding == "valid" else padding
    if isinstance(sides, str) or len(sides) != 4 or min(sides) < 0:
        raise ValueError(f'expected padding "same", "valid" or (top, bottom, left, right), got {padding!r}')
    padded = (lengths[0] + sides[0] + sides[1], lengths[1] + sides[2] + sides[3])
    height, width = (max((padded[i] - reaches[i]) // stride[i] + 1, 0) for i in (0, 1))
    return Geometry(stride, dilation, (height, width), (sides[0], sides[2]))
