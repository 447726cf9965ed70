"""RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import Unsupported
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.resize import nearest, nearest_fixed_point, pick
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ._moving import moving
from ._resizing import Resizing


@dataclass(frozen=True, eq=False)
class ResizeNearestNeighbor(Resizing):
    """x (n h w c) of 8, 16 or 32 bits, size -> the nearest pixels (n oh ow c)."""

    code: ClassVar[int] = 97
    known_versions: ClassVar[Versions] = Versions(4)

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        bits, centers = specs.input(0).type.bits, self.centers
        if bits not in (8, 16, 32):
            raise Unsupported(f"expected a type of 8, 16 or 32 bits, got {specs.input(0).type.name}", "inputs[0]")
        fixed_point = profile is not Profile.REFERENCE and bits == 8 and not any(centers)

        def kernel(x: AnyArray, height: int, width: int) -> AnyArray:
            sides = ((x.shape[1], height), (x.shape[2], width))
            rows, columns = (nearest_fixed_point(*s) if fixed_point else nearest(*s, centers) for s in sides)
            return pick(x, rows, columns)

        return moving(self.step(specs, kernel, "16-bit fixed point" if fixed_point else ""), specs)

    def version(self, specs: Specs) -> int:
        if specs.input(0).type is TensorType.INT16:
            return 4
        if any(self.centers):
            return 3
        return 2 if specs.input(0).type is TensorType.INT8 else 1
