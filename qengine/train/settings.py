"""How to train, as frozen values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..kernels.profile import Profile
from .optimizers import Adam, Optimizer
from .schedules import CosineRate, Schedule


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    rates: factors of the learning rate by a regular expression, searched in the names of parameters and of what
    their operators compute; the first that is found counts, 0 freezes. range_rate: the factor for learned steps and
    ends. clip: the greatest length of all gradients together; None: any. promise: the greatest part of the loss
    that a step may promise to lower it by, going by its gradient; a longer one is shortened; None: any.
    freeze_ranges: the share of all steps after which ranges stay (1: never). patience: epochs without a smaller
    loss (of the validation samples, where there are some) before training ends; None: it never does early.
    keep_best: whether, with validation samples, the epoch of the smallest loss is what remains, or the last; the
    start counts as one, so that training makes nothing worse.
    exact: the profile whose exact integer kernels the forward pass goes through, in training and when epochs are
    judged: slow, layer by layer and sample by sample. None: fake quantization, which is next to the same.
    """

    epochs: int = 10
    batch_size: int = 32
    optimizer: Optimizer = field(default_factory=Adam)
    schedule: Schedule = field(default_factory=CosineRate)
    seed: int = 0
    rates: Mapping[str, float] = field(default_factory=dict)
    range_rate: float = 1.0
    clip: float | None = None
    promise: float | None = None
    freeze_ranges: float = 0.5
    patience: int | None = None
    keep_best: bool = True
    exact: str | Profile | None = None

    def __post_init__(self) -> None:
        if self.epochs < 0 or self.batch_size < 1:
            raise ValueError(f"expected 0 epochs or more of batches of 1 or more, got {self.epochs}, {self.batch_size}")
        if self.exact is not None:
            Profile(self.exact)
        if not 0 <= self.freeze_ranges <= 1:
            raise ValueError(f"expected freeze_ranges from 0 to 1, got {self.freeze_ranges}")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"expected a patience of 1 epoch or more, got {self.patience}")
        for pattern in self.rates:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"expected regular expressions in rates, got {pattern!r}: {error}") from error


def parted(changes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Changes of settings, and all others."""
    names = {part.name for part in fields(TrainingSettings)}
    own = {name: value for name, value in changes.items() if name in names}
    return own, {name: value for name, value in changes.items() if name not in names}


def changed(settings: TrainingSettings | None, changes: Mapping[str, Any]) -> TrainingSettings:
    """TrainingSettings with some fields changed; the ordinary ones where there are none."""
    return replace(TrainingSettings() if settings is None else settings, **changes)
