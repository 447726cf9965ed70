"""The table of gradients: by operator, the way back through it. An operator that isn't here has none."""

from __future__ import annotations

from ..errors import Unsupported
from ..op import Op
from . import batch_normalization, dropout
from .gradient import Gradient
from .rules import (
    activations,
    arithmetic,
    convolution,
    depthwise,
    fake,
    movement,
    pooling,
    products,
    recurrent,
    reductions,
    resizing,
)

GRADIENTS: dict[str, Gradient] = {
    **convolution.RULES,
    **depthwise.RULES,
    **products.RULES,
    **pooling.RULES,
    **arithmetic.RULES,
    **activations.RULES,
    **reductions.RULES,
    **movement.RULES,
    **resizing.RULES,
    **recurrent.RULES,
    **fake.RULES,
    **batch_normalization.RULES,
    **dropout.RULES,
}
"""By builtin name."""


def gradient_of(op: Op) -> Gradient:
    """An operator's entry. Unsupported where there is none."""
    if op.name not in GRADIENTS:
        raise Unsupported(f"expected an operator with a gradient, got {op.name}")
    return GRADIENTS[op.name]
