"""STABLEHLO_MAXIMUM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.reference.extremes import maximum_of_first
from ._stablehlo import StablehloBinary


@dataclass(frozen=True, eq=False)
class StablehloMaximum(StablehloBinary):
    """The larger of a and b, which is a where either is NaN."""

    code: ClassVar[int] = 166
    function: ClassVar = staticmethod(maximum_of_first)
