"""STABLEHLO_AND."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..model import TensorType
from ._stablehlo import INTEGERS, StablehloBinary


@dataclass(frozen=True, eq=False)
class StablehloAnd(StablehloBinary):
    """The bits that both have; of flags: a and b."""

    code: ClassVar[int] = 176
    types: ClassVar = (*INTEGERS, TensorType.BOOL)
    function: ClassVar = staticmethod(np.bitwise_and)
