"""The trainer: steps of an optimizer over batches of samples, the same for float networks and fake-quantized ones."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..kernels.profile import Profile
from ..op import Array
from .checkpoint import Snapshot, load_checkpoint, save_checkpoint
from .data import Batch, Stored, Streamed
from .history import Epoch, History
from .losses import Loss
from .network import Network
from .objective import Measured, Objective
from .optimizers import State, clipped, shortened
from .reuse import keep_freed_memory
from .settings import TrainingSettings

LEAST = 1e-3
"""What a relative rate counts by where a parameter's numbers are smaller."""

Told = Callable[[int, int | None, Epoch | None], None]
"""Told of each step: how many are done, of how many where that is known, and an epoch's row when it ends."""


class Trainer:
    """One network being trained. teacher: the float network of the same graph that its loss looks at, or None."""

    def __init__(
        self, network: Network, loss: Loss, settings: TrainingSettings, *, teacher: Network | None = None
    ) -> None:
        keep_freed_memory()
        self.network, self.settings = network, settings
        exact = None if settings.exact is None else Profile(settings.exact)
        self.objective = Objective(network, loss, teacher, exact)
        self.history = History()
        self.step = 0
        self._state: State = {}
        self._best: Snapshot | None = None
        self._factors = factors(network, settings)
        network.train_only(frozenset(key for key, factor in self._factors.items() if factor != 0))

    def train(
        self,
        data: Stored | Streamed,
        validation: Stored | None = None,
        *,
        progress: Told | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> History:
        """Trains for the epochs that are left.

        checkpoint: a file that is written after each epoch, and begun from where it is there: what comes out is the
        same as without a break. ValueError where it is of another training; RuntimeError where the loss is no number.
        """
        if checkpoint is not None and os.path.exists(checkpoint):
            self.restore(load_checkpoint(checkpoint, self.fingerprint))
        earlier = self.history.epochs[-1].seconds if self.history.epochs else 0.0
        started = time.perf_counter()
        steps = -(-len(data) // self.settings.batch_size) if isinstance(data, Stored) else None
        total = None if steps is None else steps * self.settings.epochs
        if len(self.history.epochs) < self.settings.epochs:
            for part in (data, validation):
                if isinstance(part, Stored):
                    self.objective.remember(part, self.settings.batch_size)
        if validation is not None and not self.history.epochs:
            self.history.start_loss, self.history.start_accuracy = self._evaluated(validation)
            self._best = self._learned()
        while len(self.history.epochs) < self.settings.epochs and not self.history.stopped:
            row = self._epoch(data, total, validation, earlier - started, progress)
            self._judge(row)
            if checkpoint is not None:
                save_checkpoint(checkpoint, self.snapshot())
            if progress is not None:
                progress(self.step, total, row)
        self.history.mixed = self.objective.mixed
        if self._best is not None and self.settings.keep_best:
            self._set_learned(self._best)
        return self.history

    def _epoch(
        self,
        data: Stored | Streamed,
        total: int | None,
        validation: Stored | None,
        clock: float,
        progress: Told | None,
    ) -> Epoch:
        number, settings = len(self.history.epochs) + 1, self.settings
        loss, right, judged, samples, rate = 0.0, 0, 0, 0, 0.0
        for batch in self._batches(data, number):
            # A stream's length isn't known: there the epochs count.
            done, of = (number - 1, settings.epochs) if total is None else (self.step, total)
            if done >= settings.freeze_ranges * of and settings.freeze_ranges < 1:
                self.freeze_ranges()
            rate = settings.optimizer.rate * settings.schedule.factor(done, of)
            measured = self.learn(batch, rate)
            loss, samples = loss + measured.loss * batch.size, samples + batch.size
            right, judged = right + measured.right, judged + measured.judged
            if progress is not None:
                progress(self.step, total, None)
        if samples == 0:
            raise ValueError("expected at least one sample, got none")
        apart: float | None = None
        correct: float | None = None
        if validation is not None:
            apart, correct = self._evaluated(validation)
        accuracy = right / judged if judged else None
        return Epoch(number, loss / samples, accuracy, apart, correct, rate, self.frozen, time.perf_counter() + clock)

    def _evaluated(self, validation: Stored) -> tuple[float, float | None]:
        return self.objective.evaluate(validation, self.settings.batch_size)

    def _batches(self, data: Stored | Streamed, epoch: int) -> Iterator[Batch]:
        if isinstance(data, Streamed):
            return data.batches(self.settings.batch_size)
        order = np.random.default_rng([self.settings.seed, epoch]).permutation(len(data))
        return data.batches(self.settings.batch_size, order.tolist())

    def learn(self, batch: Batch, rate: float) -> Measured:
        """One step."""
        settings = self.settings
        measured = self.objective.measure(batch, training=True, seed=(settings.seed, self.step))
        if not np.isfinite(measured.loss):
            raise RuntimeError(
                f"expected a finite loss, got {measured.loss} in step {self.step + 1}: lower the learning rate"
            )
        gradients = measured.gradients if settings.clip is None else clipped(measured.gradients, settings.clip)
        rates = {key: rate * self._factors[key] for key in gradients}
        if settings.optimizer.relative:
            for key in rates.keys() & self.network.parameters.keys():
                rates[key] *= magnitude(self.network.parameters[key])
        learned = self.network.learned
        steps = settings.optimizer.steps(learned, gradients, self._state, rates)
        if settings.promise is not None:
            steps = shortened(steps, gradients, settings.promise * measured.loss)
        for key, step in steps.items():
            learned[key] -= step
        for rule in self.network.ranges:
            rule.finish()
        self.step += 1
        return measured

    @property
    def frozen(self) -> bool:
        """Whether ranges stay as they are."""
        return any(rule.frozen for rule in self.network.ranges)

    def freeze_ranges(self) -> None:
        """Ranges, learned steps and ends stay as they are from now on."""
        for rule in self.network.ranges:
            rule.frozen = True
        for narrow in self.network.weights:
            narrow.frozen = True

    def _judge(self, row: Epoch) -> None:
        """Takes an epoch into the history, remembers the best one, and says when it is enough."""
        history = self.history
        history.epochs.append(row)
        losses = [np.inf if history.start_loss is None else history.start_loss, *map(_decisive, history.epochs)]
        best = int(np.argmin(losses))
        if best == row.number and row.validation_loss is not None:
            self._best = self._learned()
        history.best = best if row.validation_loss is not None and self.settings.keep_best else row.number
        patience = self.settings.patience
        history.stopped = patience is not None and row.number - best >= patience

    # --- what a checkpoint holds

    @property
    def fingerprint(self) -> str:
        """Of what is trained and how: trainings that may go on from each other's checkpoints have the same."""
        shapes = {key: array.shape for key, array in self.network.parameters.items()}
        told = (self.settings, self.objective.loss, shapes, self.network.plan and self.network.plan.recipe)
        return hashlib.sha256(repr(told).encode()).hexdigest()

    def snapshot(self) -> Snapshot:
        """The training as it stands."""
        learned = self._learned()
        arrays = {f"now {name}": array for name, array in learned.arrays.items()}
        arrays |= {f"state {name}": array for name, array in self._state.items()}
        best = None
        if self._best is not None:
            arrays |= {f"best {name}": array for name, array in self._best.arrays.items()}
            best = self._best.facts
        facts = {"now": learned.facts, "best": best, "step": self.step, "history": self.history.to_dict()}
        return Snapshot(self.fingerprint, arrays, facts)

    def restore(self, snapshot: Snapshot) -> None:
        """Back to a training as it stood."""

        def part(prefix: str) -> dict[str, Any]:
            named = f"{prefix} "
            return {k.removeprefix(named): v for k, v in snapshot.arrays.items() if k.startswith(named)}

        facts = snapshot.facts
        self._set_learned(Snapshot("", part("now"), facts["now"]))
        self._state = part("state")
        self._best = None if facts["best"] is None else Snapshot("", part("best"), facts["best"])
        self.step, self.history = int(facts["step"]), History.from_dict(facts["history"])

    def _learned(self) -> Snapshot:
        """Copies of parameters and ranges."""
        network = self.network
        arrays = {key: array.copy() for key, array in network.parameters.items()}
        ranges = [rule.state() for rule in network.ranges]
        weights = [narrow.state() for narrow in network.weights]
        return Snapshot("", arrays, {"ranges": ranges, "weights": weights})

    def _set_learned(self, snapshot: Snapshot) -> None:
        network = self.network
        for key, array in network.parameters.items():
            array[...] = snapshot.arrays[key]
        for rule, state in zip(network.ranges, snapshot.facts["ranges"], strict=True):
            rule.restore(state)
        for narrow, state in zip(network.weights, snapshot.facts["weights"], strict=True):
            narrow.restore(state)


def magnitude(parameter: Array) -> float:
    """Root mean square, at least `LEAST`: biases may all be 0."""
    return max(float(np.sqrt(np.mean(np.square(parameter)))), LEAST)


def factors(network: Network, settings: TrainingSettings) -> dict[str, float]:
    """By the key of all that is learned: the factor of the learning rate."""
    graph = network.graph
    found = {}
    for key in network.learned:
        if key not in network.parameters:
            found[key] = settings.range_rate
            continue
        index = network.tensor(key)
        names = [key] + [graph.tensors[i].name or "" for n in graph.nodes if index in n.inputs for i in n.outputs]
        matching = (f for pattern, f in settings.rates.items() if any(re.search(pattern, name) for name in names))
        found[key] = next(matching, 1.0)
    return found


def _decisive(epoch: Epoch) -> float:
    return epoch.loss if epoch.validation_loss is None else epoch.validation_loss
