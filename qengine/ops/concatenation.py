"""CONCATENATION."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..delegate import takes_activation
from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.movement import rescale_uint8
from ..model import Shape, TensorType
from ..op import Array, Graphs, LikeOutput, Op, Rule, Specs, Step, Versions
from ..options import ActivationFunctionType
from ..shapes import axis_of, known
from ._moving import moving
from ._operands import DELEGATED, arity, of_type, oldest, same_scale, same_type, whole

T = TensorType
TYPES = (T.FLOAT32, T.FLOAT16, T.BFLOAT16, T.UINT8, T.INT8, T.INT16, T.INT32, T.INT64, T.BOOL, T.UINT32, T.INT4)


@dataclass(frozen=True, eq=False)
class Concatenation(Op):
    """Tensors that agree but for dimension `axis` -> one, along it. Constants without dimensions make a vector.

    UINT8 inputs whose scale isn't the output's are rescaled, in float32.
    """

    code: ClassVar[int] = 2
    known_versions: ClassVar[Versions] = Versions(7)
    rule: ClassVar[Rule] = LikeOutput()

    axis: int = 0
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, (1, len(specs.inputs)))
        first = specs.input(0)
        of_type(first, TYPES, "inputs[0]")
        same_type(specs.output(), first, "outputs[0]")
        parts = [specs.input(i) for i in range(len(specs.inputs))]
        shape = known(first)
        if shape == () and self.axis == 0 and all(part.value is not None for part in parts):
            shape = (1,)
        axis = axis_of(self.axis, len(shape))
        total = 0
        for i, part in enumerate(parts):
            same_type(part, first, f"inputs[{i}]")
            other = known(part) or ((1,) if known(first) == () else ())
            if len(other) != len(shape) or any(
                a != b for d, (a, b) in enumerate(zip(other, shape, strict=True)) if d != axis
            ):
                raise ModelError(
                    f"expected a shape like {list(shape)} but for axis {axis}, got {list(other)}", f"inputs[{i}]"
                )
            total += other[axis]
        return [(*shape[:axis], total, *shape[axis + 1 :])]

    def delegated(self, specs: Specs) -> bool:
        parts = [specs.input(i) for i in range(len(specs.inputs))]
        output = specs.output()
        return (
            2 <= len(parts) <= 5
            and all(takes_activation(part, *DELEGATED) for part in (*parts, output))
            and (output.type is not T.UINT8 or all(whole(part) == whole(output) for part in parts))
        )

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        output = specs.output()
        parts = [specs.input(i) for i in range(len(specs.inputs))]
        fused = self.fused_activation_function
        if fused is not ActivationFunctionType.NONE and profile is not Profile.XNNPACK:
            # XNNPACK's delegate doesn't look at it.
            raise ModelError(f"expected no fused activation, got {fused.name}")
        for i, part in enumerate(parts):
            if output.type is T.INT8:
                same_scale(part, output, f"inputs[{i}]")
            if output.type is T.INT16 and (whole(part)[1] or whole(output)[1]):
                raise ModelError(f"expected zero points of 0 with INT16, got {whole(part)[1]}", f"inputs[{i}]")
        axis = axis_of(self.axis, len(known(output)))
        rescaled = output.type is T.UINT8 and any(whole(part) != whole(output) for part in parts)
        if rescaled and (whole(output)[0] == 0 or any(whole(part)[0] == 0 for part in parts)):
            raise ModelError("expected a scale for every input and for the output, got some without", "inputs")

        def run(*arrays: Array) -> Array:
            if rescaled:
                pairs = zip(arrays, parts, strict=True)
                arrays = tuple(rescale_uint8(x, whole(part), whole(output)) for x, part in pairs)
            return np.concatenate([np.atleast_1d(x) for x in arrays], axis)

        if rescaled:
            return Step(run, why="rescales in float32")
        return moving(Step(run), specs, range(len(parts)))

    def version(self, specs: Specs) -> int:
        return oldest(specs.input(0), {T.FLOAT16: 6, T.INT4: 5, T.UINT32: 4, T.INT16: 3, T.INT8: 2})
