"""Functions of one number, in each type with a kernel: the whole range of 8 bits, tails of the runtime's vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from parity_case import Array, Case

from qengine.build import Builder, Operand
from qengine.op import Op
from qengine.ops.abs import Abs
from qengine.ops.ceil import Ceil
from qengine.ops.complex_abs import ComplexAbs
from qengine.ops.cos import Cos
from qengine.ops.elu import Elu
from qengine.ops.exp import Exp
from qengine.ops.fake_quant import FakeQuant
from qengine.ops.floor import Floor
from qengine.ops.gelu import Gelu
from qengine.ops.hard_swish import HardSwish
from qengine.ops.imag import Imag
from qengine.ops.l2_normalization import L2Normalization
from qengine.ops.leaky_relu import LeakyRelu
from qengine.ops.local_response_normalization import LocalResponseNormalization
from qengine.ops.log import Log
from qengine.ops.log_softmax import LogSoftmax
from qengine.ops.logical_not import LogicalNot
from qengine.ops.logistic import Logistic
from qengine.ops.neg import Neg
from qengine.ops.real import Real
from qengine.ops.relu import Relu
from qengine.ops.relu6 import Relu6
from qengine.ops.relu_0_to_1 import Relu0To1
from qengine.ops.relu_n1_to_1 import ReluN1To1
from qengine.ops.round import Round
from qengine.ops.rsqrt import Rsqrt
from qengine.ops.sign import Sign
from qengine.ops.sin import Sin
from qengine.ops.softmax import Softmax
from qengine.ops.sqrt import Sqrt
from qengine.ops.square import Square
from qengine.ops.tanh import Tanh
from qengine.ops.zeros_like import ZerosLike

INPUT = {"int8": (0.06, -3), "uint8": (0.06, 125), "int16": (0.0002, 0)}
SHAPE = (2, 133)
NOT_IN_REFERENCE = (Ceil, Round, Elu)
"""What the reference kernel set doesn't know at all; of ABS it lacks the version with int32."""

Step = tuple[float, int]


def fed(type_: str, point: int = 0, positive: bool = False) -> Array:
    """Every 8-bit number and more, 16-bit ones evenly spaced, real ones from -9 to 9; or only those from zero on."""
    size = int(np.prod(SHAPE))
    if type_ == "bool":
        return np.arange(size).reshape(SHAPE) % 3 == 0
    if type_.startswith("complex"):
        return (np.linspace(-5, 5, size) + 1j * np.linspace(3, -7, size)).astype(type_).reshape(SHAPE)
    if type_.startswith("float"):
        return np.linspace(0.01 if positive else -9, 9, size).astype(type_).reshape(SHAPE)
    limits = np.iinfo(type_)
    low, high = (point if positive else int(limits.min), int(limits.max))
    if type_ in ("int32", "int64") and not positive:
        low, high = -1000, 1000
    values = np.linspace(low, high, 256) if limits.bits == 8 else np.linspace(low, high, size)
    return np.resize(np.rint(values).astype(type_), SHAPE)


def function(
    name: str, op: Op, type_: str, after: Step | None = None, *, given: str | None = None, positive: bool = False
) -> Case:
    """after: scale and zero point of the output; without one, numbers stand for themselves."""
    scaled = type_ in INPUT and after is not None
    scale, point = INPUT[type_] if scaled else (None, 0)

    def build(b: Builder, rng: np.random.Generator) -> list[Operand]:
        x = b.input("x", SHAPE, type_, scale=scale, zero_point=point)
        step, zero = after or (None, 0)
        return [b.add(op, [x], type=given or type_, scale=step, zero_point=zero)]

    lacking = isinstance(op, NOT_IN_REFERENCE) or (isinstance(op, Abs) and type_ == "int32")
    return Case(
        f"{name}_of_{type_}{'' if after is None else '_scaled'}",
        build,
        lambda rng: [fed(type_, point, positive)],
        within=2e-5,
        calls=1,
        refused=("reference",) if lacking else (),
    )


