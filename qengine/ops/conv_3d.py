"""CONV_3D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.conv_3d import conv_3d
from ..model import Shape
from ..op import Graphs, Specs, Step, Weights
from ..shapes import of_rank, volume
from ._conv_3d import Volumes, check_types


@dataclass(frozen=True, eq=False)
class Conv3D(Volumes):
    """x (n d h w i), filters (kd kh kw i o), bias (o) or none -> (n od oh ow o)."""

    code: ClassVar[int] = 132
    weights: ClassVar[tuple[Weights, ...]] = (Weights(1, axis=4, bias=2),)

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        batch, *lengths, channels = of_rank(specs.input(0), 5, "inputs[0]")
        *sizes, depth, outputs = of_rank(specs.input(1), 5, "inputs[1]")
        if channels != depth:
            raise ModelError(f"expected filters of {channels} channels, got {depth}", "inputs[1]")
        if min(*lengths, channels, *sizes, outputs) < 1:
            raise ModelError("expected no empty dimension but the batch", "inputs")
        return [(batch, *(slide.output for slide in self.slides(lengths, sizes)), outputs)]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        x, filters = specs.input(0), specs.input(1)
        lengths, sizes = of_rank(x, 5, "inputs[0]")[1:4], of_rank(filters, 5, "inputs[1]")[:3]
        outputs = of_rank(filters, 5, "inputs[1]")[4]
        operands = [(x, "inputs[0]"), (filters, "inputs[1]"), (specs.output(), "outputs[0]")]
        check_types(operands, specs.optional(2), outputs, "inputs[2]")
        slides = self.slides(lengths, sizes)
        clamp = self.clamp if profile is Profile.REFERENCE else self.clamp_vectors

        def run(x: AnyArray, filters: AnyArray, bias: AnyArray | None = None) -> AnyArray:
            sums = conv_3d(x, filters, slides)
            return clamp(sums if bias is None else sums + bias)

        macs = volume(specs.output().shape or ()) * volume(sizes) * of_rank(x, 5, "inputs[0]")[4]
        return Step(run, "conv_3d_float32", macs=macs)
