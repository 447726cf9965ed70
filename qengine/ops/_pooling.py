"""What the pooling operators share: their options, how the window slides, the clamp of the output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError, Unsupported
from ..kernels import emit
from ..kernels.arrays import AnyArray, FloatingArray
from ..kernels.emit import float32
from ..kernels.emit.layer import Geometry
from ..kernels.emit.plan import Compiled, Eight
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..kernels.reference.windows import Slide
from ..kernels.requantizers import DoubleRounding, Float32
from ..model import Shape, TensorType
from ..op import Graphs, LikeInput, Op, Rule, Spec, Specs, Step
from ..options import ActivationFunctionType, Padding
from ..scales import fused_range
from ..shapes import of_rank, volume, window

Native = Callable[[Target, Geometry, Eight, int, int], Compiled | str]
NativeFloat = Callable[[Target, Geometry, "float32.pieces.Clamp", bool], Compiled | str]
"""The bool: whether NaN becomes the lower bound."""

FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class Pool(Op):
    """Base of pooling over (n h w c): the options table Pool2DOptions."""

    rule: ClassVar[Rule] = LikeInput()

    padding: Padding = Padding.SAME
    stride_w: int = 0
    stride_h: int = 0
    filter_width: int = 0
    filter_height: int = 0
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        x, output = specs.input(0), specs.output()
        batch, _, _, channels = of_rank(x, 4, "inputs[0]")
        if output.type is not x.type:
            raise ModelError(f"expected {x.type.name} as of the input, got {output.type.name}", "outputs[0]")
        return [(batch, *(slide.output for slide in self.slides(x)), channels)]

    def slides(self, x: Spec) -> tuple[Slide, Slide]:
        """How the window slides over height and width.

        VALID windows larger than the image give no output; where the width is exceeded by two strides or more, the
        runtime gives up before it comes to the height, and both are 0.
        """
        if self.filter_height < 1 or self.filter_width < 1:
            raise ModelError(
                f"expected a filter of 1 or more, got {self.filter_height} by {self.filter_width}", "builtin_options"
            )
        _, height, width, _ = of_rank(x, 4, "inputs[0]")
        rows = window(height, self.filter_height, self.stride_h, 1, self.padding)
        columns = window(width, self.filter_width, self.stride_w, 1, self.padding)
        if self.padding is Padding.VALID and self.filter_width - width >= 2 * self.stride_w:
            rows = rows._replace(output=0)
        return (
            Slide(self.filter_height, self.stride_h, rows.output, rows.before),
            Slide(self.filter_width, self.stride_w, columns.output, columns.before),
        )

    def takes_window(self) -> bool:
        """Whether XNNPACK takes such a window: no stride beyond the filter."""
        return 1 <= self.stride_h <= self.filter_height and 1 <= self.stride_w <= self.filter_width

    def plan_float(
        self, specs: Specs, profile: Profile, kernel: Callable[..., FloatingArray], native: NativeFloat | None = None
    ) -> Step:
        """A Step of `kernel(x, slides)`, clamped; `native` plans its emitted twin.

        XNNPACK lets infinities pass and makes NaN the lower bound; the others clamp to finite floats and let NaN pass.
        """
        slides = self.slides(specs.input(0))
        low, high = self.fused_activation_function.bounds
        delegated = profile is Profile.XNNPACK
        if not delegated:
            low, high = max(low, -FLOAT32_MAX), min(high, FLOAT32_MAX)
        bounds = np.float32(low), np.float32(high)

        def run(x: AnyArray) -> AnyArray:
            result = kernel(x, slides)
            return np.fmin(np.fmax(result, bounds[0]), bounds[1]) if delegated else np.clip(result, *bounds)

        def compiled(target: Target) -> Compiled | str:
            if native is None:
                return "no native kernel for these types"
            return native(target, _geometry(specs, slides), float32.pieces.Clamp(low, high), delegated)

        return Step(run, f"{self.name.lower()}_float32", macs=_work(specs, slides), compiled=compiled)

    def plan_integer(
        self, specs: Specs, kernel: Callable[..., AnyArray], bounds: tuple[int, int], native: Native, wide: str
    ) -> Step:
        """A Step of `kernel(x, slides)`, clamped; `native` plans its emitted twin over 8-bit tensors. `wide`: what the
        kernels call it over 16-bit ones.
        """
        x = specs.input(0)
        slides, dtype = self.slides(x), x.type.dtype

        def run(x: AnyArray) -> AnyArray:
            return np.clip(kernel(x, slides), *bounds).astype(dtype)

        def compiled(target: Target) -> Compiled | str:
            if x.type is TensorType.INT16:
                return emit.wide.pool.plan_pool(target, wide, _geometry(specs, slides), *bounds)
            return native(target, _geometry(specs, slides), Eight(x.type is TensorType.INT8, 0), *bounds)

        kernel_name = f"{self.name.lower()}_{x.type.name.lower()}"
        return Step(run, kernel_name, macs=_work(specs, slides), compiled=compiled)

    def check(self, specs: Specs, profile: Profile, *types: TensorType) -> None:
        """Refuses other types than these, and what XNNPACK would read outside of the image."""
        x = specs.input(0)
        if x.type not in types:
            raise Unsupported(f"expected one of {', '.join(t.name for t in types)}, got {x.type.name}", "inputs[0]")
        _, height, width, _ = of_rank(x, 4, "inputs[0]")
        if (
            profile is Profile.XNNPACK
            and self.padding is Padding.VALID
            and (self.filter_height > height or self.filter_width > width)
        ):
            raise ModelError(
                f"expected a window within {height} by {width}, got {self.filter_height} by {self.filter_width}",
                "inputs[0]",
            )

    def bounds(self, output: Spec, profile: Profile) -> tuple[int, int]:
        """The clamp in quantized numbers. Without one, no quantization is asked for."""
        fused, limits = self.fused_activation_function, np.iinfo(output.type.dtype)
        if fused.bounds == ActivationFunctionType.NONE.bounds:
            return int(limits.min), int(limits.max)
        return fused_range(fused, output, Float32 if profile is Profile.XNNPACK else DoubleRounding)

    def version(self, specs: Specs) -> int:
        return {TensorType.INT8: 2, TensorType.INT16: 3}.get(specs.input(0).type, 1)


def image(spec: Spec) -> tuple[int, tuple[int, int, int]]:
    """Batch and (h, w, c)."""
    batch, height, width, channels = of_rank(spec, 4, "inputs[0]")
    return batch, (height, width, channels)


def _geometry(specs: Specs, slides: tuple[Slide, Slide]) -> Geometry:
    """The slides in the kernels' own words."""
    rows, columns = slides
    return Geometry(
        *image(specs.input(0)),
        image(specs.output())[1],
        (rows.size, columns.size),
        (rows.stride, columns.stride),
        before=(rows.before, columns.before),
    )


def _work(specs: Specs, slides: Sequence[Slide]) -> int:
    return volume(specs.output().shape or ()) * volume([slide.size for slide in slides])
