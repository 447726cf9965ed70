"""SQRT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.arrays import Int64Array, IntegerArray
from ..kernels.profile import Profile
from ..kernels.reference import activations, roots, xnnpack_floats
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ..scales import scale_of
from ._activation import plan_float, refuse_negative
from ._elementwise import Elementwise, ends, limits_of, quantized

T = TensorType


@dataclass(frozen=True, eq=False)
class Sqrt(Elementwise):
    """The square root. Of quantized numbers it is cut, not rounded; negative ones are refused while running."""

    code: ClassVar[int] = 75
    known_versions: ClassVar[Versions] = Versions(2)
    types: ClassVar = (T.FLOAT32, T.INT8, T.INT16)
    versions: ClassVar = {T.INT8: 2, T.INT16: 2}
    xnnpack: ClassVar = ()

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x, output = specs.input(0), specs.output()
        if x.type not in (T.INT8, T.INT16):
            function = profile.pick(reference=activations.sqrt, xnnpack=xnnpack_floats.sqrt)
            return plan_float("sqrt", specs, profile, function)
        points = ends(specs, must_be_zero=x.type is T.INT16)
        scale, output_scale = scale_of(x, "inputs[0]"), scale_of(output, "outputs[0]")

        def rule(q: IntegerArray) -> Int64Array:
            refuse_negative(q, points.input)
            return roots.sqrt(q, points, scale, output_scale)

        return quantized("sqrt", rule, output, limits_of(output))
