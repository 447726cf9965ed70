"""DEPTHWISE_CONV_2D over bytes: which of the ways to run it, by geometry."""

from __future__ import annotations

import dataclasses

from . import depthwise_flat, depthwise_rows
from .convolution import plan_convolution
from .depthwise_any import plan_any
from .depthwise_flat import plan_flat
from .depthwise_rows import plan_rows
from .layer import Geometry, Layer
from .plan import Compiled, Plan
from .target import Target


def plan_depthwise(target: Target, geometry: Geometry, layer: Layer) -> Compiled:
    """Weights (1, h, w, output channels), output channel c * multiplier + m reading input channel c."""
    channels = geometry.output[2]
    if geometry.input[2] == 1 and channels > 1:
        filters = layer.weights.transpose(3, 1, 2, 0)
        return plan_convolution(target, geometry, dataclasses.replace(layer, weights=filters))
    plan = Plan(target)
    if geometry.is_empty:
        return plan.done("nothing to compute")
    matrix = layer.matrix(layer.values().reshape(-1, channels).T)
    if depthwise_flat.suits(target, geometry):
        plan_flat(plan, geometry, matrix, layer.finish)
        return plan.done("several pixels to a vector")
    if depthwise_rows.suits(geometry):
        plan_rows(plan, geometry, matrix, layer.finish)
        return plan.done("rows with rolling columns")
    plan_any(plan, geometry, matrix, layer.finish)
    return plan.done("any shape, on a padded copy")
