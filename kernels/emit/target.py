"""Processor variants: which vectors and which dot product the kernels are written with, and how to choose one."""

from __future__ import annotations

import os
from dataclasses import dataclass

VARIABLE = "QENGINE_CPU"


@dataclass(frozen=True, slots=True)
class Target:
    """A way of writing kernels.

    lanes      int32 lanes of a vector
    registers  vector registers: bounds the tiles
    dot        the instruction behind four unsigned by signed bytes added to an int32: a piece of that name
    needs      processor features that must all be there (LLVM's names)
    baseline   the processor, in LLVM's words, that code is generated for when the variant is forced on a richer one
    """

    name: str
    lanes: int
    registers: int
    dot: str
    needs: frozenset[str]
    baseline: str

    @property
    def bits(self) -> int:
        return 32 * self.lanes

    @property
    def is_x86(self) -> bool:
        return self.dot != "generic"


AVX512VNNI = Target(
    "avx512vnni", 16, 32, "vpdpbusd", frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni"}), ""
)
AVXVNNI = Target("avxvnni", 8, 16, "vpdpbusd", frozenset({"avx2", "fma", "avxvnni"}), "")
AVX2 = Target("avx2", 8, 16, "vpmaddwd", frozenset({"avx2", "fma"}), "x86-64-v3")
NEUTRAL = Target("neutral", 4, 16, "generic", frozenset(), "x86-64")

TARGETS = {target.name: target for target in (AVX512VNNI, AVXVNNI, AVX2, NEUTRAL)}


def runs_on(target: Target, features: frozenset[str]) -> bool:
    """Whether a processor with these features executes the variant's code.

    AVX-VNNI's dot product is the 256-bit one of AVX512-VNNI in another encoding, so a processor with AVX512-VL runs it.
    """
    if target == AVXVNNI and features >= AVX512VNNI.needs:
        return True
    return features >= target.needs


def choose(features: frozenset[str], forced: str | None = None) -> Target:
    """The best variant for a processor, or the one that QENGINE_CPU forces.

    ValueError where the forced name is unknown or the processor lacks it: nothing else is run in silence.
    """
    name = os.environ.get(VARIABLE, "") if forced is None else forced
    if not name:
        return next(target for target in TARGETS.values() if features >= target.needs)
    if name not in TARGETS:
        raise ValueError(f"expected {VARIABLE} to be one of {', '.join(TARGETS)}, got {name!r}")
    if not runs_on(TARGETS[name], features):
        raise ValueError(f"{VARIABLE} is {name!r}, which this processor can't run")
    return TARGETS[name]
