"""The trainer: reproducible steps, checkpoints, early stopping, what stays and is kept, where data comes from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_networks import everything, normal, op

from qengine.build import Builder
from qengine.model import Model
from qengine.train.data import Stored, Streamed, data_of, set_apart
from qengine.train.finetune import Finetuned, finetune
from qengine.train.fit import fit
from qengine.train.history import Epoch, History
from qengine.train.losses import Distillation
from qengine.train.network import Network
from qengine.train.objective import Objective
from qengine.train.optimizers import SGD, Adam

IMAGES = np.random.default_rng(1).normal(size=(24, 6, 6, 2)).astype(np.float32)
LABELS = np.random.default_rng(2).integers(0, 5, 24)
FEW: dict[str, Any] = {"recipe": "static_wi4_ai8", "epochs": 2, "batch_size": 8, "measure": 0}


def tuned(data: Any = IMAGES, labels: Any = None, **changes: Any) -> Finetuned:
    return finetune(everything(), data=data, labels=labels, **(FEW | changes))


def losses(made: Finetuned) -> list[float]:
    return made.history.column("loss")


def test_a_seed_reproduces_every_number() -> None:
    first, second, other = tuned(seed=3), tuned(seed=3), tuned(seed=4)
    assert first.model == second.model
    assert losses(first) == losses(second)
    assert losses(first) != losses(other)


@pytest.mark.parametrize("rule", ["moving_average", "lsq", "pact"])
def test_a_checkpoint_goes_on_to_the_same_numbers(rule: str, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"range_rule": rule, "learn_weights": rule == "lsq", "epochs": 4, "freeze_ranges": 0.6}
    whole = tuned(**changes)
    file = tmp_path / "training.npz"

    class Interrupted(Exception):
        pass

    def after_two(done: int, total: int | None, epoch: Epoch | None) -> None:
        if epoch is not None and epoch.number == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        tuned(checkpoint=file, progress=after_two, **changes)
    resumed = tuned(checkpoint=file, **changes)
    assert resumed.model == whole.model
    assert losses(resumed) == losses(whole)
    assert tuned(checkpoint=file, **changes).model == whole.model, "a finished training has nothing left to do"
    with pytest.raises(ValueError, match="expected a checkpoint of the same model, recipe and settings"):
        tuned(checkpoint=file, **(changes | {"batch_size": 4}))
    file.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="expected a checkpoint of a training"):
        tuned(checkpoint=file, **changes)


def test_training_ends_early_and_nothing_worse_than_the_start_is_kept() -> None:
    """A rate so high that every epoch is worse than none."""
    made = tuned(optimizer=Adam(0.5), promise=None, epochs=9, patience=2, validation=(IMAGES[:6], None))
    history = made.history
    assert history.start_loss is not None
    assert min(history.column("validation_loss")) > history.start_loss
    assert (len(history.epochs), history.best, history.stopped) == (2, 0, True)
    start = tuned(epochs=0, validation=(IMAGES[:6], None))
    assert made.trained == start.trained
    np.testing.assert_array_equal(made.forward(IMAGES)[0], start.forward(IMAGES)[0])
    last = tuned(optimizer=Adam(0.5), promise=None, validation=(IMAGES[:6], None), keep_best=False)
    assert last.history.best == 2
    assert last.trained != start.trained


def test_a_tenth_of_the_samples_judges_the_epochs_where_nothing_else_is_said() -> None:
    assert tuned().history.start_loss is not None
    assert tuned(validation=0).history.start_loss is None
    assert tuned(IMAGES[:19]).history.start_loss is None
    assert tuned(lambda: iter(IMAGES)).history.start_loss is None


def test_a_history_survives_json() -> None:
    history = tuned().history
    assert History.from_dict(history.to_dict()) == history


def test_frozen_layers_stay() -> None:
    made = tuned(labels=LABELS, rates={"^logits$": 1.0, "": 0.0}, validation=0)
    before, after = tuned(labels=LABELS, epochs=0, validation=0).trained.graphs[0], made.trained.graphs[0]
    changed = [i for i, pair in enumerate(zip(before.tensors, after.tensors, strict=True)) if pair[0] != pair[1]]
    (layer,) = (node for node in before.nodes if node.op.name == "FULLY_CONNECTED")
    assert changed == sorted(layer.inputs[1:])
    with pytest.raises(ValueError, match="expected regular expressions in rates"):
        tuned(rates={"(": 0.0})


def test_a_rate_is_relative_to_weights_where_that_is_asked() -> None:
    """Weights a thousand times smaller before ones a thousand times larger: the same network takes the same way."""

    def scaled(factor: float) -> Model:
        rng = np.random.default_rng(0)
        b = Builder("main")
        y = b.add(op("FULLY_CONNECTED"), [b.input("x", (1, 4)), normal(rng, 6, 4) * factor, None])
        y = b.add(op("RELU"), [y])
        return b.model([b.add(op("FULLY_CONNECTED"), [y, normal(rng, 3, 6) / factor, None])])

    x = np.random.default_rng(5).normal(size=(16, 4)).astype(np.float32)
    optimizer = Adam(0.01, relative=True, epsilon=1e-20)
    runs = [
        finetune(scaled(f), "static_wi4_ai8", x, optimizer=optimizer, epochs=3, batch_size=8, measure=0)
        for f in (1.0, 64.0)
    ]
    np.testing.assert_allclose(losses(runs[0]), losses(runs[1]), rtol=1e-3)


def test_ranges_are_followed_until_they_are_frozen() -> None:
    """Samples ten times as large as those of calibration: ranges go after them, and then stay."""
    larger = [IMAGES[:8]]
    seen: list[list[float]] = []

    def told(done: int, total: int | None, epoch: Epoch | None) -> None:
        if epoch is not None:
            larger[0] = IMAGES[:8] * 10

    made = tuned(lambda: iter(larger[0]), epochs=6, progress=told, freeze_ranges=0.5, optimizer=SGD(0.0))
    seen = made.history.column("frozen")
    assert seen == [False, False, False, True, True, True]
    _, high = made.network.ranges[0].ends
    assert high > float(IMAGES[:8].max()) * 1.05
    assert high < float(IMAGES[:8].max()) * 2
    frozen = tuned(lambda: iter(IMAGES[:8] * 10), epochs=2, freeze_ranges=0.0, optimizer=SGD(0.0))
    assert set(frozen.history.column("frozen")) == {True}


def test_samples_come_as_arrays_files_and_functions(tmp_path: Path) -> None:
    np.savez(tmp_path / "some.npz", image=IMAGES, classes=LABELS)
    whole = tuned(IMAGES, LABELS)
    assert tuned(tmp_path / "some.npz", "classes").model == whole.model
    assert tuned({"image": IMAGES, "classes": LABELS}, "classes").model == whole.model
    assert tuned(list(IMAGES), LABELS.tolist()).model == whole.model
    first, second = (tuned(lambda: iter(IMAGES), lambda: iter(LABELS)) for _ in range(2))
    assert first.model == second.model
    assert losses(first)[0] != losses(whole)[0], "a stream comes in its own order"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="expected samples to train with, got none"):
        tuned(None)
    with pytest.raises(ValueError, match="expected a label for each of 24 samples, got 23"):
        tuned(labels=LABELS[1:])
    with pytest.raises(ValueError, match="expected labels 'y' among the arrays"):
        tuned({"image": IMAGES}, "y")
    with pytest.raises(ValueError, match="expected a target for each sample, got 1 for 8"):
        tuned(lambda: iter(IMAGES), lambda: iter(LABELS[:1]))
    with pytest.raises(ValueError, match="expected a share of the samples between 0 and 1, got 1"):
        tuned(validation=1.5)
    with pytest.raises(ValueError, match="got a share"):
        tuned(lambda: iter(IMAGES), validation=0.5)
    with pytest.raises(TypeError, match="nonsense"):
        tuned(nonsense=1)
    with pytest.raises(RuntimeError, match="expected a finite loss"), np.errstate(all="ignore"):
        fit(everything(), IMAGES, LABELS, optimizer=SGD(1e30), epochs=3)


def test_samples_apart_are_not_learned_from() -> None:
    data = data_of(everything(), IMAGES, LABELS)
    assert not isinstance(data, Streamed)
    apart, left = set_apart(everything(), data, 0.25, seed=0)
    assert apart is not None
    assert not isinstance(left, Streamed)
    assert (len(apart), len(left)) == (6, 18)
    together = sorted(float(item[0].sum()) for part in (apart, left) for item in part.items)
    assert together == sorted(float(item[0].sum()) for item in data.items)


def test_a_network_that_mixes_the_samples_of_a_batch_is_run_one_by_one() -> None:
    rng = np.random.default_rng(0)
    b = Builder("main")
    x = b.input("x", (1, 4))
    mean = b.add(op("MEAN", keep_dims=True), [x, np.array([0], np.int32)])
    y = b.add(op("CONCATENATION", axis=1), [b.add(op("SUB"), [x, mean]), x])
    model = b.model([b.add(op("FULLY_CONNECTED"), [y, normal(rng, 3, 8), normal(rng, 3)])])
    samples = rng.normal(size=(8, 4)).astype(np.float32)
    made = finetune(model, "static_wi4_ai8", samples, epochs=1, measure=0)
    assert made.history.mixed
    one = np.concatenate([made.forward(samples[i : i + 1])[0] for i in range(8)])
    np.testing.assert_array_equal(made.forward(samples)[0], one)


def test_a_teacher_is_asked_once_about_what_is_in_memory() -> None:
    """What it said is what it would say again, for any batch of the samples."""
    network, teacher = Network(everything()), Network(everything())
    next(iter(network.parameters.values()))[...] *= 1.5
    data = data_of(everything(), IMAGES)
    assert isinstance(data, Stored)
    asked, plain = Objective(network, Distillation(), teacher), Objective(network, Distillation(), teacher)
    asked.remember(data, 7)
    for array in teacher.parameters.values():
        array[...] = 0  # it has nothing to say any more
    silent = plain.evaluate(data, 8)[0]
    for batch in data.batches(5, np.random.default_rng(0).permutation(24).tolist()):
        known = asked.measure(batch).loss
        fresh = Objective(network, Distillation(), Network(everything())).measure(batch).loss
        assert known == pytest.approx(fresh, rel=1e-3)
    assert silent != pytest.approx(asked.evaluate(data, 8)[0], rel=0.1)


def test_settings_are_values() -> None:
    made = tuned().report
    assert made.recipe
    from qengine.train.settings import TrainingSettings

    assert replace(TrainingSettings(), epochs=3) == TrainingSettings(epochs=3)
    with pytest.raises(ValueError, match="expected freeze_ranges from 0 to 1"):
        TrainingSettings(freeze_ranges=2)
    with pytest.raises(ValueError, match="is not a valid Profile"):
        TrainingSettings(exact="fast")
