"""What one run of a network keeps, and how a node runs there and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import ModelError
from ..op import Array
from ..program import Prepared, Program
from ..ptq.fuse import has_option
from .gradient import Call
from .gradients import GRADIENTS, gradient_of
from .ranges import RangeRule
from .rules.activations import apply_fused, through_fused


@dataclass
class Shaped:
    """A network prepared for input shapes: each node's step and specs, and what it remembers from run to run."""

    planned: Program
    steps: Sequence[Prepared]
    memories: list[dict[str, Any]]


@dataclass
class Pass:
    """One run of a network. values: by slot. calls: by node, what ran. ends: by a Snap's target, the least and the
    greatest number that came to it. scales: by a Narrow's target, the weights' scales. inputs: by tensor."""

    inputs: Mapping[int, Array]
    training: bool
    seed: tuple[int, ...]
    shaped: Shaped
    values: list[Array | None]
    calls: dict[int, Call] = field(default_factory=dict)
    ends: dict[int, tuple[float, float]] = field(default_factory=dict)
    scales: dict[int, Array] = field(default_factory=dict)

    def value(self, slot: int) -> Array:
        """What a slot holds."""
        return there(self.values[slot])


def there(array: Array | None) -> Array:
    assert array is not None
    return array


def computed(call: Call) -> Sequence[Array]:
    """What a node gives: by the rule's own forward, else by the operator's kernel."""
    entry = GRADIENTS.get(call.op.name)
    if entry is not None and entry.forward is not None:
        y = entry.forward(call)
        if has_option(call.op, "fused_activation_function"):
            if any(y is array for array in call.inputs):
                y = y.copy()
            y = apply_fused(call.op.fused_activation_function, y)
        return [y]
    try:
        with np.errstate(all="ignore"):
            result = call.step.run(*call.inputs)
    except ModelError as error:
        raise RuntimeError(str(error)) from error
    return result if isinstance(result, tuple) else [result]


def gone_back(call: Call) -> Sequence[Array | None]:
    """The gradients of a node's inputs from those of its outputs."""
    entry = gradient_of(call.op)
    if has_option(call.op, "fused_activation_function"):
        through = through_fused(call.op.fused_activation_function, call.output, call.gradient)
        call.gradients = (through, *call.gradients[1:])
    with np.errstate(all="ignore"):
        return entry.backward(call)


def snapped(x: Array, rule: RangeRule, *, away: bool = False) -> Array:
    """x to the nearest numbers that a rule's scale and zero point can say; ties to even, or away from zero.

    away: ties of the integers, zero point included, as the runtime's average pools round them; a tie is what lies
    within 1/4096 of one, since the sums of floats are not exact.
    """
    scale, point = x.dtype.type(rule.scale), rule.zero_point
    q: Array = np.asarray(x / scale)
    if away:
        shifted = np.rint(q * 4096) / 4096 + point
        q = np.copysign(np.floor(np.abs(shifted) + 0.5), shifted).astype(x.dtype) - point
    else:
        np.rint(q, out=q)
    np.clip(q, rule.lowest - point, rule.highest - point, out=q)
    q *= scale
    return q


def through_snap(rule: RangeRule, x: Array, gradient: Array, ends: tuple[float, float]) -> Array:
    """Straight through the rounding where x lies within the grid, nothing from outside. ends: of x."""
    low, high = (float(np.float32(end)) for end in rule.ends)
    if ends[0] < low:
        gradient = gradient * (x >= low)
    if ends[1] > high:
        gradient = gradient * (x <= high)
    return gradient
