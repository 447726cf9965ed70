"""What the comparisons share."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import Unsupported
from ..kernels.arrays import AnyArray
from ..kernels.bfloat16 import from_bfloat16
from ..kernels.fixed_point import quantize_multiplier
from ..kernels.profile import Profile
from ..kernels.reference.add import Multiplier
from ..kernels.reference.comparison import comparable
from ..model import TensorType
from ..op import Graphs, Rule, Spec, Specs, Step, Unquantized
from ..scales import scale_of, zero_point_of
from ._elementwise import Elementwise, is_quantized
from ._numbers import native_comparison, native_scaled_comparison

T = TensorType
_KERNELS = {
    operator.lt: ("less", False),
    operator.gt: ("less", True),
    operator.le: ("lessequal", False),
    operator.ge: ("lessequal", True),
    operator.eq: ("equal", False),
    operator.ne: ("notequal", False),
}
"""The emitted kernel of a comparison, and whether it compares b with a."""


@dataclass(frozen=True, eq=False)
class Comparison(Elementwise):
    """Base of operators that compare two inputs of one type: flags.

    8-bit numbers are compared as the real numbers that they stand for; `scaled_int16`: 16-bit ones with a
    quantization, too.
    """

    inputs: ClassVar[int] = 2
    rule: ClassVar[Rule] = Unquantized()
    compare: ClassVar[Callable[[Any, Any], Any]]
    scaled_int16: ClassVar[bool] = False

    def output_types(self, specs: Specs) -> Sequence[TensorType]:
        return [T.BOOL] * len(specs.outputs)

    def check_output(self, x: Spec, output: Spec) -> None:
        """Outputs are flags already."""

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x, compare = specs.input(0), type(self).compare
        name = f"{self.name.lower()}_{x.type.name.lower()}"
        kernel, swapped = _KERNELS[compare]
        if x.type in (T.INT8, T.UINT8) or (self.scaled_int16 and x.type is T.INT16 and is_quantized(x)):
            first, second = (_scaled(specs.input(i), f"inputs[{i}]") for i in (0, 1))
            native = native_scaled_comparison(kernel, specs, (first, second), swapped=swapped)
            return Step(lambda a, b: np.asarray(compare(first(a), second(b))), name, compiled=native)
        if x.type is T.BFLOAT16:
            return Step(lambda a, b: np.asarray(compare(from_bfloat16(a), from_bfloat16(b))), name)
        native = native_comparison(kernel, specs, swapped=swapped)
        return Step(lambda a, b: np.asarray(compare(a, b), np.bool_), name, compiled=native)


def _scaled(spec: Spec, where: str) -> Callable[[AnyArray], AnyArray]:
    point, scale = zero_point_of(spec, where), float(scale_of(spec, where))
    if scale == 1:
        raise Unsupported("comparing quantized numbers of scale 1, on which the runtime aborts", where)
    multiplier = Multiplier(*quantize_multiplier(scale))
    return lambda q: comparable(q, point, multiplier)
