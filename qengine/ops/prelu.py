"""PRELU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference import activations
from ..kernels.reference.quantized_activations import Slopes, ZeroPoints, prelu
from ..model import Shape, TensorType
from ..op import Graphs, Specs, Step
from ..scales import scale_of, zero_point_of
from ..shapes import broadcast, known
from ._elementwise import Elementwise, limits_of, plain, quantized
from ._floats import native_binary
from ._operands import arity, same_type

T = TensorType


@dataclass(frozen=True, eq=False)
class Prelu(Elementwise):
    """x, and alpha * x below 0; alpha (input 1) broadcasts to x.

    The alpha of 16-bit numbers has 8 bits: of one of 16 bits the runtime reads the first half of the bytes, as it does
    here.
    """

    code: ClassVar[int] = 54
    types: ClassVar = (T.FLOAT32, T.INT8, T.UINT8, T.INT16)
    inputs: ClassVar[int] = 2
    xnnpack: ClassVar = ()
    retypes: ClassVar[bool] = True

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, 2)
        x, alpha = specs.input(0), specs.input(1)
        same_type(specs.output(), x, "outputs[0]")
        if alpha.type not in ((T.INT8, T.INT16) if x.type is T.INT16 else (x.type,)):
            raise ModelError(f"expected slopes to go with {x.type.name}, got {alpha.type.name}", "inputs[1]")
        if broadcast(known(x), known(alpha)) != x.shape:
            raise ModelError(f"expected slopes that broadcast to {x.shape}, got {alpha.shape}", "inputs[1]")
        return [known(x)]

    def delegated(self, specs: Specs) -> bool:
        """XNNPACK takes float numbers whose slopes are constant."""
        return super().delegated(specs) and specs.input(1).value is not None

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x, alpha, output = specs.input(0), specs.input(1), specs.output()
        if x.type in (T.FLOAT32, T.FLOAT16):
            return plain("prelu", activations.prelu, output, native=native_binary("prelu", specs))
        named = ((x, "inputs[0]"), (alpha, "inputs[1]"), (output, "outputs[0]"))
        point, alpha_point, output_point = (zero_point_of(spec, where) for spec, where in named)
        scale, alpha_scale, output_scale = (scale_of(spec, where) for spec, where in named)
        slopes = Slopes.of(float(scale / output_scale), float(scale * alpha_scale / output_scale))
        points = ZeroPoints(point, output_point)
        rule = partial(prelu, zero_points=points, alpha_zero_point=alpha_point, slopes=slopes)
        if alpha.type is T.INT16:
            return quantized("prelu", lambda q, slope: rule(q, first_bytes(slope)), output, limits_of(output))
        return quantized("prelu", rule, output, limits_of(output))


def first_bytes(slopes: AnyArray) -> AnyArray:
    """As many bytes, signed, as there are slopes."""
    return np.ascontiguousarray(slopes).reshape(-1).view(np.int8)[: slopes.size].reshape(slopes.shape)
