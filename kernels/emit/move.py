"""Numbers moved and not changed: any map from elements of outputs to elements of inputs, as loops or as a table."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .fill import FILL
from .language import I1, I8, I32, I64, VOID, Function, Type, Value
from .plan import Compiled, Family, Place, Plan, result, source
from .target import Target

Numbers = npt.NDArray[np.int64] | npt.NDArray[np.int32]
LOOPS = 4
WIDEST = 64
FEW = 64
"""Up to so many rows of the program, rather than a table of offsets."""


def copier(f: Function, unit: int, size: Value) -> Callable[[Value, Value], None]:
    """Copies `size` bytes to the first pointer: any number with unit 0, else from `unit` to twice that.

    Two vectors do that, which may overlap.
    """
    if not unit:
        return lambda target, origin: _copy_any(f, target, origin, size)
    type, rest = Type(f"i{8 * unit}") if unit <= 8 else I8.x(unit), size - unit

    def copy(target: Value, origin: Value) -> None:
        first, last = origin.load(type), origin.load(type, rest)
        target.store(first)
        target.store(last, rest)

    return copy


def _copy_any(f: Function, target: Value, origin: Value, size: Value) -> None:
    f.call("llvm.memcpy.p0.p0.i64", VOID, target, origin, size, f.constant(0, I1))


def _write_move(f: Function, unit: int) -> None:
    """Four loops, the first innermost, around a copy of `size` bytes."""
    row = f.arguments(MOVE.slots)
    copy = copier(f, unit, row.size)

    def nest(level: int, origin: Value, target: Value) -> None:
        count, source_step, target_step = (getattr(row, f"{name}{level}") for name in ("count", "source", "target"))
        with f.loop(count, origin=origin, target=target) as loop:
            if level:
                nest(level - 1, loop.origin, loop.target)
            else:
                copy(loop.target, loop.origin)
            loop.origin, loop.target = loop.origin + source_step, loop.target + target_step

    nest(LOOPS - 1, row.origin, row.target)


MOVE = Family(
    "move",
    "*origin *target size " + " ".join(f"#count{level} source{level} target{level}" for level in range(LOOPS)),
    _write_move,
)


def _write_collect(f: Function, unit: int) -> None:
    """Copies `size` bytes for every pair of offsets, int32, in a table."""
    row = f.arguments(COLLECT.slots)
    copy = copier(f, unit, row.size)
    with f.loop(row.count, entry=row.entries) as each:
        origin, target = (each.entry.load(I32, at, 4).signed(I64) for at in (0, 4))
        copy(row.target + target, row.origin + origin)
        each.entry = each.entry + 8


COLLECT = Family("collect", "*origin *target size *entries #count", _write_collect)


@dataclass(frozen=True, slots=True)
class Loops:
    """Runs of `size` elements: one at (origin, target), repeated by nested steps (count, origin, target).

    The first step is the innermost. All in elements.
    """

    origin: int
    target: int
    size: int
    steps: tuple[tuple[int, int, int], ...] = ()


def find_loops(origins: Numbers, targets: Numbers, size: int) -> list[Loops]:
    """Runs of one size that begin at these places, as few nests of loops as are plain to see."""
    steps: list[tuple[int, int, int]] = []
    while len(origins) > 1:
        ahead = np.stack([np.diff(origins), np.diff(targets)])
        breaks = np.flatnonzero((ahead != ahead[:, :1]).any(0)) + 1
        count = int(np.gcd.reduce(breaks, initial=len(origins)))  # steps are equal within every so many
        if count == 1:
            break
        steps.append((count, int(ahead[0, 0]), int(ahead[1, 0])))
        origins, targets = origins[::count], targets[::count]
    return [Loops(int(o), int(t), size, tuple(steps)) for o, t in zip(origins, targets, strict=True)]


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of `size` consecutive elements: where they come from and where they go."""

    size: int
    origins: Numbers
    targets: Numbers

    def cut(self, size: int) -> Runs:
        """The same in shorter runs, of a size that divides this one."""
        steps = np.arange(0, self.size, size)
        return Runs(size, (self.origins[:, None] + steps).ravel(), (self.targets[:, None] + steps).ravel())


def find_runs(origins: Numbers, starts: Sequence[int]) -> Iterator[tuple[int, list[Runs]]]:
    """What of an output comes from where: pairs of a source and runs of elements from it, in the source's own count.

    origins: per output element the element that it is, those of input k being starts[k], starts[k] + 1, ..., with a gap
    at least before the next input's; or -1 - n for the constant n, which as a source is -1 - n too.
    """
    if not origins.size:
        return
    ahead = np.diff(origins)
    breaks = ahead != 1
    if origins.min() < 0:  # before a constant only the same constant goes on
        breaks = np.where(origins[:-1] < 0, ahead != 0, breaks)
    targets = np.concatenate([[0], np.flatnonzero(breaks) + 1])
    sizes, begins = np.diff(np.append(targets, origins.size)), origins[targets].astype(np.int64)
    sources = np.where(begins < 0, begins, np.searchsorted(starts, begins, "right") - 1)
    for origin in np.unique(sources).tolist():
        from_here = sources == origin
        own = np.zeros_like(begins) if origin < 0 else begins - starts[origin]
        yield (
            origin,
            [
                Runs(size, own[chosen], targets[chosen])
                for size in np.unique(sizes[from_here]).tolist()
                for chosen in [from_here & (sizes == size)]
            ],
        )


