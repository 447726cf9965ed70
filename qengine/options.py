"""The enumerations that options tables use, by the schema's names and codes."""

from __future__ import annotations

from enum import IntEnum
from math import inf


class Padding(IntEnum):
    SAME = 0
    VALID = 1


class ActivationFunctionType(IntEnum):
    NONE = 0
    RELU = 1
    RELU_N1_TO_1 = 2
    RELU6 = 3
    TANH = 4
    SIGN_BIT = 5

    @property
    def bounds(self) -> tuple[float, float]:
        """The clamp that it is, in real numbers. TANH and SIGN_BIT clamp nothing: the runtime's kernels ignore them."""
        return {"RELU": (0.0, inf), "RELU_N1_TO_1": (-1.0, 1.0), "RELU6": (0.0, 6.0)}.get(self.name, (-inf, inf))


class MirrorPadMode(IntEnum):
    REFLECT = 0
    SYMMETRIC = 1


class FullyConnectedOptionsWeightsFormat(IntEnum):
    DEFAULT = 0
    SHUFFLED4x16INT8 = 1


class LSTMKernelType(IntEnum):
    FULL = 0
    BASIC = 1


class LSHProjectionType(IntEnum):
    UNKNOWN = 0
    SPARSE = 1
    DENSE = 2


class CombinerType(IntEnum):
    SUM = 0
    MEAN = 1
    SQRTN = 2


class CustomOptionsFormat(IntEnum):
    FLEXBUFFERS = 0


class ReduceWindowFunction(IntEnum):
    UNSUPPORTED = 0
    ADD = 1
    MUL = 2
    MINIMUM = 3
    MAXIMUM = 4
    ALL = 5
    ANY = 6


class RngAlgorithm(IntEnum):
    DEFAULT = 0
    PHILOX = 1
    THREEFRY = 2
