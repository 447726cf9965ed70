"""Constants drawn at random for recurrent operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from qengine.build import Builder, Operand


class Weights:
    """Draws constants of the types that a kind of operator takes: "float", "dynamic", "uint8" or "integer"."""

    def __init__(self, b: Builder, rng: np.random.Generator, kind: str) -> None:
        self.b, self.rng, self.kind = b, rng, kind

    def matrix(self, *shape: int) -> Operand:
        if self.kind == "float":
            return self.real(*shape)
        values = self.rng.integers(-127, 128, shape).astype(np.int8)
        stored = values.view(np.uint8) if self.kind == "uint8" else values
        return self.b.constant(stored, scale=float(self.rng.uniform(0.003, 0.01)))

    def real(self, *shape: int) -> Operand:
        return self.b.constant(self.rng.normal(0, 0.5, shape).astype(np.float32))

    def bias(self, *shape: int) -> Operand:
        if self.kind != "integer":
            return self.real(*shape)
        return self.b.constant(self.rng.integers(-3000, 3000, shape).astype(np.int32))

    def wide(self, scale: float, *shape: int) -> Operand:
        return self.b.constant(self.rng.integers(-32767, 32768, shape).astype(np.int16), scale=scale)


def scaled(integer: bool, scale: float, zero_point: int = 0) -> dict[str, Any]:
    """What a tensor says of its quantization, where it is an integer."""
    return {"scale": scale, "zero_point": zero_point} if integer else {}
