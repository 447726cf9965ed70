"""GREATER."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import ClassVar

from ..model import TensorType
from ..op import Versions
from ._comparison import Comparison

T = TensorType


@dataclass(frozen=True, eq=False)
class Greater(Comparison):
    """a > b. 16-bit integers are compared as they are."""

    code: ClassVar[int] = 61
    known_versions: ClassVar[Versions] = Versions(2)
    types: ClassVar = (T.FLOAT32, T.FLOAT16, T.BFLOAT16, T.INT16, T.INT32, T.INT64, T.INT8, T.UINT8)
    versions: ClassVar = {T.INT8: 2}
    compare: ClassVar = operator.gt
