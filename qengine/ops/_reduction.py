"""What the reductions share: the axes, the shape of the output, and that they may come only while running."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..delegate import FLOATS, takes_activation
from ..errors import ModelError, Unsupported
from ..kernels import emit
from ..kernels.arrays import AnyArray
from ..kernels.emit import float32
from ..kernels.emit.plan import Compiled
from ..kernels.emit.rounding import FixedRule
from ..kernels.emit.target import Target
from ..kernels.profile import Profile
from ..kernels.reference.reduction import mean_rule
from ..kernels.requantizers import Requantizer
from ..model import Shape, TensorType
from ..native import eight
from ..op import DYNAMIC, Dynamic, Graphs, LikeInput, Op, Rule, Spec, Specs, Step
from ..scales import scale_of, zero_point_of
from ..shapes import axis_of, known, volume
from ._native import rule_of

T = TensorType
QUANTIZED = (T.INT8, T.UINT8, T.INT16)
Native = Callable[[Target], Compiled | str]
Kernel = Callable[[AnyArray, Sequence[int]], AnyArray]


@dataclass(frozen=True, eq=False)
class Reduction(Op):
    """Base of x (any shape), axes (int32) -> x without those axes, or with length 1 in them.

    Axes may be negative and may repeat; of a scalar they are ignored.
    """

    rule: ClassVar[Rule] = LikeInput()

    keep_dims: bool = False

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        x, axes, output = specs.input(0), specs.input(1), specs.output()
        if axes.type is not T.INT32:
            raise ModelError(f"expected INT32, got {axes.type.name}", "inputs[1]")
        if output.type is not x.type:
            raise ModelError(f"expected {x.type.name} as of the input, got {output.type.name}", "outputs[0]")
        if axes.value is None:
            return DYNAMIC
        return [self._shape(known(x), resolved(axes.value, len(known(x))))]

    def _shape(self, shape: Shape, axes: Sequence[int]) -> Shape:
        if self.keep_dims:
            return tuple(1 if axis in axes else length for axis, length in enumerate(shape))
        return tuple(length for axis, length in enumerate(shape) if axis not in axes)

    def check(self, specs: Specs, *types: TensorType) -> None:
        """Refuses other types than these, and INT16 with a zero point."""
        x = specs.input(0)
        if x.type not in types:
            raise Unsupported(f"expected one of {', '.join(t.name for t in types)}, got {x.type.name}", "inputs[0]")
        if x.type is T.INT16 and x.quantization is not None and x.quantization.is_affine:
            for spec, where in ((x, "inputs[0]"), (specs.output(), "outputs[0]")):
                if zero_point_of(spec, where) != 0:
                    raise ModelError(f"expected zero point 0 with INT16, got {spec.zero_point}", where)

    def taken(self, specs: Specs) -> bool:
        """What XNNPACK asks of a reduction: floats or 8 bits quantized as a whole, up to 6 constant axes."""
        x, axes, output = specs.input(0), specs.input(1), specs.output()
        return (
            takes_activation(x, *FLOATS, T.INT8, T.UINT8)
            and takes_activation(output, *FLOATS, T.INT8, T.UINT8)
            and axes.value is not None
            and axes.value.ndim <= 1
            and 1 <= axes.value.size <= 6
            and len(known(x)) >= 1
        )

    def native_sum(self, specs: Specs, scale_of_count: Callable[[int], np.float32]) -> Native:
        """The planner of XNNPACK's scaled sums, `scale_of_count` giving the scale for so many summed elements."""
        x, output = specs.input(0), specs.output()

        def compiled(target: Target) -> Compiled | str:
            parts = parts_of(specs)
            if isinstance(parts, str):
                return parts
            outer, reduced, inner = parts
            if reduced * 256 >= 1 << 24:
                return "sums beyond float32's integers"
            scale = scale_of_count(reduced)
            offset = np.float32(reduced * zero_point_of(x, "inputs[0]"))
            bias = np.float32(zero_point_of(output, "outputs[0]")) - offset * scale
            numbers = float(scale), float(bias)
            return emit.pool.plan_mean(target, outer, reduced, inner, eight(x), eight(output), *numbers)

        return compiled

    def native_mean(self, specs: Specs, vectorized: Callable[[int], tuple[Requantizer, int]] | None) -> Native:
        """The planner of means in fixed point, `vectorized` giving rule and bias where an image's mean has its own."""
        x, output = specs.input(0), specs.output()

        def compiled(target: Target) -> Compiled | str:
            parts = parts_of(specs)
            if isinstance(parts, str):
                return parts
            outer, reduced, inner = parts
            if x.type is T.INT16:
                wide = rule_of(mean_rule(x.scale / output.scale, reduced), 1, 0)
                return wide if isinstance(wide, str) else emit.wide.pool.plan_mean(target, *parts, wide)
            x_point = zero_point_of(x, "inputs[0]")
            rule: Requantizer
            axes = resolved(np.asarray(specs.input(1).value), len(known(x)))
            if vectorized is not None and len(known(x)) == 4 and axes == (1, 2):
                (rule, bias), start = vectorized(reduced), 0
            else:
                rule, bias = mean_rule(x.scale / output.scale, reduced), zero_point_of(output, "outputs[0]")
                start = -x_point * reduced
            native = rule_of(rule, inner, 0)
            if isinstance(native, str):
                return native
            assert isinstance(native, FixedRule)
            sizes = outer, reduced, inner
            return emit.pool.plan_mean_fixed(target, *sizes, eight(x), eight(output), native, start, bias)

        return compiled

    def native_float_sum(self, specs: Specs, profile: Profile, *, mean: bool) -> Native:
        """The planner of sums or means of float32 numbers."""
        xnnpack = profile is Profile.XNNPACK

        def compiled(target: Target) -> Compiled | str:
            parts = parts_of(specs)
            if isinstance(parts, str):
                return parts
            if profile is Profile.REFERENCE and parts[2] == 1:
                return "rows are summed one number after the other"
            return float32.sums.plan_sum(target, *parts, mean=mean, xnnpack=xnnpack)

        return compiled

    def steps(self, specs: Specs, kernel: Kernel, why: str = "", native: Native | None = None) -> Step:
        """The Step of a kernel that keeps the reduced axes and gives numbers that fit the output's type."""
        x, axes = specs.input(0), specs.input(1)
        constant = None if axes.value is None else resolved(axes.value, len(known(x)))
        dtype = x.type.dtype

        def run(x: AnyArray, axes: AnyArray) -> AnyArray:
            found = resolved(axes, x.ndim) if constant is None else constant
            return kernel(x, found).astype(dtype, copy=False).reshape(self._shape(x.shape, found))

        return Step(run, f"{self.name.lower()}_{x.type.name.lower()}", why, volume(known(x)), native)

    def version(self, specs: Specs) -> int:
        return {T.INT8: 2, T.INT16: 3}.get(specs.input(0).type, 1)