FLOATS: dict[str, tuple[Op, bool]] = {
    "relu_0_to_1": (Relu0To1(), False),
    "relu_n1_to_1": (ReluN1To1(), False),
    "relu": (Relu(), False),
    "relu6": (Relu6(), False),
    "leaky_relu": (LeakyRelu(alpha=-0.3), False),
    "elu": (Elu(), False),
    "gelu": (Gelu(), False),
    "gelu_by_tanh": (Gelu(approximate=True), False),
    "hard_swish": (HardSwish(), False),
    "logistic": (Logistic(), False),
    "tanh": (Tanh(), False),
    "abs": (Abs(), False),
    "neg": (Neg(), False),
    "exp": (Exp(), False),
    "log": (Log(), True),
    "sqrt": (Sqrt(), True),
    "rsqrt": (Rsqrt(), True),
    "square": (Square(), False),
    "floor": (Floor(), False),
    "ceil": (Ceil(), False),
    "round": (Round(), False),
    "sign": (Sign(), False),
    "sin": (Sin(), False),
    "cos": (Cos(), False),
    "softmax": (Softmax(beta=0.7), False),
    "log_softmax": (LogSoftmax(), False),
    "l2_normalization": (L2Normalization(), False),
    "zeros_like": (ZerosLike(), False),
    "fake_quant": (FakeQuant(min=-2.5, max=4.0, num_bits=8), False),
    "fake_quant_to_4_bits": (FakeQuant(min=-0.1, max=4.0, num_bits=4), False),
}
EIGHT_FIXED: dict[str, tuple[Op, Step, Step]] = {
    "logistic": (Logistic(), (1 / 256, -128), (1 / 256, 0)),
    "tanh": (Tanh(), (1 / 128, 0), (1 / 128, 128)),
    "softmax": (Softmax(beta=1.0), (1 / 256, -128), (1 / 256, 0)),
    "softmax_beta": (Softmax(beta=3.1), (1 / 256, -128), (1 / 256, 0)),
    "log_softmax": (LogSoftmax(), (16 / 256, 127), (16 / 256, 255)),
    "l2_normalization": (L2Normalization(), (1 / 128, 0), (1 / 128, 128)),
    "relu_0_to_1": (Relu0To1(), (0.004, -128), (0.004, 0)),
    "relu_n1_to_1": (ReluN1To1(), (0.01, 3), (0.01, 100)),
    "relu6": (Relu6(), (0.031, -120), (0.031, 11)),
    "leaky_relu": (LeakyRelu(alpha=0.1), (0.05, 30), (0.05, 90)),
    "leaky_relu_steep": (LeakyRelu(alpha=-1.5), (0.05, 30), (0.05, 90)),
    "hard_swish": (HardSwish(), (0.033, -100), (0.033, 20)),
    "gelu": (Gelu(), (0.05, -20), (0.05, 110)),
    "gelu_by_tanh": (Gelu(approximate=True), (0.05, -20), (0.05, 110)),
}
SIGNED: dict[str, tuple[Op, Step, Step | None, bool]] = {
    "elu": (Elu(), (0.04, -103), None, False),
    "abs": (Abs(), (0.05, -90), (0.0003, 0), False),
    "exp": (Exp(), (0.9, -100), (0.03, 0), False),
    "log": (Log(), (0.05, -10), (0.0003, 0), False),
    "sqrt": (Sqrt(), (0.011, -128), (0.0002, 0), True),
    "rsqrt": (Rsqrt(), (0.02, -110), (0.005, 0), True),
}
SIXTEEN: dict[str, tuple[Op, Step]] = {
    "logistic": (Logistic(), (1 / 32768, 0)),
    "tanh": (Tanh(), (1 / 32768, 0)),
    "softmax": (Softmax(beta=0.5), (1 / 32768, 0)),
    "relu": (Relu(), (0.0001, 0)),
    "leaky_relu": (LeakyRelu(alpha=0.3), (0.0003, 0)),
}


