"""Models side by side on labelled samples: how often each is right, how fast it answers, how large it is."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..interpreter import Interpreter
from ..kernels.profile import Profile
from ..model import Model, Shape
from ..op import Array
from ..samples import fed, samples_of
from ..tflite import to_bytes
from .report import real_values


@dataclass(frozen=True)
class Evaluation:
    """One model on the samples.

    size: bytes of its file. answers: the class that it gives each sample. accuracy: the share of labels that it meets;
    None without labels. agreement: the share of answers that are the first model's. latency: seconds a call, median, of
    qengine's interpreter in the profile; batch: samples a call.
    """

    name: str
    size: int
    samples: int
    batch: int
    answers: Array
    accuracy: float | None
    agreement: float
    latency: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the answers."""
        names = ("name", "size", "samples", "batch", "accuracy", "agreement", "latency")
        return {name: getattr(self, name) for name in names}


def evaluate(
    models: Mapping[str, Model],
    samples: Any,
    labels: Array | None = None,
    *,
    profile: str | Profile = Profile.XNNPACK,
    progress: Callable[[str, int], None] | None = None,
) -> list[Evaluation]:
    """Classifiers side by side on the same samples (real numbers, in any form that `samples_of` takes).

    The answer is the index of the greatest number of the first output; where that is a single number a sample, whether
    it is above one half. labels: the right answers, (n,). progress: told a model's name and the samples done.
    ValueError where labels and samples aren't equally many, or a model has nothing that can be an answer.
    """
    found: list[Evaluation] = []
    for name, model in models.items():
        answers, seconds, batch = _answers(name, model, samples, profile, progress)
        if labels is not None and len(answers) != len(labels):
            raise ValueError(f"expected a label for each of {len(answers)} samples, got {len(labels)}")
        first = found[0].answers if found else answers
        right = None if labels is None else float(np.mean(answers == np.asarray(labels).reshape(-1)))
        agreement = float(np.mean(answers == first))
        size = len(to_bytes(model))
        latency = statistics.median(seconds)
        found.append(Evaluation(name, size, len(answers), batch, answers, right, agreement, latency))
    return found


def _answers(
    name: str,
    model: Model,
    samples: Any,
    profile: str | Profile,
    progress: Callable[[str, int], None] | None,
) -> tuple[Array, list[float], int]:
    """One model's answers, the seconds of each call, and how many samples a call takes."""
    interpreter = Interpreter(model=model, profile=profile)
    graph = model.graphs[0]
    batch = max(1, (graph.tensors[graph.inputs[0]].shape or (1,))[0])
    answers: list[Array] = []
    seconds: list[float] = []
    shapes: dict[int, Shape] = {}
    for sample in samples_of(model, samples, whole=True):
        if sample.graph != 0:
            raise ValueError("expected samples of the model's first graph, got some of another signature")
        _feed(interpreter, model, sample.arrays, shapes)
        start = time.perf_counter()
        interpreter.invoke()
        seconds.append(time.perf_counter() - start)
        count = len(next(iter(sample.arrays.values())))
        answers.append(_classes(interpreter, model, count))
        if progress is not None:
            progress(name, sum(map(len, answers)))
    if not answers:
        raise ValueError("expected at least one sample, got none")
    return np.concatenate(answers), seconds[1:] or seconds, batch


def _feed(interpreter: Interpreter, model: Model, arrays: Mapping[int, Array], shapes: dict[int, Shape]) -> None:
    """shapes: what tensors are allocated for, to be brought up to date."""
    tensors, wanted = model.graphs[0].tensors, {i: array.shape for i, array in arrays.items()}
    if wanted != shapes:
        for i, shape in wanted.items():
            interpreter.resize_tensor_input(i, shape)
        interpreter.allocate_tensors()
        shapes.update(wanted)
    interpreter.reset_all_variables()
    for i, array in arrays.items():
        interpreter.set_tensor(i, fed(tensors[i], array))


def _classes(interpreter: Interpreter, model: Model, count: int) -> Array:
    """The answers in the first output: (count,)."""
    index = model.graphs[0].outputs[0]
    values = interpreter.get_tensor(index)
    if values.dtype.kind not in "fiu" or values.size % count:
        raise ValueError(f"expected numbers for each of {count} samples in the first output, got {values.dtype}")
    real = real_values(model.graphs[0].tensors[index], values).reshape(count, -1)
    return real[:, 0] > 0.5 if real.shape[1] == 1 else real.argmax(axis=1)


def texts(evaluations: Iterable[Evaluation]) -> list[tuple[str, ...]]:
    """Rows of text: model, bytes, share of the first's, accuracy, agreement with the first, milliseconds a call."""
    rows = list(evaluations)
    return [
        (
            row.name,
            f"{row.size:,}",
            f"{row.size / rows[0].size:.0%}",
            "" if row.accuracy is None else f"{row.accuracy:.2%}",
            f"{row.agreement:.2%}",
            f"{row.latency * 1e3:.3f}",
        )
        for row in rows
    ]
