"""What a training tells of itself: one row an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Epoch:
    """number: from 1. loss: the mean over its steps. accuracy: the share of samples whose highest score is the label's,
    or without labels the float network's; None where outputs aren't scores. validation_...: of the samples apart, after
    the epoch. rate: of learning, in its last step. frozen: whether ranges were frozen by then. seconds: so far.
    """

    number: int
    loss: float
    accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    rate: float
    frozen: bool
    seconds: float


@dataclass
class History:
    """epochs: in order. best: the number of the one whose parameters were kept, 0 where that is the start. stopped:
    whether training ended early. mixed: whether the model had to be run sample by sample, as it mixes the samples of a
    batch. start_...: of the samples apart, before the first epoch; None where there are none.
    """

    epochs: list[Epoch] = field(default_factory=list)
    best: int = 0
    stopped: bool = False
    mixed: bool = False
    start_loss: float | None = None
    start_accuracy: float | None = None

    def column(self, name: str) -> list[Any]:
        """One field of all epochs."""
        return [asdict(epoch)[name] for epoch in self.epochs]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `from_dict` takes them."""
        return asdict(self)

    @staticmethod
    def from_dict(content: dict[str, Any]) -> History:
        epochs: Sequence[dict[str, Any]] = content["epochs"]
        return History(**(content | {"epochs": [Epoch(**row) for row in epochs]}))
