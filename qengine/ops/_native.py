"""What operators tell the emitted kernels: rounding rules and geometry in the kernels' own words."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.emit import wide as wider
from ..kernels.emit.layer import Geometry
from ..kernels.emit.rounding import FixedRule, FloatRule, RealRule, Rule
from ..kernels.reference.conv import Geometry as Reference
from ..kernels.requantizers import ChannelSplit, DoubleRounding, Float32, Float64, HalfUp, Requantizer, Wide
from ..model import Shape


def rule_of(requantize: Requantizer, channels: int, zero_point: int) -> Rule | str:
    """The kernels' form of a requantizer, with a number per channel, for an output; or why there is none."""

    def each(numbers: object, dtype: type[np.generic]) -> np.ndarray[tuple[int], np.dtype[Any]]:
        return np.broadcast_to(np.asarray(numbers, dtype), channels)

    match requantize:
        case Float32(scale):
            return FloatRule(each(scale, np.float32))
        case Float64(scale):
            return RealRule(each(scale, np.float64), zero_point)
        case DoubleRounding(multiplier, shift):
            away = np.full(channels, True)
        case HalfUp(multiplier, shift):
            away = np.full(channels, False)
        case ChannelSplit(multiplier, shift, block):
            away = np.arange(channels) >= channels // block * block
        case _:
            return f"no native kernel rounds by {type(requantize).__name__}"
    if (np.asarray(shift) > 31).any():
        return "no native kernel multiplies by 2**31 or more"
    return FixedRule(each(multiplier, np.int32), each(shift, np.int32), away, zero_point)


def wide_rule_of(
    requantize: Requantizer, channels: int, *, wide: bool
) -> Rule | wider.layer.WideRule | wider.layer.WideRealRule | str:
    """As `rule_of`, for sums of int16 activations, which are int64 where `wide`, else wrap in 32 bits."""
    match requantize:
        case Wide(multiplier, shift):
            rule = wider.layer.WideRule(np.broadcast_to(multiplier, channels), np.broadcast_to(shift, channels))
            return rule if (rule.total_shift > 0).all() else "no native kernel multiplies by 2**15 or more"
        case Float64(scale) if wide:
            return wider.layer.WideRealRule(np.broadcast_to(np.asarray(scale, np.float64), channels))
    return rule_of(requantize, channels, 0)


def geometry_of(reference: Reference, x: Shape, filters: tuple[int, int], channels: int) -> Geometry:
    """The kernels' form of how a window slides over x (n h w c) to give `channels` channels."""
    return Geometry(
        x[0],
        (x[1], x[2], x[3]),
        (*reference.output, channels),
        filters,
        reference.stride,
        reference.dilation,
        reference.padding,
    )
