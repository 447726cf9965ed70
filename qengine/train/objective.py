"""What training makes smaller: a loss of a network's runs, looked at together with its teacher's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..op import Array
from .data import Batch, Stored, Streamed
from .exact import Exact
from .execution import Pass
from .heads import Head, View, features, heads
from .losses import Loss
from .network import Network

MEMORY = 1 << 26
"""Bytes of a teacher's scores that are kept."""

Forward = Callable[[Mapping[int, Array], bool, tuple[int, ...]], Pass]
"""Of inputs by tensor, whether this is training, and the seed."""


@dataclass(frozen=True)
class Measured:
    """loss: the mean over a batch. right, judged: how many rows have their highest score where the label is, or the
    teacher's, and of how many that was asked. gradients: of what is trained, by key."""

    loss: float
    right: int
    judged: int
    gradients: dict[str, Array]


class Objective:
    """A loss of one network. teacher: the float network of the same graph, or None. exact: the profile whose integer
    kernels its forward passes go through, or None.

    mixed: whether samples are run one by one, since the network makes other numbers of them in a batch; known once a
    batch of several has been run.
    """

    def __init__(
        self, network: Network, loss: Loss, teacher: Network | None = None, exact: Profile | None = None
    ) -> None:
        if loss.needs_teacher and teacher is None:
            raise ValueError(f"expected a teacher for {type(loss).__name__}, got none")
        if exact is not None and network.plan is None:
            raise ValueError(f"expected a network that is being quantized, to run in {exact.value}, got a float one")
        self.network, self.loss, self.teacher, self.exact = network, loss, teacher, exact
        self.heads: tuple[Head, ...] = heads(network)
        self._taught = () if teacher is None else heads(teacher)
        self._features = features(network, teacher) if teacher is not None and loss.needs_features else {}
        self._remembered: dict[int, tuple[Mapping[int, Array], list[Array]]] = {}
        self._mixed: bool | None = None

    @property
    def mixed(self) -> bool:
        return self._mixed is True

    def measure(
        self, batch: Batch, *, training: bool = False, seed: tuple[int, ...] = (0,), forward: Forward | None = None
    ) -> Measured:
        """Loss and, in training, gradients of a batch; `seed` is that of the step.

        forward: of the network as it is now, where it is known already.
        """
        forward = forward_of(self.network, self.exact) if forward is None else forward
        total = Measured(0.0, 0, 0, {})
        gradients: dict[str, Array] = {}
        for number, part in enumerate(self._parts(batch)):
            view = self._view(part, forward(part.inputs, training, (*seed, number)))
            loss, seeds = self.loss.of(view, part.labels)
            share = part.size / batch.size
            right, judged = self._hits(view, part.labels)
            total = Measured(total.loss + loss * share, total.right + right, total.judged + judged, gradients)
            if not training:
                continue
            scaled = {slot: g * g.dtype.type(share) for slot, g in seeds.items()} if share != 1 else seeds
            for key, gradient in self.network.back(view.run, scaled).items():
                gradients[key] = gradients[key] + gradient if key in gradients else gradient
        return total

    def evaluate(self, data: Stored, size: int) -> tuple[float, float | None]:
        """Loss and accuracy on samples in batches of `size`, nothing being trained."""
        loss, right, judged = 0.0, 0, 0
        forward = forward_of(self.network, self.exact)
        for batch in data.batches(size):
            measured = self.measure(batch, forward=forward)
            loss += measured.loss * batch.size
            right, judged = right + measured.right, judged + measured.judged
        return loss / max(len(data), 1), right / judged if judged else None

    def _parts(self, batch: Batch) -> list[Batch]:
        if batch.size == 1:
            return [batch]
        if self._mixed is None:
            self._mixed = mixes(self.network, batch)
        return batch.apart() if self._mixed else [batch]

    def _view(self, batch: Batch, run: Pass) -> View:
        if self.teacher is None:
            return View(run, self.heads)
        if all(id(item) in self._remembered for item in batch.items):
            known = [self._remembered[id(item)][1] for item in batch.items]
            taught = known[0] if len(known) == 1 else [np.concatenate(parts) for parts in zip(*known, strict=True)]
            return View(run, self.heads, taught)
        lesson = self.teacher.run(batch.inputs)
        return View(run, self.heads, self._scores(lesson), lesson, self._features)

    def _scores(self, lesson: Pass) -> list[Array]:
        return [lesson.value(head.scores) for head in self._taught]

    def remember(self, data: Stored, size: int) -> None:
        """Asks the teacher about all samples now, in their order, rather than in each epoch, where its scores take no
        more than `MEMORY`. So they are the same in a training that goes on from a checkpoint."""
        if self.teacher is None or self.loss.needs_features:
            return
        found: dict[int, tuple[Mapping[int, Array], list[Array]]] = {}
        taken = 0
        for batch in data.batches(size):
            for part in self._parts(batch):
                scores = self._scores(self.teacher.run(part.inputs))
                taken += sum(array.nbytes for array in scores)
                rows = [len(next(iter(item.values()))) for item in part.items]
                if taken > MEMORY or any(array.ndim == 0 or len(array) % sum(rows) for array in scores):
                    return
                ends = np.cumsum(rows)[:-1]
                apart = [np.split(array, ends * (len(array) // sum(rows))) for array in scores]
                for number, item in enumerate(part.items):
                    found[id(item)] = item, [pieces[number] for pieces in apart]
        self._remembered |= found

    @staticmethod
    def _hits(view: View, labels: Array | None) -> tuple[int, int]:
        if not view.heads or view.heads[0].activation == "LOGISTIC" or view.scores(0).ndim < 2:
            return 0, 0
        scores = view.scores(0)
        rows = scores.size // max(scores.shape[-1], 1)
        if labels is not None and labels.dtype.kind in "iu" and labels.size == rows:
            wanted = labels.reshape(scores.shape[:-1])
        elif labels is None and view.teacher is not None and view.heads[0].activation:
            wanted = view.taught_scores(0).argmax(axis=-1)
        else:
            return 0, 0
        return int((scores.argmax(axis=-1) == wanted).sum()), rows


def forward_of(network: Network, exact: Profile | None) -> Forward:
    """The network's forward pass as it is now: fake-quantized, or through the integer kernels of a profile."""
    if exact is None:
        return lambda inputs, training, seed: network.run(inputs, training=training, seed=seed)
    kernels = Exact(network, exact)
    return lambda inputs, training, seed: kernels.run(inputs, training=training, seed=seed)[0]


def mixes(network: Network, batch: Batch) -> bool:
    """Whether the network can't run samples together, or makes other numbers of them then: tried on the first two."""
    plain = Network(network.model)
    two = Batch(batch.items[:2], None)
    try:
        together = plain.run(two.inputs)
    except (ModelError, ValueError, RuntimeError):
        return True
    apart = [plain.run(item) for item in two.items]
    for end in plain.program.ends:
        value, single = together.value(end), [run.value(end) for run in apart]
        if value.dtype.kind != "f":
            continue
        if any(part.ndim == 0 for part in single) or value.shape[1:] != single[0].shape[1:]:
            return True
        joined = np.concatenate(single)
        if joined.shape != value.shape:
            return True
        if np.abs(joined - value).max(initial=0) > 1e-3 * max(float(np.abs(joined).max(initial=0)), 1e-6):
            return True
    return False


def outputs_of(network: Network, data: Stored | Streamed, exact: Profile | None = None, size: int = 32) -> list[Array]:
    """What a network gives for all samples, each output's arrays joined along the first axis."""
    forward = forward_of(network, exact)
    found: list[list[Array]] = [[] for _ in network.program.ends]
    apart: bool | None = None
    for batch in data.batches(size):
        if apart is None and batch.size > 1:
            apart = mixes(network, batch)
        for part in batch.apart() if apart else [batch]:
            run = forward(part.inputs, False, (0,))
            for parts, end in zip(found, network.program.ends, strict=True):
                parts.append(run.value(end))
    return [np.concatenate(parts) for parts in found]
