"""FULLY_CONNECTED with float activations and 4-bit weights: each kernel set has its own way, and its own limits."""

from __future__ import annotations

import numpy as np
from parity_case import Case

from qengine.build import Builder, Operand
from qengine.model import Blockwise, Quantization
from qengine.ops.fully_connected import FullyConnected
from qengine.options import ActivationFunctionType

F = ActivationFunctionType


def dense(
    name: str, units: int, depth: int, *, rows: int = 3, block: int = 0, bias: bool = True, fused: F = F.NONE
) -> Case:
    """block: how many weights share a scale; 0: those of a unit."""

    def build(b: Builder, rng: np.random.Generator) -> list[Operand]:
        x = b.input("x", (rows, depth))
        values = rng.integers(-7, 8, (units, depth)).astype(np.int8)
        if block:
            scales = rng.uniform(0.01, 0.1, (units, depth // block)).astype(np.float16)
            details = Blockwise(b.constant(scales).index, -1, block)
            weights = b.constant(values, type="int4", quantization=Quantization(details=details))
        else:
            weights = b.constant(values, type="int4", scale=rng.uniform(0.01, 0.1, units))
        offsets = rng.normal(0, 1, units).astype(np.float32) if bias else None
        op = FullyConnected(fused_activation_function=fused, asymmetric_quantize_inputs=True)
        return [b.add(op, [x, weights, offsets])]

    return Case(name, build)


CASES = [
    dense("wide", 12, 96),
    dense("wide_clamped", 9, 64, fused=F.RELU6),
    dense("one_row_without_bias", 8, 32, rows=1, bias=False),
    dense("few_units", 3, 64),
    dense("short_rows", 8, 16),
    dense("blocks_of_32", 8, 96, block=32),
    dense("blocks_of_64_clamped", 5, 128, block=64, fused=F.RELU),
    dense("blocks_few_units", 2, 64, block=32, fused=F.RELU),
]
