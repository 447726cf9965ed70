"""NOT_EQUAL."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import ClassVar

from ..errors import Unsupported
from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ._comparison import Comparison
from ._elementwise import is_quantized

T = TensorType


@dataclass(frozen=True, eq=False)
class NotEqual(Comparison):
    """a != b. 16-bit integers must be quantized: for plain ones the runtime computes nothing."""

    code: ClassVar[int] = 72
    known_versions: ClassVar[Versions] = Versions(4)
    types: ClassVar = (T.FLOAT32, T.FLOAT16, T.BOOL, T.INT32, T.INT64, T.INT16, T.INT8, T.UINT8, T.STRING)
    versions: ClassVar = {T.INT16: 4, T.STRING: 3, T.INT8: 2}
    compare: ClassVar = operator.ne
    scaled_int16: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        if specs.input(0).type is T.INT16 and not is_quantized(specs.input(0)):
            raise Unsupported("NOT_EQUAL of INT16 without quantization", "inputs[0]")
        return super().plan(specs, profile, context)
