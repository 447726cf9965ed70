"""HARD_SWISH."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference import quantized_activations, xnnpack_floats
from ..kernels.reference.activations import hard_swish, hard_swish_optimized
from ..model import TensorType
from ..op import Graphs, Specs, Step
from ..scales import scale_of
from ._activation import plan_float
from ._elementwise import Elementwise, ends, limits_of, quantized

T = TensorType


@dataclass(frozen=True, eq=False)
class HardSwish(Elementwise):
    """x * clamp(x + 3, 0, 6) / 6. Quantized, the input's scale may be at most 128 times the output's."""

    code: ClassVar[int] = 117
    types: ClassVar = (T.FLOAT32, T.INT8, T.UINT8)
    xnnpack: ClassVar = ()

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x, output = specs.input(0), specs.output()
        if x.type in (T.FLOAT32, T.FLOAT16):
            function = profile.pick(
                reference=hard_swish, optimized=hard_swish_optimized, xnnpack=xnnpack_floats.hard_swish
            )
            return plan_float("hard_swish", specs, profile, function)
        points = ends(specs, must_be_zero=False)
        scales = float(scale_of(x, "inputs[0]")), float(scale_of(output, "outputs[0]"))
        numbers = quantized_activations.HardSwish.of(*scales)
        if numbers.output_shift > 0:
            raise ModelError(f"expected an input scale of at most 128 times {scales[1]}, got {scales[0]}", "inputs[0]")
        rule = partial(quantized_activations.hard_swish, zero_points=points, rule=numbers)
        return quantized("hard_swish", rule, output, limits_of(output))
