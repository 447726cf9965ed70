"""RESHAPE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..op import LikeInput, Op, Rule


@dataclass(frozen=True, eq=False)
class Reshape(Op):
    code: ClassVar[int] = 22
    rule: ClassVar[Rule] = LikeInput()

    new_shape: tuple[int, ...] | None = None
