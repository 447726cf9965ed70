"""What elementwise operators share: shapes of their outputs, clamps, and steps that are one NumPy function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..delegate import FLOATS, quantized_as_a_whole, takes_shape
from ..errors import ModelError, Unsupported
from ..kernels.arrays import AnyArray, IntegerArray
from ..kernels.bfloat16 import from_bfloat16, to_bfloat16
from ..kernels.profile import Profile
from ..kernels.reference.quantized_activations import ZeroPoints
from ..kernels.requantizers import DoubleRounding, Float32
from ..model import Shape, TensorType
from ..op import Graphs, Op, Spec, Specs, Step
from ..options import ActivationFunctionType
from ..scales import fused_range, zero_point_of
from ..shapes import broadcast, known
from ._floats import Native
from ._lookup import with_lookup
from ._operands import arity, same_type

T = TensorType
QUANTIZED = (T.INT8, T.UINT8, T.INT16)
XNN_MAX_RANK = 6
MAX_RANK = 8
"""Dimensions that the runtime's loops over two broadcast operands can have; it aborts on more."""


class Elementwise(Op):
    """Base of operators whose output has the shape that the inputs broadcast to, and their type.

    inputs: how many. types: of which the built-in kernels are made. versions: the version that first knew a type, 1
    where it isn't named. xnnpack: the quantized types that XNNPACK's delegate takes besides floats; None where it
    takes no such node at all. retypes: the built-in kernels give the output its type, whatever the file says.
    """

    inputs: ClassVar[int] = 1
    types: ClassVar[tuple[TensorType, ...]]
    versions: ClassVar[Mapping[TensorType, int]] = {}
    xnnpack: ClassVar[tuple[TensorType, ...] | None] = None
    retypes: ClassVar[bool] = False

    def output_types(self, specs: Specs) -> Sequence[TensorType]:
        return [specs.input(0).type] * len(specs.outputs) if self.retypes else super().output_types(specs)

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        arity(specs, self.inputs)
        x = specs.input(0)
        for i in range(1, self.inputs):
            same_type(specs.input(i), x, f"inputs[{i}]")
        self.check_output(x, specs.output())
        return [self.shape(specs)]

    def shape(self, specs: Specs) -> Shape:
        shapes = [known(specs.input(i)) for i in range(self.inputs)]
        shape = broadcast(*shapes)
        if len(shape) > MAX_RANK and any(s != shape for s in shapes):
            raise ModelError(f"expected at most {MAX_RANK} dimensions to broadcast, got {list(shape)}", "inputs")
        return shape

    def check_output(self, x: Spec, output: Spec) -> None:
        """Refuses an output whose type doesn't go with the inputs'."""
        same_type(output, x, "outputs[0]")

    def check_type(self, specs: Specs, profile: Profile) -> None:
        """Refuses a type that there is no kernel for. XNNPACK, where it takes a node, also computes in FLOAT16."""
        found = specs.input(0).type
        if found not in self.types and not (profile is Profile.XNNPACK and found is T.FLOAT16):
            wanted = " or ".join(type_.name for type_ in self.types)
            raise Unsupported(f"expected {wanted} for {self.name}, got {found.name}", "inputs[0]")

    def prepare(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        """The step, as a look-up where it is a function of one number of few bits."""
        step, block = self.plan(specs, profile, context), self.block(specs, profile)
        return replace(with_lookup(step, specs, block) if block else step, pointwise=block == 1)

    def block(self, specs: Specs, profile: Profile) -> int:
        """Elements that a vector loop takes at a time which rounds in another way than the scalar loop for the rest.

        1: all are rounded alike. 0: not every element is computed from its own inputs alone.
        """
        return 1

    def delegated(self, specs: Specs) -> bool:
        return self.xnnpack is not None and takes_elementwise(specs, *self.xnnpack)

    def version(self, specs: Specs) -> int:
        return self.versions.get(specs.input(0).type, 1)


def takes_elementwise(specs: Specs, *types: TensorType) -> bool:
    """What XNNPACK asks of every operand: float, or one of `types` and quantized as a whole; inputs of rank 0 to 6."""
    inputs = [specs.input(i) for i in range(len(specs.inputs))]
    return all(
        spec.type in FLOATS or (spec.type in types and quantized_as_a_whole(spec)) for spec in (*inputs, specs.output())
    ) and all(takes_shape(spec, 0, XNN_MAX_RANK) for spec in inputs)


def is_quantized(spec: Spec) -> bool:
    """Whether the file gives the tensor any quantization: int16 numbers without one are plain integers."""
    return spec.quantization is not None and spec.quantization.is_affine


def stretches_beyond_4(specs: Specs) -> bool:
    """Whether two inputs broadcast in more than 4 dimensions, which newer versions of some operators can."""
    a, b = known(specs.input(0)), known(specs.input(1))
    return a != b and max(len(a), len(b)) > 4


def zero_points(specs: Specs, *, must_be_zero: bool) -> list[int]:
    """The zero points of inputs and output, checked to be 0 where the operator asks that of 16-bit numbers."""
    named = [(specs.input(i), f"inputs[{i}]") for i in range(len(specs.inputs))] + [(specs.output(), "outputs[0]")]
    points = [zero_point_of(spec, where) for spec, where in named]
    for point, (_, where) in zip(points, named, strict=True):
        if must_be_zero and point != 0:
            raise ModelError(f"expected zero point 0 with INT16, got {point}", where)
    return points


def ends(specs: Specs, *, must_be_zero: bool) -> ZeroPoints:
    """The zero points of the only input and of the output, as `zero_points`."""
    return ZeroPoints(*zero_points(specs, must_be_zero=must_be_zero))


def limits_of(output: Spec) -> tuple[int, int]:
    """The smallest and the largest number of an integer type."""
    limits = np.iinfo(output.type.dtype)
    return int(limits.min), int(limits.max)


def quantized_bounds(output: Spec, fused: ActivationFunctionType, profile: Profile) -> tuple[int, int]:
    """The clamp of a quantized output."""
    return fused_range(fused, output, Float32 if profile is Profile.XNNPACK else DoubleRounding)


@dataclass(frozen=True)
class Clamp:
    """Bounds of numbers that stand for themselves. nan: what becomes of NaN, None if it stays."""

    low: float
    high: float
    nan: float | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high

    def __call__(self, x: AnyArray) -> AnyArray:
        low, high = (x.dtype.type(int(bound) if x.dtype.kind in "iu" else bound) for bound in (self.low, self.high))
        clamped: AnyArray = np.clip(x, low, high)
        return clamped if self.nan is None else np.where(np.isnan(x), x.dtype.type(self.nan), clamped)


def plain_clamp(type_: TensorType, fused: ActivationFunctionType, profile: Profile) -> Clamp:
    """The clamp of numbers that stand for themselves.

    Without an activation the built-in kernels clamp floats to the finite ones, XNNPACK to none. XNNPACK's clamp of
    FLOAT16 makes NaN the lower bound.
    """
    low, high = fused.bounds
    if type_.dtype.kind == "f":
        if profile is Profile.XNNPACK:
            replaced = low if type_ is T.FLOAT16 and fused.bounds != ActivationFunctionType.NONE.bounds else None
            return Clamp(low, high, replaced)
        limit = float(np.finfo(type_.dtype).max)
        return Clamp(max(low, -limit), min(high, limit))
    limits = np.iinfo(type_.dtype)
    return Clamp(max(low, limits.min), min(high, limits.max))


def plain(
    kernel: str,
    function: Callable[..., AnyArray],
    output: Spec,
    clamp: Clamp | None = None,
    native: Native | None = None,
) -> Step:
    """A step that is one function of the inputs, clamped; the result has the output's type.

    native: plans the emitted kernel of the same function and clamp.
    """
    dtype = output.type.dtype

    def run(*inputs: AnyArray) -> AnyArray:
        result = np.asarray(function(*inputs))
        return (result if clamp is None else clamp(result)).astype(dtype, copy=False)

    return Step(run, f"{kernel}_{output.type.name.lower()}", compiled=native)


def plain_bfloat16(function: Callable[..., AnyArray]) -> Callable[..., AnyArray]:
    """A function of float32 numbers as one of bfloat16 ones, rounded once."""
    return lambda *inputs: to_bfloat16(function(*map(from_bfloat16, inputs)))


def quantized(
    kernel: str,
    rule: Callable[..., IntegerArray],
    output: Spec,
    bounds: tuple[int, int],
    why: str = "",
    native: Native | None = None,
) -> Step:
    """A step whose rule gives the output's integers, zero point added, which are then clamped.

    native: plans the emitted kernel of the same rule and clamp.
    """
    (low, high), dtype = bounds, output.type.dtype

    def run(*inputs: AnyArray) -> AnyArray:
        return np.asarray(np.clip(rule(*inputs), low, high)).astype(dtype)

    return Step(run, f"{kernel}_{output.type.name.lower()}", why, compiled=native)


def refuse_zero(divisors: AnyArray, zero: int = 0) -> None:
    """RuntimeError where a divisor is 0 (quantized: its zero point)."""
    if (divisors == zero).any():
        raise RuntimeError(f"expected divisors other than {zero}, got {zero} - at `inputs[1]`")


def refuse_overflow(a: AnyArray, b: AnyArray) -> None:
    """RuntimeError where the most negative int32 or int64 is divided by -1, on which the runtime dies."""
    if b.dtype.itemsize >= 4 and ((a == np.iinfo(b.dtype).min) & (b == -1)).any():
        raise RuntimeError(f"expected quotients that {b.dtype} can hold, got {np.iinfo(b.dtype).min} / -1")
