"""CONV_3D_TRANSPOSE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.conv_3d import conv_3d_transpose
from ..model import Shape, TensorType
from ..op import DYNAMIC, Dynamic, Graphs, Specs, Step, Weights
from ..shapes import of_rank
from ._conv_3d import Volumes, check_types


@dataclass(frozen=True, eq=False)
class Conv3DTranspose(Volumes):
    """shape (int32, 5), filters (kd kh kw o i), x (n d h w i), bias (o) or none -> of that shape, (n od oh ow o)."""

    code: ClassVar[int] = 141
    weights: ClassVar[tuple[Weights, ...]] = (Weights(1, axis=3, bias=3),)

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        shape = specs.input(0)
        if shape.type is not TensorType.INT32 or of_rank(shape, 1, "inputs[0]") != (5,):
            raise ModelError(f"expected INT32[5], got {shape.type.name}{list(shape.shape or ())}", "inputs[0]")
        channels, depth = of_rank(specs.input(2), 5, "inputs[2]")[4], of_rank(specs.input(1), 5, "inputs[1]")[4]
        if channels != depth:
            raise ModelError(f"expected filters of {channels} channels, got {depth}", "inputs[1]")
        return DYNAMIC if shape.value is None else [self._size(shape.value, specs)]

    def _size(self, shape: AnyArray, specs: Specs) -> Shape:
        """The output's shape. ModelError where a convolution of it wouldn't give x's."""
        asked = tuple(int(length) for length in shape)
        filters, x = of_rank(specs.input(1), 5, "inputs[1]"), of_rank(specs.input(2), 5, "inputs[2]")
        if min(asked) < 0:
            raise ModelError(f"expected lengths of 0 or more, got {list(asked)}", "inputs[0]")
        back = (asked[0], *(slide.output for slide in self.slides(asked[1:4], filters[:3])), asked[4])
        if back != (*x[:4], filters[3]):
            raise ModelError(
                f"expected a shape whose convolution is {[*x[:4], filters[3]]}, got {list(asked)}", "inputs[0]"
            )
        return asked

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        filters, x = specs.input(1), specs.input(2)
        operands = [(filters, "inputs[1]"), (x, "inputs[2]"), (specs.output(), "outputs[0]")]
        sizes = of_rank(filters, 5, "inputs[1]")
        check_types(operands, specs.optional(3), sizes[3], "inputs[3]")

        def run(shape: AnyArray, filters: AnyArray, x: AnyArray, bias: AnyArray | None = None) -> AnyArray:
            size = self._size(shape, specs)[1:4]
            sums = conv_3d_transpose(x, filters, size, self.slides(size, sizes[:3]))
            return self.clamp(sums if bias is None else sums + bias)

        return Step(run, "conv_3d_transpose_float32")
