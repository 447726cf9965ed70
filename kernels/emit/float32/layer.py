"""A float32 layer as its planners take it, and how its windows fall into rectangles that reach equally far out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..layer import Geometry
from .pieces import Clamp, Order

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Layer:
    """Weights float32 in the operator's own order, bias float32 (output channels,) or None, fused activation.

    order: in which sums are taken, to the last bit.
    """

    weights: Floats
    bias: Floats | None
    clamp: Clamp
    order: Order = Order.FUSED

    def part(self, chosen: slice) -> Layer:
        """Some of the output channels, the first axis of the weights."""
        return replace(self, weights=self.weights[chosen], bias=None if self.bias is None else self.bias[chosen])


@dataclass(frozen=True, slots=True)
class Stretch:
    """Outputs first..first+count-1 along an axis, whose windows have taps first_tap..first_tap+taps-1 in the image.

    start: the input position that the first tap of the first output sees.
    """

    first: int
    count: int
    first_tap: int
    taps: int
    start: int


def stretches(geometry: Geometry, axis: int) -> list[Stretch]:
    """An output axis cut where other taps of the window lie inside the image."""
    size, window = geometry.input[axis], geometry.window[axis]
    stride, dilation = geometry.stride[axis], geometry.dilation[axis]
    result: list[Stretch] = []
    for at in range(geometry.output[axis]):
        begin = at * stride - geometry.before[axis]
        first = min(window, max(0, -(begin // dilation)))
        end = max(first, min(window, -((begin - size) // dilation)))
        last = result[-1] if result else None
        if last is not None and (last.first_tap, last.taps) == (first, end - first):
            result[-1] = Stretch(last.first, last.count + 1, first, last.taps, last.start)
        else:
            result.append(Stretch(at, 1, first, end - first, begin + first * dilation))
    return result
