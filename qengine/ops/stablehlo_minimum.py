"""STABLEHLO_MINIMUM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.reference.extremes import minimum_of_first
from ._stablehlo import StablehloBinary


@dataclass(frozen=True, eq=False)
class StablehloMinimum(StablehloBinary):
    """The smaller of a and b, which is a where either is NaN."""

    code: ClassVar[int] = 181
    function: ClassVar = staticmethod(minimum_of_first)
