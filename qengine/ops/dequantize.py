"""DEQUANTIZE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np

from ..delegate import FLOATS, quantized_as_a_whole, takes_shape
from ..errors import ModelError
from ..kernels.emit.plan import Compiled
from ..kernels.emit.quantize import ToFloats, plan_dequantize
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..kernels.reference.quantize import Affine, dequantize, dequantize_optimized
from ..model import TensorType
from ..native import eight
from ..op import Graphs, Rule, Spec, Specs, Step, Unquantized, Versions
from ..scales import scale_of, scales_of, zero_point_of
from ._elementwise import XNN_MAX_RANK, Elementwise, plain
from .quantize import affine_of

T = TensorType
_NARROW = (T.INT8, T.UINT8, T.INT4, T.UINT4, T.INT2)


@dataclass(frozen=True, eq=False)
class Dequantize(Elementwise):
    """Quantized numbers, or FLOAT16 ones, as FLOAT32."""

    code: ClassVar[int] = 6
    known_versions: ClassVar[Versions] = Versions(9)
    rule: ClassVar[Rule] = Unquantized()
    types: ClassVar = (*_NARROW, T.INT16, T.FLOAT16)

    def output_types(self, specs: Specs) -> Sequence[TensorType]:
        return [T.FLOAT32] * len(specs.outputs)

    def check_output(self, x: Spec, output: Spec) -> None:
        """Outputs are FLOAT32, or what XNNPACK takes."""

    def delegated(self, specs: Specs) -> bool:
        x = specs.input(0)
        narrow = x.type in (T.INT8, T.UINT8) and quantized_as_a_whole(x)
        return narrow and specs.output().type in FLOATS and takes_shape(x, 0, XNN_MAX_RANK)

    def block(self, specs: Specs, profile: Profile) -> int:
        x = specs.input(0)
        if x.type is not T.FLOAT16 and len(scales_of(x, "inputs[0]")) > 1:
            return 0
        return 8 if profile is Profile.OPTIMIZED and x.type in _NARROW else 1

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        x, output = specs.input(0), specs.output()
        if x.type is T.FLOAT16:
            return plain("dequantize", lambda half: half.astype(np.float32), output)
        if len(scales_of(x, "inputs[0]")) > 1:
            if x.type is T.INT16:
                raise ModelError("expected one scale for INT16, got one a channel", "inputs[0]")
            return plain("dequantize", partial(dequantize, by=affine_of(x, "inputs[0]")), output)
        by = Affine(scale_of(x, "inputs[0]"), zero_point_of(x, "inputs[0]"))
        if x.type is T.INT16 and by.zero_point != 0:
            raise ModelError(f"expected zero point 0 with INT16, got {by.zero_point}", "inputs[0]")
        fast = profile is Profile.OPTIMIZED and x.type in _NARROW
        kernel = partial(dequantize_optimized if fast else dequantize, by=by)
        step = plain("dequantize", kernel, output)
        return replace(step, compiled=partial(_plan_native, x=x, output=output, fast=fast))

    def version(self, specs: Specs) -> int:
        x = specs.input(0)
        if x.type is T.INT8 and x.quantization is not None and x.quantization.per_channel:
            return 5
        return {T.UINT4: 8, T.INT2: 7, T.INT4: 6, T.INT16: 3, T.FLOAT16: 3, T.INT8: 2}.get(x.type, 1)


def _plan_native(target: Target, x: Spec, output: Spec, fast: bool) -> Compiled | str:
    if x.type not in (T.INT8, T.UINT8) or output.type is not T.FLOAT32:
        return "no native kernel for these types"
    blocks = x.size // 8 * 8 if fast else 0
    parts = [(blocks, ToFloats.OFFSET), (x.size - blocks, ToFloats.CENTERED)]
    return plan_dequantize(target, eight(x), x.scale, parts)
