"""SKIP_GRAM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, Op, Rule, Specs, Step, Unquantized
from ..shapes import known, volume
from ._operands import arity, of_type


@dataclass(frozen=True, eq=False)
class SkipGram(Op):
    """one string -> its n-grams of `ngram_size` words, or of up to so many, with at most `max_skip_size` words left out
    between two, joined by blanks, in a vector."""

    code: ClassVar[int] = 30
    rule: ClassVar[Rule] = Unquantized()

    ngram_size: int = 0
    max_skip_size: int = 0
    include_all_ngrams: bool = False

    def infer(self, specs: Specs, context: Graphs) -> Dynamic:
        arity(specs, 1)
        of_type(specs.input(0), (TensorType.STRING,), "inputs[0]")
        of_type(specs.output(), (TensorType.STRING,), "outputs[0]")
        if volume(known(specs.input(0))) < 1:
            raise ModelError(f"expected a string, got shape {list(known(specs.input(0)))}", "inputs[0]")
        return DYNAMIC

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(x: Array) -> Array:
            found = self._grams(words_of(x.reshape(-1)[0]))
            grams = np.empty(len(found), object)
            grams[:] = found
            return grams

        return Step(run)

    def _grams(self, words: list[bytes]) -> list[bytes]:
        """Depth first: n-grams after the longer ones that begin with them."""
        found: list[bytes] = []
        if not 1 <= self.ngram_size <= len(words):
            return found
        chosen, following = [0], 1
        while chosen:
            farthest = min(chosen[-1] + self.max_skip_size + 1, len(words) - 1)
            if len(chosen) < self.ngram_size and following <= farthest:
                chosen.append(following)
                following += 1
                continue
            if len(chosen) == self.ngram_size or self.include_all_ngrams:
                found.append(b" ".join(words[i] for i in chosen))
            following = chosen.pop() + 1
            if not chosen and following < len(words):
                chosen.append(following)
                following += 1
        return found


def words_of(text: bytes) -> list[bytes]:
    """What stands between white space; the first character counts as no white space."""
    words, begin = [], 0
    for i in range(1, len(text)):
        if text[i : i + 1].isspace():
            if i > begin and not text[begin : begin + 1].isspace():
                words.append(text[begin:i])
            begin = i + 1
    if len(text) > begin:
        words.append(text[begin:])
    return words
