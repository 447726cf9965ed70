"""Random numbers from counters: Philox 4x32 and Threefry 2x32, and what is drawn with the former.

Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011). All arithmetic is modulo 2**32.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..arrays import AnyArray, Float32Array

Words = NDArray[np.uint32]
LOW = np.uint64(0xFFFFFFFF)
HALF_WORD = np.uint64(32)
PHILOX_FACTORS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
PHILOX_KEY_STEPS = 0x9E3779B9, 0xBB67AE85
THREEFRY_PARITY = 0x1BD11BDA
THREEFRY_ROTATIONS = (13, 15, 26, 6), (17, 29, 16, 24)


def philox(counters: Words, key: Sequence[int]) -> Words:
    """counters (n, 4), key of two words -> random words (n, 4). Ten rounds."""
    c0, c1, c2, c3 = (counters[:, i].astype(np.uint64) for i in range(4))
    for turn in range(10):
        first, second = PHILOX_FACTORS[0] * c0, PHILOX_FACTORS[1] * c2
        k0, k1 = (np.uint64((k + turn * step) & 0xFFFFFFFF) for k, step in zip(key, PHILOX_KEY_STEPS, strict=True))
        c0, c1 = (second >> HALF_WORD) ^ c1 ^ k0, second & LOW
        c2, c3 = (first >> HALF_WORD) ^ c3 ^ k1, first & LOW
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32)


def threefry(counters: Words, key: Sequence[int]) -> Words:
    """counters (n, 2), key of two words -> random words (n, 2). Twenty rounds."""
    keys = [np.uint32(k) for k in (*key, key[0] ^ key[1] ^ THREEFRY_PARITY)]
    x, y = counters[:, 0] + keys[0], counters[:, 1] + keys[1]
    for turn in range(5):
        for rotation in THREEFRY_ROTATIONS[turn % 2]:
            x = x + y
            y = ((y << np.uint32(rotation)) | (y >> np.uint32(32 - rotation))) ^ x
        x = x + keys[(turn + 1) % 3]
        y = y + keys[(turn + 2) % 3] + np.uint32(turn + 1)
    return np.stack([x, y], axis=1)


def counting(first: int, count: int, words: int) -> Words:
    """`count` numbers from `first` on as words, the lowest first: (count, words), modulo 2**(32 * words)."""
    low = np.arange(count, dtype=np.uint64) + np.uint64(first & 0xFFFFFFFF)
    columns = [low & LOW]
    carry, rest = low >> HALF_WORD, first >> 32
    for _ in range(1, words):
        total = np.uint64(rest & 0xFFFFFFFF) + carry
        columns.append(total & LOW)
        carry, rest = total >> HALF_WORD, rest >> 32
    return np.stack(columns, axis=1).astype(np.uint32)


class Philox:
    """A stream of random words: a key and a counter of 128 bits, whose upper half is the second seed."""

    def __init__(self, seed: int, seed2: int) -> None:
        self._key = seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF
        self._counter = (seed2 & (2**64 - 1)) << 64

    def draw(self, blocks: int) -> Words:
        """The next (blocks, 4) words."""
        words = philox(counting(self._counter, blocks, 4), self._key)
        self.skip(blocks)
        return words

    def skip(self, blocks: int) -> None:
        self._counter = (self._counter + blocks) % 2**128

    def copy(self) -> Philox:
        """A stream of its own that goes on from here."""
        other = Philox(0, 0)
        other._key, other._counter = self._key, self._counter
        return other


def uniform(stream: Philox, count: int) -> Float32Array:
    """Numbers in [0, 1), of 23 bits."""
    return _fraction(stream.draw(-(-count // 4)).reshape(-1)[:count])


def standard_normal(stream: Philox, count: int) -> Float32Array:
    """Normally distributed numbers, two out of two words (Box and Muller)."""
    words = stream.draw(-(-count // 4)).reshape(-1, 2)
    radius = np.sqrt(np.float32(-2) * np.log(np.maximum(_fraction(words[:, 0]), np.float32(1e-7))))
    angle = (2 * np.pi * _fraction(words[:, 1]).astype(np.float64)).astype(np.float32)
    return np.asarray(np.stack([np.sin(angle) * radius, np.cos(angle) * radius], axis=1).reshape(-1)[:count])


def multinomial(stream: Philox, logits: Float32Array, samples: int) -> NDArray[np.int64]:
    """logits (b, classes) -> classes (b, samples), each with probability exp(logit) / sum of them; those that aren't
    finite are never drawn. The stream then skips more than it gave."""
    used, batch = stream.copy(), len(logits)
    stream.skip(batch * (-(-samples // 4) * 4) * 512)
    words = used.draw(-(-batch * samples // 2)).reshape(-1, 2).astype(np.uint64)
    fractions = ((words[:, 0] & np.uint64(0xFFFFF)) << HALF_WORD | words[:, 1]).astype(np.float64) * 2.0**-52
    result = np.empty((batch, samples), np.int64)
    for row, drawn in zip(range(batch), fractions[: batch * samples].reshape(batch, samples), strict=True):
        sums = _cumulated(logits[row])
        result[row] = np.searchsorted(sums, drawn * sums[-1], side="right")
    return result


def _fraction(words: Words) -> Float32Array:
    return (words & np.uint32(0x7FFFFF)).astype(np.float32) * np.float32(2**-23)


def _cumulated(logits: AnyArray) -> AnyArray:
    finite = np.isfinite(logits)
    largest = logits[finite].max(initial=np.finfo(np.float32).min)
    return np.cumsum(np.where(finite, np.exp(np.where(finite, logits, 0).astype(np.float64) - float(largest)), 0.0))
