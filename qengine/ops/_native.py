"""What operators tell the emitted kernels: rounding rules and geometry in the kernels' own words."""

from __future__ import annotations

import numpy as np

from ..kernels.emit.layer import Geometry
from ..kernels.emit.rounding import FloatRule, Rule
from ..kernels.reference.conv import Geometry as Reference
from ..kernels.requantizers import Float32, Requantizer
from ..model import Shape


def rule_of(requantize: Requantizer, channels: int) -> Rule | str:
    """The kernels' form of a requantizer, with a number per channel; or why there is none."""
    if isinstance(requantize, Float32):
        return FloatRule(np.broadcast_to(requantize.scale, channels).astype(np.float32))
    return f"no native kernel rounds by {type(requantize).__name__}"


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
