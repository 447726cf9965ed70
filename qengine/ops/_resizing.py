"""What the resizing operators share: an image, and a size that may come only while running."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.reference.resize import Centers
from ..model import Shape, TensorType
from ..op import DYNAMIC, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step
from ..shapes import of_rank, volume

MEMORY = 1 << 31
"""Elements that an image whose size comes while running may have."""


@dataclass(frozen=True, eq=False)
class Resizing(Op):
    """Base of x (n h w c), size (int32 [oh, ow]) -> (n oh ow c)."""

    rule: ClassVar[Rule] = LikeInput()

    align_corners: bool = False
    half_pixel_centers: bool = False

    @property
    def centers(self) -> Centers:
        return Centers(self.align_corners, self.half_pixel_centers)

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        x, size, output = specs.input(0), specs.input(1), specs.output()
        of_rank(x, 4, "inputs[0]")
        if size.type is not TensorType.INT32 or of_rank(size, 1, "inputs[1]") != (2,):
            raise ModelError(f"expected INT32[2], got {size.type.name}{list(size.shape or ())}", "inputs[1]")
        if output.type is not x.type:
            raise ModelError(f"expected {x.type.name} as of the input, got {output.type.name}", "outputs[0]")
        if size.value is None:
            return DYNAMIC
        batch, _, _, channels = of_rank(x, 4, "inputs[0]")
        return [(batch, *wanted(size.value), channels)]

    def step(self, specs: Specs, kernel: Callable[[AnyArray, int, int], AnyArray], why: str = "") -> Step:
        """The Step of kernel(x, height, width)."""
        x, size = specs.input(0), specs.input(1)
        constant = None if size.value is None else wanted(size.value)

        def run(x: AnyArray, size: AnyArray) -> AnyArray:
            height, width = wanted(size) if constant is None else constant
            batch, rows, columns, channels = x.shape
            shape = (batch, height, width, channels)
            if volume(shape) > MEMORY:
                raise RuntimeError(f"expected an image of at most {MEMORY} elements, got {list(shape)}")
            if volume(shape) == 0:
                return np.zeros(shape, x.dtype)
            if rows == 0 or columns == 0:
                raise RuntimeError(f"expected an image with pixels, got {list(x.shape)}")
            return kernel(x, height, width).astype(x.dtype, copy=False)

        return Step(run, f"{self.name.lower()}_{x.type.name.lower()}", why)


def wanted(size: AnyArray) -> tuple[int, int]:
    """Height and width, at least 1."""
    height, width = (int(length) for length in size)
    if height < 1 or width < 1:
        raise ModelError(f"expected a size of 1 by 1 or more, got {height} by {width}", "inputs[1]")
    return height, width