def plan_moves(
    target: Target, outputs: Sequence[Numbers], inputs: dict[int, int], constants: npt.NDArray[Any]
) -> Compiled | str:
    """Moves elements of the size that `constants` have; or why not.

    outputs: each as the origins of `find_runs`. inputs: by number those that are moved, and where the count of their
    elements starts. constants: elements as they are stored.
    """
    plan, itemsize = Plan(target), constants.itemsize
    numbers = list(inputs)
    for index, origins in enumerate(outputs):
        for origin, runs in find_runs(origins, list(inputs.values())):
            if origin < 0:
                _plan_fill(plan, result(index), runs, constants[-1 - origin].tobytes())
            elif not _plan_runs(plan, source(numbers[origin]), result(index), runs, itemsize):
                return "elements lie too far apart for a table"
    return plan.done("moved in runs")


def _plan_runs(plan: Plan, origin: Place, target: Place, runs: Sequence[Runs], itemsize: int) -> bool:
    """Loops, over equal parts of the runs where runs differ in size; or a table where loops are many."""
    nests = [nest for part in runs for nest in find_loops(part.origins, part.targets, part.size)]
    if len(nests) > FEW:
        common = math.gcd(*(part.size for part in runs))
        parts = [part.cut(common) for part in runs]
        origins, targets = (np.concatenate([getattr(part, name) for part in parts]) for name in ("origins", "targets"))
        order = np.argsort(targets)
        nests = find_loops(origins[order], targets[order], common)
    if len(nests) <= FEW:
        for nest in nests:
            plan_nest(plan, origin, target, nest, itemsize)
        return True
    return all([_plan_table(plan, origin, target, part, itemsize) for part in runs])


def _plan_table(plan: Plan, origin: Place, target: Place, runs: Runs, itemsize: int) -> bool:
    entries = np.stack([runs.origins, runs.targets], 1) * itemsize
    if int(entries.max()) >= 1 << 31:
        return False
    size = runs.size * itemsize
    plan.row(
        COLLECT,
        unit_of(size),
        origin=origin,
        target=target,
        size=size,
        entries=plan.constant(entries.astype(np.int32)),
        count=len(entries),
        work=len(entries) * (1 + size // 64),
    )
    return True


def plan_nest(plan: Plan, origin: Place, target: Place, nest: Loops, itemsize: int) -> None:
    """A row for the innermost loops, as many rows as the others have rounds."""
    size, outer = nest.size * itemsize, nest.steps[LOOPS:]
    steps = [*nest.steps[:LOOPS], *[(1, 0, 0)] * (LOOPS - len(nest.steps))]
    loops = {
        f"{name}{level}": number * (1 if name == "count" else itemsize)
        for level, step in enumerate(steps)
        for name, number in zip(("count", "source", "target"), step, strict=True)
    }
    for at in itertools.product(*(range(count) for count, _, _ in outer)):
        a, b = (sum(i * step[which] for i, step in zip(at, outer, strict=True)) for which in (1, 2))
        plan.row(
            MOVE,
            unit_of(size),
            origin=origin + (nest.origin + a) * itemsize,
            target=target + (nest.target + b) * itemsize,
            size=size,
            work=int(np.prod([count for count, _, _ in steps])) * (1 + size // 64),
            **loops,
        )


def _plan_fill(plan: Plan, target: Place, runs: Sequence[Runs], value: bytes) -> None:
    """Runs of one value. Short ones are copied from a row of it; long ones filled, where the bytes of it are alike."""
    for part in runs:
        if part.size * len(value) <= 2 * WIDEST or len(set(value)) > 1:
            row = plan.constant(np.frombuffer(value * part.size, np.uint8))
            _plan_runs(plan, row, target, [part], len(value))
            continue
        for nest in find_loops(part.origins, part.targets, part.size):
            count, _, step = nest.steps[0] if nest.steps else (1, 0, 0)
            for at in itertools.product(*(range(rounds) for rounds, _, _ in nest.steps[1:])):
                begin = nest.target + sum(i * outer[2] for i, outer in zip(at, nest.steps[1:], strict=True))
                plan.row(
                    FILL,
                    target=target + begin * len(value),
                    size=part.size * len(value),
                    pitch=step * len(value),
                    rows=count,
                    value=value[0],
                    work=count * (1 + part.size * len(value) // 64),
                )


def unit_of(size: int) -> int:
    """The vector whose double is no less than `size`; 0 where none is."""
    return 0 if size > 2 * WIDEST else min(WIDEST, 1 << (size.bit_length() - 1))
