"""RESIZE_BILINEAR."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from ..delegate import takes_activation, takes_shape
from ..errors import ModelError, Unsupported
from ..kernels.arrays import AnyArray
from ..kernels.emit import float32
from ..kernels.emit.plan import Compiled
from ..kernels.emit.resize import plan_resize_bilinear
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..kernels.reference.resize import (
    Centers,
    Places,
    bilinear_corners,
    bilinear_fixed_point,
    bilinear_lines,
    bilinear_steps,
    bilinear_uint8,
    in_steps,
    places_clamped,
    places_fixed_point,
    places_float32,
)
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ..shapes import known
from ._resizing import Resizing, wanted

T = TensorType
Mixing = Callable[[AnyArray, Places, Places], AnyArray]
Placing = Callable[[int, int, Centers], Places]


@dataclass(frozen=True, eq=False)
class ResizeBilinear(Resizing):
    """x (n h w c), size -> pixels mixed straight between the four around (n oh ow c). No scale is applied."""

    code: ClassVar[int] = 23
    known_versions: ClassVar[Versions] = Versions(4)

    def delegated(self, specs: Specs) -> bool:
        x, output = specs.input(0), specs.output()
        return (
            takes_activation(x)
            and takes_activation(output, T.FLOAT32, T.FLOAT16, T.INT8, T.UINT8)
            and takes_shape(x, 4)
            and specs.input(1).value is not None
        )

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        x, output = specs.input(0), specs.output()
        if x.type not in (T.FLOAT32, T.INT8, T.UINT8, T.INT16):
            raise Unsupported(f"expected FLOAT32, INT8, UINT8 or INT16, got {x.type.name}", "inputs[0]")
        if profile is Profile.XNNPACK:
            if x.type is not T.FLOAT32 and (x.scale, x.zero_point) != (output.scale, output.zero_point):
                raise ModelError("expected the scale and zero point of the input", "outputs[0]")
        elif self.align_corners and self.half_pixel_centers and specs.input(1).value is not None:
            raise ModelError("expected either aligned corners or half pixel centers, got both", "builtin_options")
        placing, mixing = _kernel(x.type, profile)
        centers = self.centers

        def kernel(x: AnyArray, height: int, width: int) -> AnyArray:
            try:
                places = placing(x.shape[1], height, centers), placing(x.shape[2], width, centers)
            except ValueError as error:
                raise RuntimeError(str(error)) from error
            return mixing(x, *places)

        def compiled(target: Target) -> Compiled | str:
            size = specs.input(1).value
            emitted = (bilinear_steps, bilinear_fixed_point, bilinear_lines)
            if mixing not in emitted or x.type is T.INT16 or size is None:
                return "no native kernel mixes these types by this rule"
            (batch, *image), (height, width) = known(x), wanted(size)
            try:
                rows, columns = placing(image[0], height, centers), placing(image[1], width, centers)
            except ValueError as error:
                return str(error)
            rule = "up" if mixing is bilinear_steps else "away"
            shape = (image[0], image[1], image[2])
            if mixing is bilinear_lines:
                return float32.resize.plan_resize_bilinear(target, batch, shape, rows, columns)
            return plan_resize_bilinear(target, batch, shape, rows, columns, x.type is T.INT8, rule)

        return replace(self.step(specs, kernel), compiled=compiled)

    def version(self, specs: Specs) -> int:
        if specs.input(0).type is T.INT16:
            return 4
        if self.half_pixel_centers:
            return 3
        return 2 if specs.input(0).type is T.INT8 else 1


def _kernel(kind: TensorType, profile: Profile) -> tuple[Placing, Mixing]:
    if profile is Profile.XNNPACK:
        if kind is T.FLOAT32:
            return places_clamped, bilinear_lines
        return lambda *sides: in_steps(places_clamped(*sides)), bilinear_steps
    if kind is T.FLOAT32:
        return places_float32, partial(bilinear_corners, weights_first=profile is Profile.OPTIMIZED)
    if kind is T.UINT8:
        return places_float32, partial(bilinear_uint8, weights_first=profile is Profile.OPTIMIZED)
    return places_fixed_point, bilinear_fixed_point
