"""The story: one trained network, made small in every way that there is, and what each way costs and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..digits import Digits
from ..interpreter import Interpreter
from ..kernels.profile import Profile
from ..model import Model
from ..ptq.evaluate import Evaluation
from ..ptq.quantize import quantize
from ..ptq.recipe import Recipe
from ..tflite import load, save
from ..train.finetune import finetune
from ..train.optimizers import Adam
from ..train.trainer import Told
from .answers import answers, seconds_of_one
from .classifier import EPOCHS, trained

Say = Callable[[str], None]

SAMPLES = 200
"""Images that post-training quantization sees."""

KERNEL_SETS = {
    Profile.XNNPACK: "AUTO",
    Profile.OPTIMIZED: "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    Profile.REFERENCE: "BUILTIN_REF",
}


@dataclass(frozen=True)
class Way:
    """One way to make the network small: a recipe, after training or with quantization in the loop (`aware`).

    bits: that weights use of their type's; 0: all.
    """

    recipe: str
    aware: bool = False
    bits: int = 0

    @property
    def name(self) -> str:
        """Also the file's: the recipe, its weights' bits where they are fewer, and whether it was trained."""
        recipe = self.recipe.replace("wi4", f"wi{self.bits}") if self.bits else self.recipe
        return f"{recipe}_trained" if self.aware else recipe

    @property
    def chosen(self) -> Recipe:
        """The recipe in full: static ones take and give integers."""
        static = self.recipe.startswith("static")
        ends = {"input_type": self.recipe.rpartition("_a")[2].replace("i", "int")} if static else {}
        ends |= {"output_type": ends["input_type"]} if static else {}
        return Recipe.named(self.recipe, weight_bits=self.bits, **ends)


FLOAT = "float32"
WAYS = (
    Way("float16"),
    Way("weight_only_wi8_afp32"),
    Way("weight_only_wi4_afp32"),
    Way("dynamic_wi8_afp32"),
    Way("dynamic_wi4_afp32"),
    Way("static_wi8_ai16"),
    Way("static_wi8_ai8"),
    Way("static_wi8_ai8", aware=True),
    Way("static_wi4_ai8"),
    Way("static_wi4_ai8", aware=True),
    Way("static_wi4_ai8", bits=2),
    Way("static_wi4_ai8", aware=True, bits=2),
)
"""Every recipe; 8, 4 and 2 bits (kept as int4) trained with quantization in the loop too."""


@dataclass(frozen=True)
class Network:
    """One file. aware: trained with quantization in the loop. runtime: the real runtime's seconds for one image in the
    kernel set of the same rules; None where it isn't installed."""

    path: Path
    aware: bool
    evaluation: Evaluation
    runtime: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        more = {"file": str(self.path), "trained": self.aware, "runtime_latency": self.runtime}
        return {**self.evaluation.to_dict(), **more}


@dataclass(frozen=True)
class Agreement:
    """One file in a profile and in the runtime's kernel set of the same rules.

    outputs: how many numbers. differing: how many of them differ. off_by: by how much at most, in their own units.
    exact: whether they are integers, computed from integers alone, of which none may differ.
    """

    network: str
    profile: str
    kernel_set: str
    exact: bool
    outputs: int
    differing: int
    off_by: float


@dataclass(frozen=True)
class Story:
    """agreements: of each file with each kernel set; none where the runtime isn't installed."""

    profile: str
    networks: tuple[Network, ...]
    agreements: tuple[Agreement, ...]

    @property
    def equal(self) -> bool:
        """Whether every integer is the runtime's."""
        return all(each.differing == 0 for each in self.agreements if each.exact)


def make(
    folder: Path,
    digits: Digits,
    *,
    ways: Sequence[Way] = WAYS,
    epochs: int = EPOCHS,
    seed: int = 0,
    say: Say = lambda _: None,
) -> dict[str, Path]:
    """Trains the float network and makes it small; the files by name, the float one first.

    With quantization in the loop it trains 2/5 as many epochs, the float network its teacher.
    """

    def told(what: str) -> Told:
        return lambda step, total, row: say(f"{what}, step {step} of {total}")

    real = trained(digits, seed=seed, epochs=epochs, progress=told("training in float32"))
    models = {FLOAT: real}
    for way in ways:
        say(f"quantizing: {way.name}")
        models[way.name] = _small(real, way, digits, max(1, epochs * 2 // 5), seed, told(f"training {way.name}"))
    files = {}
    for name, model in models.items():
        files[name] = folder / f"digits_{name}.tflite"
        save(model, files[name])
    return files


def _small(real: Model, way: Way, digits: Digits, epochs: int, seed: int, progress: Told) -> Model:
    if not way.aware:
        return quantize(real, way.chosen, digits.images[:SAMPLES], measure=0).model
    how: dict[str, Any] = {"epochs": epochs, "batch_size": 64, "optimizer": Adam(2e-3), "seed": seed}
    return finetune(real, way.chosen, digits.images, progress=progress, measure=0, **how).model


def tell(files: Mapping[str, Path], test: Digits, profile: Profile, *, say: Say = lambda _: None) -> Story:
    """Every file run on the test images in a profile, and held against the runtime's three kernel sets."""
    aware = {way.name: way.aware for way in WAYS}
    runtime = find_spec("ai_edge_litert") is not None
    ours: dict[tuple[str, Profile], NDArray[Any]] = {}
    networks: list[Network] = []
    for name, file in files.items():
        say(f"running {name}")
        ours[name, profile] = answers(Interpreter(model=load(file), profile=profile), test.images)
        classes = ours[name, profile].argmax(axis=1)
        right, same = (float(np.mean(classes == other)) for other in (test.labels, _first(networks, classes)))
        seconds = seconds_of_one(Interpreter(model=load(file), profile=profile), test.images)
        size, count = file.stat().st_size, len(test.labels)
        evaluation = Evaluation(name, size, count, 1, classes, right, same, seconds)
        real = seconds_of_one(_runtime(file, profile), test.images) if runtime else None
        networks.append(Network(file, aware.get(name, False), evaluation, real))
    agreements = []
    for each in Profile if runtime else ():
        for name, file in files.items():
            say(f"comparing {name} with the runtime's kernel set {KERNEL_SETS[each]}")
            if (name, each) not in ours:
                ours[name, each] = answers(Interpreter(model=load(file), profile=each), test.images)
            agreements.append(agree(name, each, ours[name, each], answers(_runtime(file, each), test.images)))
    return Story(profile.value, tuple(networks), tuple(agreements))


def _first(networks: Sequence[Network], otherwise: NDArray[Any]) -> NDArray[Any]:
    """The first network's answers."""
    return networks[0].evaluation.answers if networks else otherwise


def _runtime(file: Path, profile: Profile) -> Any:
    """The real runtime's interpreter of a file."""
    module = import_module("ai_edge_litert.interpreter")
    kernel_set = getattr(module.OpResolverType, KERNEL_SETS[profile])
    return module.Interpreter(model_path=str(file), experimental_op_resolver_type=kernel_set, num_threads=1)


def agree(name: str, profile: Profile, ours: NDArray[Any], theirs: NDArray[Any]) -> Agreement:
    """Two runs of one file, number by number."""
    exact = ours.dtype.kind in "iu"
    difference = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
    differing, off_by = int((ours != theirs).sum()), float(difference.max(initial=0))
    return Agreement(name, profile.value, KERNEL_SETS[profile], exact, ours.size, differing, off_by)
