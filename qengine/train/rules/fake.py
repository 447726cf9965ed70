"""FAKE_QUANT: straight through the rounding, nothing from outside the range."""

from __future__ import annotations

from ...affine import fake_quant_gradient
from ..gradient import Call, Gradient, Gradients


def fake_quant_back(call: Call) -> Gradients:
    op = call.op
    return [fake_quant_gradient(call.gradient, call.input(0), op.min, op.max, op.num_bits, op.narrow_range)[0]]


RULES = {"FAKE_QUANT": Gradient(fake_quant_back)}