def functions() -> Iterator[Case]:
    for name, (op, positive) in FLOATS.items():
        yield function(name, op, "float32", positive=positive)
    for name, (op, signed, unsigned) in EIGHT_FIXED.items():
        yield function(name, op, "int8", signed)
        yield function(name, op, "uint8", unsigned)
    for name, (op, eight, sixteen, positive) in SIGNED.items():
        yield function(name, op, "int8", eight, positive=positive)
        if sixteen is not None:
            yield function(name, op, "int16", sixteen, positive=positive)
    for name, (op, after) in SIXTEEN.items():
        yield function(name, op, "int16", after)
    for op in (Abs(), Neg(), Sign(), ZerosLike()):
        yield function(op.name.lower(), op, "int32")
    for op in (Neg(), ZerosLike()):
        yield function(op.name.lower(), op, "int64")
    yield function("neg", Neg(), "int8")
    yield function("logical_not", LogicalNot(), "bool")
    for op in (Real(), Imag(), ComplexAbs()):
        yield function(op.name.lower(), op, "complex64", given="float32")
    for op in (Neg(), Floor(), Round()):
        yield function(op.name.lower(), op, "float16")


def odd_numbers() -> Iterator[Case]:
    """NaN, infinities, both zeros, subnormal, huge and tiny numbers."""
    odd = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-40, 3e38, -3e38, 2.5, -2.5, 0.5, 1e-30]
    for name, (op, _) in FLOATS.items():
        if name.startswith(("softmax", "log_softmax", "l2_norm")):
            continue

        def build(b: Builder, rng: np.random.Generator, *, op: Op = op) -> list[Operand]:
            return [b.add(op, [b.input("x", (len(odd),))])]

        lacking = ("reference",) if isinstance(op, NOT_IN_REFERENCE) else ()
        yield Case(f"{name}_of_odd_numbers", build, lambda rng: [np.array(odd, np.float32)], 1e-4, 1, refused=lacking)


def powers() -> Iterator[Case]:
    """SOFTMAX of real numbers: rows of every kind, in ranks from 1 to 4."""
    shapes: list[Sequence[int]] = [(7,), (1, 1), (3, 40), (2, 3, 4, 5)]
    for shape in shapes:
        for op in (Softmax(beta=1.0), LogSoftmax()):

            def build(b: Builder, rng: np.random.Generator, *, op: Op = op, shape: Any = shape) -> list[Operand]:
                return [b.add(op, [b.input("x", shape)])]

            yield Case(f"{op.name.lower()}_over_{len(shape)}_axes_{shape[-1]}", build, calls=1)


def neighbours() -> Iterator[Case]:
    for radius in (0, 2, 9):
        for beta in (0.5, 0.75):
            op = LocalResponseNormalization(radius=radius, bias=1.1, alpha=0.3, beta=beta)

            def build(b: Builder, rng: np.random.Generator, *, op: Op = op) -> list[Operand]:
                return [b.add(op, [b.input("x", (1, 2, 3, 11))])]

            yield Case(f"local_response_normalization_{radius}_{beta}", build, calls=1)


def dead_zones() -> Iterator[Case]:
    """Scales at which 8-bit tables are all ends and no middle, or one number over and over."""
    ops: dict[str, Callable[[], Op]] = {"logistic": Logistic, "tanh": Tanh}
    for name, make in ops.items():
        for scale in (1e-5, 2.0, 30.0):

            def build(
                b: Builder, rng: np.random.Generator, *, make: Callable[[], Op] = make, scale: float = scale
            ) -> list[Operand]:
                return [b.add(make(), [b.input("x", SHAPE, "int8", scale=scale, zero_point=-1)])]

            yield Case(f"{name}_at_scale_{scale}", build, lambda rng: [fed("int8")], calls=1)


CASES = [*functions(), *odd_numbers(), *powers(), *neighbours(), *dead_zones()]
