"""What a trainer learns from: samples and targets, in memory or from a function that is called once an epoch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from ..model import Model
from ..op import Array
from ..samples import samples_of

Source = Any


@dataclass(frozen=True)
class Batch:
    """Items that are learned from in one step, and the targets of each one's rows; None: there are none."""

    items: Sequence[Mapping[int, Array]]
    targets: Sequence[Array] | None

    @cached_property
    def inputs(self) -> Mapping[int, Array]:
        """By input tensor, all items' arrays joined along the first axis."""
        if len(self.items) == 1:
            return self.items[0]
        return {i: np.concatenate([item[i] for item in self.items]) for i in self.items[0]}

    @cached_property
    def labels(self) -> Array | None:
        """All targets, joined likewise."""
        return None if self.targets is None else np.concatenate(self.targets)

    @property
    def size(self) -> int:
        """How many items."""
        return len(self.items)

    def apart(self) -> list[Batch]:
        """One batch an item."""
        targets = [None] * self.size if self.targets is None else [[target] for target in self.targets]
        return [Batch([item], target) for item, target in zip(self.items, targets, strict=True)]


@dataclass(frozen=True)
class Stored:
    """Samples in memory: items that the model takes as they are, with its batch axis. targets: of each item's rows."""

    items: Sequence[Mapping[int, Array]]
    targets: Sequence[Array] | None

    def __len__(self) -> int:
        return len(self.items)

    def take(self, numbers: Iterable[int]) -> Stored:
        """Some of them."""
        chosen = list(numbers)
        targets = None if self.targets is None else [self.targets[i] for i in chosen]
        return Stored([self.items[i] for i in chosen], targets)

    def batches(self, size: int, order: Sequence[int] | None = None) -> Iterator[Batch]:
        """All samples, in order, `size` at a time; the last batch may be smaller."""
        numbers = range(len(self)) if order is None else order
        for start in range(0, len(self), size):
            part = self.take(numbers[start : start + size])
            yield Batch(part.items, part.targets)


@dataclass(frozen=True)
class Streamed:
    """Samples from a function that gives new ones each time it is called; likewise targets."""

    model: Model
    samples: Callable[[], Iterable[Any]]
    targets: Callable[[], Iterable[Any]] | None

    def batches(self, size: int) -> Iterator[Batch]:
        """One call of the functions, as far as both go."""
        items = _items(self.model, self.samples())
        labels = iter(self.targets()) if self.targets is not None else None
        while part := list(islice(items, size)):
            targets = None
            if labels is not None:
                targets = [np.asarray(label)[None] for label in islice(labels, len(part))]
                if len(targets) < len(part):
                    raise ValueError(f"expected a target for each sample, got {len(targets)} for {len(part)}")
            yield Batch(part, targets)


def data_of(model: Model, source: Source, labels: Any = None) -> Stored | Streamed:
    """Samples in any of the forms that `samples_of` takes, for the first graph of the model.

    labels: an array or sequence, one target a sample, or the name of an array in the .npz or the dictionary that
    `source` is. Where `source` is a function, it is called for each epoch, and labels may be one too.
    ValueError where something doesn't fit.
    """
    if isinstance(source, str | os.PathLike):
        with np.load(source, allow_pickle=False) as archive:
            source = {name: archive[name] for name in archive.files}
    if isinstance(labels, str):
        if not isinstance(source, Mapping) or labels not in source:
            raise ValueError(f"expected labels {labels!r} among the arrays of the samples, got none of that name")
        source = dict(source)
        labels = source.pop(labels)
    if callable(source) and not isinstance(source, np.ndarray):
        if labels is None or callable(labels):
            return Streamed(model, source, labels)
        source = source()
    if callable(labels):
        labels = list(labels())
    items = list(_items(model, source))
    if not items:
        raise ValueError("expected at least one sample, got none")
    return Stored(items, None if labels is None else _by_item(items, np.asarray(labels)))


def _by_item(items: Sequence[Mapping[int, Array]], labels: Array) -> list[Array]:
    """Labels, one for each row of a batch or one for each item, as those of each item."""
    rows = [len(next(iter(item.values()))) for item in items]
    if len(labels) == sum(rows):
        return np.split(labels, np.cumsum(rows)[:-1])
    if len(labels) == len(items):
        return np.split(labels, len(items))
    raise ValueError(f"expected a label for each of {sum(rows)} samples, got {len(labels)}")


def _items(model: Model, source: Any) -> Iterator[Mapping[int, Array]]:
    """Each sample's arrays; one sample an item, also where the model states a larger batch."""
    for number, sample in enumerate(samples_of(model, source, whole=True)):
        if sample.graph != 0:
            raise ValueError(f"sample {number}: expected one of the model's first graph, got one of {sample.graph}")
        yield sample.arrays


def first_target(data: Stored | Streamed) -> Array | None:
    """A target of one item's rows; None where there are none."""
    if data.targets is None:
        return None
    if isinstance(data, Stored):
        return data.targets[0]
    for label in data.targets():
        return np.asarray(label)[None]
    raise ValueError("expected a target for each sample, got none")


def set_apart(
    model: Model, data: Stored | Streamed, validation: float | tuple[Any, Any] | None, seed: int
) -> tuple[Stored | None, Stored | Streamed]:
    """The samples to judge by, and those that are left to train with.

    validation: samples and their labels (None without), or the share of `data` that is kept apart.
    """
    if validation is None:
        return None, data
    if isinstance(validation, tuple):
        apart = data_of(model, *validation)
        if isinstance(apart, Streamed):
            raise ValueError("expected validation samples in memory, got a function")
        return apart, data
    if isinstance(data, Streamed):
        raise ValueError("expected validation samples as (data, labels) where data is a function, got a share")
    if not 0 < validation < 1:
        raise ValueError(f"expected a share of the samples between 0 and 1, got {validation}")
    left, apart = split(data, validation, seed)
    return apart, left


def split(data: Stored, share: float, seed: int) -> tuple[Stored, Stored]:
    """A random `share` of the samples apart: the others, and those."""
    order = np.random.default_rng([seed, 7]).permutation(len(data))
    apart = max(1, round(share * len(data)))
    return data.take(order[apart:]), data.take(order[:apart])