def parts_of(specs: Specs) -> tuple[int, int, int] | str:
    """How many elements lie outside of the reduced axes, in them, and inside; or why that can't be said."""
    shape, values = known(specs.input(0)), specs.input(1).value
    if values is None:
        return "axes are known only while running"
    axes = resolved(values, len(shape))
    first, end = (axes[0], axes[-1] + 1) if axes else (0, 0)
    if axes != tuple(range(first, end)):
        return "native sums need axes beside each other"
    return volume(shape[:first]), volume(shape[first:end]), volume(shape[end:])


def resolved(axes: AnyArray, rank: int) -> tuple[int, ...]:
    """The axes as numbers from 0, each once, in rising order."""
    if rank == 0:
        return ()
    return tuple(sorted({axis_of(int(axis), rank, "inputs[1]") for axis in axes.ravel()}))


def limits_of(spec: Spec) -> tuple[int, int]:
    """The smallest and the largest number of an integer type."""
    limits = np.iinfo(spec.type.dtype)
    return int(limits.min), int(limits.max)


def check_same_quantization(specs: Specs) -> None:
    """Reductions that pass numbers on as they are need the output to mean the same by them."""
    x, output = specs.input(0), specs.output()
    if x.type not in QUANTIZED:
        return
    found = [
        (float(scale_of(spec, "outputs[0]")), zero_point_of(spec, "outputs[0]"))
        if spec.quantization is not None and spec.quantization.is_affine
        else (0.0, 0)
        for spec in (x, output)
    ]
    if found[0] != found[1]:
        raise ModelError(f"expected scale and zero point {found[0]} of the input, got {found[1]}", "outputs[0]")
