"""EQUAL."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import ClassVar

from ..model import TensorType
from ..op import Versions
from ._comparison import Comparison

T = TensorType


@dataclass(frozen=True, eq=False)
class Equal(Comparison):
    """a == b."""

    code: ClassVar[int] = 71
    known_versions: ClassVar[Versions] = Versions(5)
    types: ClassVar = (T.FLOAT32, T.FLOAT16, T.BOOL, T.INT32, T.INT64, T.INT16, T.INT8, T.UINT8, T.STRING)
    versions: ClassVar = {T.INT16: 5, T.STRING: 3, T.INT8: 2}
    compare: ClassVar = operator.eq
    scaled_int16: ClassVar[bool] = True
