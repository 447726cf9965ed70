"""What a planner gives: the rows that do an operation, with addresses left open until memory is planned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .target import Target

SLACK = 64
"""Bytes that may be read beyond the end of any input or scratch buffer (never written; their values don't matter)."""


@dataclass(frozen=True, slots=True)
class Eight:
    """How a tensor of 8 bits is quantized, as far as kernels care. In memory int8 lies as value XOR 0x80."""

    signed: bool
    zero_point: int

    @property
    def offset(self) -> int:
        """Stored byte minus quantized value."""
        return 128 if self.signed else 0

    @property
    def stored_zero(self) -> int:
        """The byte that stands for zero."""
        return self.zero_point + self.offset

    @property
    def range(self) -> tuple[int, int]:
        """Least and greatest quantized value of the type."""
        return -self.offset, 255 - self.offset


@dataclass(frozen=True, slots=True)
class Finish:
    """What makes stored bytes of rounded values: add the zero point, clamp. All three as stored, 0 to 255."""

    zero_point: int
    low: int
    high: int

    @staticmethod
    def of(output: Eight, low: int, high: int) -> Finish:
        """For bounds given as quantized values."""
        return Finish(output.stored_zero, low + output.offset, high + output.offset)

    @property
    def argument(self) -> int:
        """All three in one argument."""
        return self.zero_point | self.low << 16 | self.high << 24

    @property
    def word(self) -> str:
        """`plain` where saturation to 0..255 does it all, else `clamp`."""
        return "plain" if (self.zero_point, self.low, self.high) == (0, 0, 255) else "clamp"


class Place(NamedTuple):
    """An address known only when memory is planned: bytes into an input, an output, scratch memory or a constant."""

    kind: str
    number: int = 0
    offset: int = 0

    def __add__(self, step: int) -> Place:  # type: ignore[override]
        return Place(self.kind, self.number, self.offset + step)


def source(index: int = 0) -> Place:
    return Place("input", index)


def result(index: int = 0) -> Place:
    return Place("output", index)


SCRATCH = Place("scratch")
NOWHERE = Place("nowhere")
FAULT = Place("fault")


@dataclass(frozen=True, slots=True)
class Family:
    """Kernels that differ in their variant words alone: `gemm_6_4_float` is `write(f, 6, 4, "float")`.

    slots  names of the row's arguments in order, `*` before an address, `#` before a count that is at least 1
    """

    name: str
    slots: str
    write: Callable[..., None]

    def arguments(self, values: dict[str, int | Place]) -> tuple[int | Place, ...]:
        places, counts = _layout(self.slots)
        if values.keys() != places.keys():
            raise TypeError(f"{self.name} takes {', '.join(places)}, got {', '.join(values)}")
        for name in counts:
            count = values[name]
            if isinstance(count, int) and count < 1:
                raise ValueError(f"expected {name} of {self.name} to be at least 1, got {count}")
        return tuple([values[name] for name in places])

    def slot(self, name: str) -> int:
        """Where the argument of this name lies."""
        return _layout(self.slots)[0][name]


@cache
def _layout(slots: str) -> tuple[dict[str, int], list[str]]:
    """Where each argument of a family lies, in order; and which of them count."""
    names = slots.replace("*", "").replace("#", "").split()
    return {name: at for at, name in enumerate(names)}, [slot[1:] for slot in slots.split() if slot.startswith("#")]


@cache
def _kernel(family: str, words: tuple[object, ...]) -> str:
    return "_".join([family, *map(str, words)])


class Cut(NamedTuple):
    """How a row becomes two: the argument at `slot` counts what can be divided, after every `unit` of it, and for each
    one counted the arguments at `steps` move on by so much.
    """

    slot: int
    steps: tuple[tuple[int, int], ...]
    unit: int = 1


class Row(NamedTuple):
    """One call of a kernel. `work` estimates its cost in vector operations, to share rows among threads."""

    kernel: str
    arguments: tuple[int | Place, ...]
    work: int
    divisible: Cut | None = None


class BoundRow(NamedTuple):
    """A row whose addresses are known."""

    kernel: str
    arguments: tuple[int, ...]
    work: int
    divisible: Cut | None = None

    def cut(self, work: float) -> tuple[BoundRow | None, BoundRow | None]:
        """A first part of about so much work, and the rest; one is None where it would be empty.

        A row that can't be divided goes where most of it belongs.
        """
        if self.work <= work:
            return self, None
        part = work / self.work
        if self.divisible is None:
            return (self, None) if part >= 0.5 else (None, self)
        slot, steps, unit = self.divisible.slot, self.divisible.steps, self.divisible.unit
        count = self.arguments[slot]
        taken = round(part * count / unit) * unit
        if not 0 < taken < count:
            return (self, None) if taken else (None, self)
        first, rest = list(self.arguments), list(self.arguments)
        first[slot], rest[slot] = taken, count - taken
        for moved, step in steps:
            rest[moved] += taken * step
        done = self.work * taken // count
        return (
            BoundRow(self.kernel, tuple(first), done, self.divisible),
            BoundRow(self.kernel, tuple(rest), self.work - done, self.divisible),
        )


@dataclass(frozen=True, eq=False)
class Compiled:
    """An operation as rows.

    stages     rows of one stage may run in any order or at once; a stage begins when the one before is done
    constants  packed weights and tables: must live as long as the rows
    scratch    bytes of memory needed while it runs (SLACK included), contents free before and after, aligned to 64
    why        which kernels were chosen and why, in a clause
    fault      what to say where a row leaves at FAULT that it met a number it can't use: {number} stands for that
               number, {place} for the node; empty where none does
    after      what to call after the rows have run, where there is more to check
    """

    target: Target
    stages: tuple[tuple[Row, ...], ...]
    constants: tuple[npt.NDArray[np.uint8], ...]
    scratch: int
    why: str
    fault: str = ""
    after: tuple[Callable[[], None], ...] = ()

    @property
    def kernels(self) -> frozenset[str]:
        """Names of the kernels that the rows call."""
        return frozenset(row.kernel for stage in self.stages for row in stage)

    def bind(
        self, inputs: Sequence[int], outputs: Sequence[int], scratch: int = 0, fault: int = 0
    ) -> list[list[BoundRow]]:
        """The rows, stage by stage, for these addresses of inputs, outputs, scratch memory and the fault's two int64:
        1 where there was one, and the number.
        """
        bases: dict[tuple[str, int], int] = {("scratch", 0): scratch, ("nowhere", 0): 0, ("fault", 0): fault}
        bases.update((("input", i), address) for i, address in enumerate(inputs))
        bases.update((("output", i), address) for i, address in enumerate(outputs))
        bases.update((("constant", i), array.ctypes.data) for i, array in enumerate(self.constants))

        def bound(row: Row) -> BoundRow:
            arguments = [bases[a.kind, a.number] + a.offset if isinstance(a, Place) else a for a in row.arguments]
            return BoundRow(row.kernel, tuple(arguments), row.work, row.divisible)

        return [[bound(row) for row in stage] for stage in self.stages]


@dataclass
class Plan:
    """A `Compiled` being made."""

    target: Target
    stages: list[list[Row]] = field(default_factory=lambda: [[]])
    constants: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    scratch: int = 0

    def row(self, family: Family, *words: object, work: int = 0, **arguments: int | Place) -> None:
        """One call of a kernel."""
        self.stages[-1].append(Row(_kernel(family.name, words), family.arguments(arguments), work))

    def divisible(self, family: Family, counted: str, unit: int = 1, **steps: int) -> None:
        """Says of the last row, of that family, how threads may divide it: after every `unit` of what the argument
        `counted` counts; the arguments in `steps` move on by so much for one of it.
        """
        moved = tuple((family.slot(name), step) for name, step in steps.items())
        kernel, arguments, work, _ = self.stages[-1][-1]
        self.stages[-1][-1] = Row(kernel, arguments, work, Cut(family.slot(counted), moved, unit))

    def then(self) -> None:
        """What follows needs what came before."""
        if self.stages[-1]:
            self.stages.append([])

    def again(self, rows: int, times: int, family: Family, **steps: int) -> None:
        """The last `rows` rows, all of that family, so many times more: the arguments in `steps` move on each time."""
        moved = [(family.slot(name), step) for name, step in steps.items()]
        stage = self.stages[-1]
        for _ in range(times):
            for kernel, before, work, divisible in stage[-rows:]:
                arguments = list(before)
                for slot, step in moved:
                    arguments[slot] += step
                stage.append(Row(kernel, tuple(arguments), work, divisible))

    def constant(self, array: npt.NDArray[Any]) -> Place:
        """A copy of `array` that the rows can point at, aligned to 64 bytes."""
        place, memory = self.room(array.nbytes)
        memory.view(array.dtype).reshape(array.shape)[...] = array
        return place

    def room(self, size: int) -> tuple[Place, npt.NDArray[np.uint8]]:
        """A constant of `size` bytes, aligned to 64, for the caller to fill in."""
        self.constants.append(aligned_bytes(size))
        return Place("constant", len(self.constants) - 1), self.constants[-1]

    def reserve(self, size: int) -> Place:
        """Scratch memory of `size` bytes and SLACK, aligned to 64."""
        place = SCRATCH + self.scratch
        self.scratch += -(-(size + SLACK) // 64) * 64
        return place

    def done(self, why: str, fault: str = "") -> Compiled:
        stages = tuple(tuple(stage) for stage in self.stages if stage)
        return Compiled(self.target, stages, tuple(self.constants), self.scratch, why, fault)


def float_bits(real: float) -> int:
    """A float32 as an argument."""
    return int(np.float32(real).view(np.uint32))


def double_bits(real: float) -> int:
    """A float64 as an argument."""
    return int(np.float64(real).view(np.int64))


def aligned(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The bytes of an array at an address divisible by 64, SLACK readable bytes after them."""
    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    view = aligned_bytes(content.size)
    view[:] = content
    return view


def aligned_bytes(size: int) -> npt.NDArray[np.uint8]:
    """So many zeros at an address divisible by 64, SLACK readable bytes after them."""
    memory = np.zeros(size + 64 + SLACK, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size]
