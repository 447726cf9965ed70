"""SQUARED_DIFFERENCE."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.emit.add_fixed import plan_add_fixed
from ..kernels.emit.plan import Compiled
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..kernels.reference.add import Scales, ZeroPoints
from ..kernels.reference.comparison import squared_difference, squared_difference_scale
from ..model import TensorType
from ..native import eight
from ..op import Graphs, Specs, Step, Versions
from ..scales import scale_of
from ..shapes import known
from ._elementwise import Elementwise, limits_of, plain, quantized, zero_points
from ._floats import native_binary

T = TensorType


@dataclass(frozen=True, eq=False)
class SquaredDifference(Elementwise):
    """(a - b)**2. int32 wraps."""

    code: ClassVar[int] = 99
    known_versions: ClassVar[Versions] = Versions(2)
    inputs: ClassVar[int] = 2
    types: ClassVar = (T.FLOAT32, T.INT32, T.INT8)
    versions: ClassVar = {T.INT8: 2}
    xnnpack: ClassVar = ()
    retypes: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        output = specs.output()
        if output.type is not T.INT8:
            return plain("squared_difference", _squared_difference, output, native=native_binary("sqdiff", specs))
        named = ((specs.input(0), "inputs[0]"), (specs.input(1), "inputs[1]"), (output, "outputs[0]"))
        scales = Scales(*(float(scale_of(spec, where)) for spec, where in named))
        common = squared_difference_scale(scales, ZeroPoints(*zero_points(specs, must_be_zero=False)))
        if common.output.shift > 0:
            raise ModelError("expected an output scale above (2 * the larger input scale)**2 / 2**14", "outputs[0]")

        def native(target: Target) -> Compiled | str:
            (a, b), bounds = specs.inputs, limits_of(output)
            assert a is not None
            assert b is not None
            return plan_add_fixed(
                target, known(a), known(b), eight(a), eight(b), eight(output), common, -1, *bounds, square=True
            )

        rule = partial(squared_difference, scale=common)
        return quantized("squared_difference", rule, output, limits_of(output), native=native)


def _squared_difference(a: AnyArray, b: AnyArray) -> AnyArray:
    difference: AnyArray = a - b
    return difference * difference
