"""Random numbers of given seeds, bits of a state, spectra of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from parity_case import Array, Case

from qengine.build import Builder, Operand, Output
from qengine.ops.multinomial import Multinomial
from qengine.ops.random_standard_normal import RandomStandardNormal
from qengine.ops.random_uniform import RandomUniform
from qengine.ops.rfft2d import Rfft2d
from qengine.ops.stablehlo_rng_bit_generator import StablehloRngBitGenerator
from qengine.options import RngAlgorithm


def shaped(op: RandomUniform | RandomStandardNormal, *shape: int, asked: bool = False) -> Case:
    lengths = np.array(shape, np.int32)

    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        source = b.input("shape", lengths.shape, "int32") if asked else b.constant(lengths)
        return [b.add(op, [source], shape=shape, type="float32")]

    def inputs(rng: np.random.Generator) -> Sequence[Array]:
        return [lengths] if asked else []

    words = "_".join(map(str, (op.seed, op.seed2, *shape)))
    return Case(f"{op.name.lower()}_{words}{'_asked' * asked}", build, inputs, calls=3)


def classes(seed: int, batch: int, width: int, samples: int, kind: str) -> Case:
    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        logits = b.input("logits", (batch, width))
        return [b.add(Multinomial(seed, 3), [logits, np.array(samples, np.int32)], type=kind)]

    return Case(f"multinomial_{seed}_{batch}x{width}x{samples}_{kind}", build, calls=3)


def bits(algorithm: RngAlgorithm, state: int, kind: str, *shape: int) -> Case:
    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        source = b.input("state", (state,), "uint64")
        outputs = [Output(shape=(state,), type="uint64"), Output(shape=shape, type=kind)]
        return b.add(StablehloRngBitGenerator(algorithm), [source], outputs=outputs)

    def inputs(rng: np.random.Generator) -> Sequence[Array]:
        return [rng.integers(2**63, 2**64, state, np.uint64)]

    return Case(f"bits_{algorithm.name.lower()}_{state}_{kind}_{'x'.join(map(str, shape))}", build, inputs)


def spectrum(lengths: tuple[int, int], *shape: int) -> Case:
    def build(b: Builder, rng: np.random.Generator) -> Sequence[Operand]:
        return [b.add(Rfft2d(), [b.input("x", shape), np.array(lengths, np.int32)], type="complex64")]

    words = "_".join("x".join(map(str, part)) for part in (lengths, shape))
    return Case(f"spectrum_{words}", build)


def cases() -> Iterator[Case]:
    for seeds in ((1, 0), (0, -9), (2**40 + 5, 2**31)):
        for op in (RandomUniform(*seeds), RandomStandardNormal(*seeds)):
            yield shaped(op, 3, 5)
            yield shaped(op, 2, 1, 4, asked=True)
            yield shaped(op)
    for kind in ("int32", "int64"):
        yield classes(11, 3, 7, 10, kind)
        yield classes(-4, 1, 200, 99, kind)
    for algorithm in RngAlgorithm:
        for state in (2,) if algorithm is RngAlgorithm.THREEFRY else (2, 3):
            for kind in ("int32", "uint32", "int64", "uint64"):
                yield bits(algorithm, state, kind, 3, 5)
    for lengths in ((1, 2), (2, 4), (8, 16), (32, 8)):
        yield spectrum(lengths, 5, 9)
        yield spectrum(lengths, 2, 3, 16, 16)


CASES = list(cases())
