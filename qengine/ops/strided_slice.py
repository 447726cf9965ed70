"""STRIDED_SLICE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..delegate import takes_activation
from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, LikeInput, Op, Rule, Specs, Step, Versions
from ..shapes import known, of_rank
from ._moving import moving
from ._operands import DELEGATED, arity, delegate_scales, integers, of_type, same_type

T = TensorType


@dataclass(frozen=True)
class Axis:
    """One dimension: its length (1 for a new one), and which elements of it are taken; `gone` from the output."""

    length: int
    start: int
    stop: int
    stride: int
    gone: bool = False

    @property
    def count(self) -> int:
        return len(range(self.start, self.stop, self.stride))

    @property
    def taken(self) -> slice:
        stop = None if self.stop < 0 else self.stop
        return slice(self.start, stop, self.stride) if self.count else slice(0, 0)


@dataclass(frozen=True, eq=False)
class StridedSlice(Op):
    """x, begin (n), end (n), strides (n) -> x[begin:end:strides], as NumPy slices, negative numbers from the end.

    Bit i of a mask is about number i: begin_mask and end_mask leave a bound open, ellipsis_mask stands for all
    dimensions that aren't named, new_axis_mask puts in a dimension of 1, shrink_axis_mask takes one element and drops
    the dimension. Dimensions behind the last number are taken whole. offset: end counts from begin.
    """

    code: ClassVar[int] = 45
    known_versions: ClassVar[Versions] = Versions(8, reference=4)
    rule: ClassVar[Rule] = LikeInput()

    begin_mask: int = 0
    end_mask: int = 0
    ellipsis_mask: int = 0
    new_axis_mask: int = 0
    shrink_axis_mask: int = 0
    offset: bool = False

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape] | Dynamic:
        arity(specs, 4)
        x = specs.input(0)
        same_type(specs.output(), x, "outputs[0]")
        count = known(specs.input(1))
        for i in (1, 2, 3):
            of_type(specs.input(i), (T.INT32,), f"inputs[{i}]")
            if of_rank(specs.input(i), 1, f"inputs[{i}]") != count or count[0] > 31:
                raise ModelError(
                    f"expected {min(count[0], 31)} numbers, got {known(specs.input(i))[0]}", f"inputs[{i}]"
                )
        begin, end, strides = (specs.input(i).value for i in (1, 2, 3))
        if begin is None or end is None or strides is None:
            return DYNAMIC
        return [_output(self._axes(known(x), begin, end, strides))]

    def _axes(self, shape: Shape, begin: Array, end: Array, strides: Array) -> list[Axis]:
        """Every dimension of x and every new one, in order."""
        starts, stops, steps = integers(begin), integers(end), integers(strides)
        new = sum(1 for i in range(len(starts)) if _bit(self.new_axis_mask, i) and not _bit(self.ellipsis_mask, i))
        axes: list[Axis] = []
        lengths = iter(shape)
        rank, number = len(shape) + new, 0
        while len(axes) < rank:
            if number >= len(starts):
                axes.append(_whole(next(lengths)))
            elif _bit(self.ellipsis_mask, number):
                covered = max(1, min(1 + rank - len(starts), rank - len(axes)))
                axes.extend(_whole(next(lengths)) for _ in range(covered))
                number += 1
            elif _bit(self.new_axis_mask, number):
                axes.append(Axis(1, 0, 1, 1))
                number += 1
            else:
                axes.append(self._axis(next(lengths), number, starts[number], stops[number], steps[number]))
                number += 1
        return axes

    def _axis(self, length: int, number: int, start: int, stop: int, stride: int) -> Axis:
        """Start and stop within the dimension: from 0 to its length forwards, from -1 to length - 1 backwards."""
        if stride == 0 or stride == -(2**31):
            raise ModelError(f"expected strides above -2**31 other than 0, got {stride}", "inputs[3]")
        low, high = (0, length) if stride > 0 else (-1, length - 1)
        start = min(max(start + length if start < 0 else start, low), high)
        if _bit(self.begin_mask, number):
            start = 0 if stride > 0 else length - 1
        if _bit(self.shrink_axis_mask, number):
            there = stride > 0 and start < length
            return Axis(length, start, start + there, 1, gone=True)
        wanted = stop
        if self.offset:
            stop += start
        stop = min(max(stop + length if stop < 0 else stop, low), high)
        if _bit(self.end_mask, number):
            stop = length if stride > 0 else -1
        axis = Axis(length, start, stop, stride)
        if self.offset and axis.count != len(range(0, wanted, stride)):
            raise ModelError(f"expected {wanted} elements from {start} within {length}, got fewer", "inputs[2]")
        return axis

    def delegated(self, specs: Specs) -> bool:
        x, strides = specs.input(0), specs.input(3)
        return (
            not (self.ellipsis_mask or self.new_axis_mask or self.shrink_axis_mask)
            and all(specs.input(i).stored and known(specs.input(i)) == (len(known(x)),) for i in (1, 2, 3))
            and strides.value is not None
            and bool((strides.value == 1).all())
            and takes_activation(x, *DELEGATED)
            and takes_activation(specs.output(), *DELEGATED)
        )

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        if profile is Profile.XNNPACK:
            delegate_scales(specs, 0)

        def take(x: Array, axes: Sequence[Axis]) -> Array:
            where: tuple[Any, ...] = (*(axis.taken for axis in axes), ...)
            taken: Array = x.reshape([axis.length for axis in axes])[where]
            return taken.reshape(_output(axes))

        begin, end, strides = (specs.input(i).value for i in (1, 2, 3))
        if begin is not None and end is not None and strides is not None:
            axes = self._axes(known(specs.input(0)), begin, end, strides)
            return moving(Step(lambda x, *_: take(x, axes)), specs)
        return moving(Step(lambda x, begin, end, strides: take(x, self._axes(x.shape, begin, end, strides))), specs)

    def version(self, specs: Specs) -> int:
        x = specs.input(0)
        if self.offset:
            return 8
        if x.type is T.UINT32:
            return 7
        if self.ellipsis_mask or self.new_axis_mask:
            return 6
        if x.type is T.STRING:
            return 5
        if x.shape is not None and len(x.shape) > 4:
            return 4
        return {T.BOOL: 3, T.INT8: 2}.get(x.type, 1)


def _output(axes: Sequence[Axis]) -> Shape:
    """ModelError where a dimension is to be dropped, but the one element to take of it isn't there."""
    shape = tuple(axis.count for axis in axes if not axis.gone)
    missing = [axis for axis in axes if axis.gone and not axis.count]
    if missing and 0 not in shape:
        raise ModelError(f"expected one element of {missing[0].length} going forwards, got none", "inputs[1]")
    return shape


def _bit(mask: int, number: int) -> bool:
    return bool(mask >> number & 1)


def _whole(length: int) -> Axis:
    return Axis(length, 0, length, 1)
