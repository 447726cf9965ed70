"""Error budgets: where each layer of a quantized model loses accuracy, split by cause, adding up to the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PARTS = ("weight_rounding", "activation_rounding", "clipping", "bias", "requantization")
"""Causes. A bias that was corrected for rounded weights counts with these."""
GOOD_DB = 40.0
"""A layer of so many dB needs no advice."""
FEW_LEVELS = 12.0
"""How many times its root mean square a tensor may reach before its range counts as stretched by outliers."""


@dataclass(frozen=True)
class Layer:
    """One layer's own error: the quantized node on the float model's inputs, against the float model's output.

    node: of the quantized model; name: of its output. source: the float model's node, the first that went into it.
    signal, noise: sums of squares of the float output and of the error. parts: by cause, its share of the noise: the
    sum of its errors times the whole errors, so shares add up to the noise exactly, and one is negative where it
    cancels others. alone: by cause, the sum of squares of its errors by themselves. per_tensor: whether weights of
    several channels share a scale. weight_bits: 0 without weights. integer: whether the output is 8-bit. stretch: the
    inputs' largest over their root mean square.
    """

    node: int
    name: str
    operator: str
    source: int
    elements: int
    signal: float
    noise: float
    parts: Mapping[str, float]
    alone: Mapping[str, float]
    per_tensor: bool = False
    weight_bits: int = 0
    integer: bool = True
    stretch: float = 0.0
    graph: int = 0

    @property
    def sqnr_db(self) -> float:
        """10 * log10(signal / noise); infinite where nothing is lost."""
        if self.noise == 0:
            return math.inf
        return -math.inf if self.signal == 0 else 10 * math.log10(self.signal / self.noise)

    @property
    def largest(self) -> str:
        """The cause with the largest share."""
        return max(PARTS, key=lambda part: self.parts[part])

    @property
    def advice(self) -> Advice | None:
        """What would help this layer most; None where it is good as it is."""
        return None if self.sqnr_db >= GOOD_DB else next(iter(self.advices))

    @property
    def advices(self) -> tuple[Advice, ...]:
        """What may help, the mildest change first."""
        found: list[Advice] = []
        if self.largest == "weight_rounding" and self.per_tensor:
            found.append(Advice("per_channel", "give each output channel of the weights its own scale"))
        if self.largest == "weight_rounding" and 0 < self.weight_bits < 8:
            found.append(Advice("int8_weights", "8-bit weights"))
        if self.largest == "clipping":
            found.append(Advice("min_max", "numbers lie beyond the range: another observer (min_max), more samples"))
        rounds = self.largest in ("activation_rounding", "requantization")
        if rounds and self.stretch > FEW_LEVELS:
            found.append(Advice("mse", "a few outliers stretch the range: another observer (mse, percentile)"))
        if self.integer and self.largest != "weight_rounding":
            found.append(Advice("16x8", "16-bit activations with 8-bit weights"))
        return (*found, Advice("float", "keep it in float"))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        advice = self.advice
        return {
            "node": self.node,
            "name": self.name,
            "operator": self.operator,
            "sqnr_db": self.sqnr_db if math.isfinite(self.sqnr_db) else None,
            "signal": self.signal,
            "noise": self.noise,
            "parts": dict(self.parts),
            "alone": dict(self.alone),
            "advice": None if advice is None else {"kind": advice.kind, "text": advice.text},
        }


@dataclass(frozen=True)
class Advice:
    """kind: per_channel, int8_weights, min_max, mse, 16x8 or float."""

    kind: str
    text: str


@dataclass(frozen=True)
class Budget:
    """All layers that both models have, in the order in which they run. samples: on how many it was measured."""

    layers: tuple[Layer, ...]
    samples: int

    def worst(self, count: int = 5) -> Sequence[Layer]:
        """The layers that lose most, relative to their signal; worst first."""
        return sorted(self.layers, key=lambda layer: layer.sqnr_db)[:count]

    def to_dict(self) -> dict[str, Any]:
        return {"samples": self.samples, "layers": [layer.to_dict() for layer in self.layers]}

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"error by layer and cause, on {self.samples} samples; shares of each layer's noise"
        titles = " ".join(f"{part.replace('_', ' '):>19}" for part in PARTS)
        yield f"{'node':>4} {'operator':<20} {'dB':>6} {titles}  advice"
        for layer in self.layers:
            shares = " ".join(f"{share(layer, part):>19}" for part in PARTS)
            decibel = "exact" if math.isinf(layer.sqnr_db) else f"{layer.sqnr_db:.1f}"
            advice = "" if layer.advice is None else layer.advice.text
            yield f"{layer.node:>4} {layer.operator:<20} {decibel:>6} {shares}  {advice}".rstrip()


def share(layer: Layer, part: str) -> str:
    """A part's share of the noise, for people."""
    return "" if layer.noise == 0 or layer.parts[part] == 0 else f"{layer.parts[part] / layer.noise:.1%}"
