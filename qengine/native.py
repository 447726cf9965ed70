"""Compiled steps of a program: where their tensors lie, and the calls that run them.

Runs of compiled steps become one native call each. In native memory an int8 tensor lies as value XOR 0x80, as the
emitted kernels want it; it is flipped where NumPy or the caller meets it. Everything else lies as NumPy has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .arena import Life, place
from .kernels import emit
from .kernels.emit.fill import COPY
from .kernels.emit.flip import plan_flip
from .kernels.emit.plan import SLACK, BoundRow, Compiled, Eight, Plan, aligned, aligned_bytes, result, source
from .kernels.emit.program import Program as Rows
from .kernels.emit.target import Target
from .model import TensorType
from .op import Array, Spec

GUARD = 64


@dataclass
class Part:
    """One step as the assembly sees it: tensor indices (-1 absent), and its rows, or None where NumPy runs it.

    alias: nothing to do but to see the first input's bytes, as they lie here, under the output's shape and type.
    """

    index: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    compiled: Compiled | None = None
    alias: bool = False

    @property
    def is_native(self) -> bool:
        return self.compiled is not None or self.alias


@dataclass(frozen=True, eq=False)
class Call:
    """One thing that a run of a program does: steps joined into a native call, or one step of NumPy's (native None)."""

    run: Callable[[], None]
    steps: tuple[int, ...]
    native: Rows | None = None
    check: Callable[[], None] | None = None


@dataclass
class Assembly:
    """Memory and native calls for the compiled ones among `parts`.

    specs and values: the program's, by tensor. persistent: tensors whose array in `values` must stay and be current.
    keep: no tensor's memory is given to another. guard: steps run alone, and memory around each tensor is watched.
    crew: threads that large steps are shared with. separate: every step is a native call of its own. place: the
    graph's, for messages.
    """

    target: Target
    parts: Sequence[Part]
    specs: Sequence[Spec]
    values: list[Array | None]
    persistent: set[int]
    keep: bool = False
    guard: bool = False
    crew: emit.crew.Crew | None = None
    separate: bool = False
    place: str = "$"
    arena_bytes: int = 0
    _offsets: dict[int, int] = field(default_factory=dict)
    _roots: dict[int, int] = field(default_factory=dict)
    _constants: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    _alive: list[object] = field(default_factory=list)
    _faults: dict[int, memoryview] = field(default_factory=dict)
    _reasons: dict[int, str] = field(default_factory=dict)

    def calls(self) -> list[Call | Part]:
        """What to do, in order: native calls, and the parts that NumPy runs."""
        self._plan_memory()
        self._fetched = set[int]()
        actions: list[Call | Part] = []
        stages: list[list[BoundRow]] = []
        steps: list[int] = []

        def close() -> None:
            if any(stages):
                native = Rows(stages, self.target, self.crew)
                self._alive.append(native)
                check = self._check(steps)
                actions.append(Call(_checked(native, check), tuple(steps), native, check))
            stages.clear()
            steps.clear()

        for part in self.parts:
            if not part.is_native:
                close()
                actions.append(part)
                continue
            stages.extend(self._stages(part))
            steps.append(part.index)
            if self.separate or self.guard:
                close()
            if self.guard:
                actions.append(Call(partial(self._check_guards, part.index), ()))
        close()
        return actions

    def _check(self, steps: Sequence[int]) -> Callable[[], None] | None:
        """What raises RuntimeError where one of the steps has met a number that it can't use; None where none can."""
        faults = [(step, self._faults[step], self._reasons[step]) for step in steps if step in self._faults]
        if not faults:
            return None

        def check() -> None:
            for step, fault, reason in faults:
                if fault[0]:
                    fault[0] = 0
                    raise RuntimeError(reason.format(number=fault[1], place=f"{self.place}.operators[{step}]"))

        return check

    @property
    def packed_bytes(self) -> int:
        """Constants as the native steps have them: packed weights, tables."""
        steps = (part.compiled for part in self.parts if part.compiled is not None)
        return sum(array.nbytes for step in steps for array in step.constants)

    # --- memory

    def _root(self, tensor: int) -> int:
        while tensor in self._roots:
            tensor = self._roots[tensor]
        return tensor

    def _lies_outside(self, tensor: int) -> bool:
        """Whether native code uses the array in `values` itself."""
        spec = self.specs[tensor]
        return tensor in self.persistent and (spec.type is not TensorType.INT8 or spec.is_variable)

    def _plan_memory(self) -> None:
        constant = {i for i, spec in enumerate(self.specs) if spec.value is not None}
        for part in self.parts:
            if part.alias:
                a, b = part.inputs[0], part.outputs[0]
                if b not in self.persistent and a not in constant and not (self.keep and a in self.persistent):
                    self._roots[b] = a
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        touched: set[int] = set()
        for time, part in enumerate(self.parts):
            tensors = {self._root(i) for i in (*part.inputs, *part.outputs) if i >= 0 and i not in constant}
            for i in tensors:
                first.setdefault(i, time)
                last[i] = time
            if part.is_native:
                touched |= tensors
        inside = [i for i in sorted(touched) if not self._lies_outside(i)]
        margin = GUARD if self.guard else 0
        end = len(self.parts)
        everything = self.keep or self.guard
        lives = [
            Life(_bytes(self.specs[i]) + SLACK + 2 * margin, *((0, end) if everything else (first[i], last[i])))
            for i in inside
        ]
        scratch = [(time, part.compiled.scratch) for time, part in enumerate(self.parts) if part.compiled is not None]
        offsets, self.arena_bytes = place([*lives, *(Life(size, time, time) for time, size in scratch)])
        self._arena = aligned_bytes(self.arena_bytes + SLACK)
        if self.guard:
            self._arena[:] = _pattern(0, len(self._arena))
        self._offsets = {i: offset + margin for i, offset in zip(inside, offsets, strict=False)}
        self._scratch = {time: offset for (time, _), offset in zip(scratch, offsets[len(inside) :], strict=True)}
        self._times = {part.index: time for time, part in enumerate(self.parts)}
        for i, spec in enumerate(self.specs):
            if i not in self.persistent and i not in constant and spec.type is not TensorType.INT8 and self.holds(i):
                self.values[i] = self._stored(i).view(spec.type.dtype).reshape(spec.shape or ())

    def holds(self, tensor: int) -> bool:
        """Whether the tensor lies in native memory, or is another name for one that native code reads elsewhere."""
        return self._root(tensor) in self._offsets or tensor in self._roots

    def _stored(self, tensor: int) -> NDArray[np.uint8]:
        """The bytes of a tensor as native code has them."""
        root, size = self._root(tensor), _bytes(self.specs[tensor])
        if root in self._offsets:
            return self._arena[self._offsets[root] : self._offsets[root] + size]
        outside = self.values[root]
        assert outside is not None
        return outside.reshape(-1).view(np.uint8)

    def lends(self, value: Array) -> bool:
        """Whether an array is a view of memory that may be given to another tensor."""
        return np.may_share_memory(value, self._arena)

    def read(self, tensor: int) -> Array:
        """The values of a tensor that native memory holds, as NumPy has them: a copy where it is int8."""
        spec, stored = self.specs[tensor], self._stored(tensor)
        if spec.type is TensorType.INT8:
            stored = stored ^ np.uint8(0x80)
        return stored.view(spec.type.dtype).reshape(spec.shape or ())

    def write(self, tensor: int, value: Array) -> None:
        """Puts values that NumPy computed where native code reads them."""
        spec = self.specs[tensor]
        content = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
        np.bitwise_xor(content, np.uint8(0x80 if spec.type is TensorType.INT8 else 0), out=self._stored(tensor))

    def _address(self, tensor: int) -> int:
        spec = self.specs[tensor]
        if spec.value is not None:
            if tensor not in self._constants:
                content = np.ascontiguousarray(spec.value).reshape(-1).view(np.uint8)
                flip = np.uint8(0x80 if spec.type is TensorType.INT8 else 0)
                self._constants[tensor] = aligned(content ^ flip)
            return int(self._constants[tensor].ctypes.data)
        root = self._root(tensor)
        if root in self._offsets:
            return int(self._arena.ctypes.data) + self._offsets[root]
        outside = self.values[root]
        assert outside is not None
        return int(outside.ctypes.data)

    def _outside_address(self, tensor: int) -> int:
        outside = self.values[tensor]
        assert outside is not None
        return int(outside.ctypes.data)

    # --- rows

    def _stages(self, part: Part) -> list[list[BoundRow]]:
        stages: list[list[BoundRow]] = []
        for i in part.inputs:
            if i >= 0 and i in self.persistent and i in self._offsets and i not in self._fetched:
                self._fetched.add(i)
                stages += self._bound(
                    plan_flip(self.target, _bytes(self.specs[i])), [self._outside_address(i)], [self._address(i)]
                )
        if part.compiled is not None:
            scratch = int(self._arena.ctypes.data) + self._scratch[self._times[part.index]]
            inputs = [0 if i < 0 else self._address(i) for i in part.inputs]
            fault = self._fault(part.index, part.compiled.fault) if part.compiled.fault else 0
            stages += self._bound(part.compiled, inputs, [self._address(i) for i in part.outputs], scratch, fault)
        elif self._root(part.outputs[0]) != self._root(part.inputs[0]):
            size = _bytes(self.specs[part.outputs[0]])
            stages += self._bound(
                _copy(self.target, size), [self._address(part.inputs[0])], [self._address(part.outputs[0])]
            )
        for i in part.outputs:
            if i in self.persistent and i in self._offsets:
                self._fetched.add(i)
                stages += self._bound(
                    plan_flip(self.target, _bytes(self.specs[i])), [self._address(i)], [self._outside_address(i)]
                )
        return stages

    def _bound(
        self, compiled: Compiled, inputs: Sequence[int], outputs: Sequence[int], scratch: int = 0, fault: int = 0
    ) -> list[list[BoundRow]]:
        self._alive.append(compiled)
        return compiled.bind(inputs, outputs, scratch, fault)

    def _fault(self, step: int, reason: str) -> int:
        """Where a step says that it met a number that it can't use."""
        told = np.zeros(2, np.int64)
        self._faults[step] = told.data
        self._reasons[step] = reason
        return int(told.ctypes.data)

    def _check_guards(self, step: int) -> None:
        for tensor, offset in self._offsets.items():
            end = offset + _bytes(self.specs[tensor])
            around = ((offset - GUARD, offset), (end, end + GUARD))
            if any((self._arena[start:stop] != _pattern(start, stop)).any() for start, stop in around):
                raise RuntimeError(
                    f"expected operator {step} to leave memory around tensor {tensor} alone, got it changed"
                )


def _checked(native: Rows, check: Callable[[], None] | None) -> Callable[[], None]:
    if check is None:
        return native.run

    def run() -> None:
        native.run()
        check()

    return run


def _pattern(start: int, stop: int) -> NDArray[np.uint8]:
    """What guard bytes hold: another number at nearly every address, so that a guard copied elsewhere shows."""
    return (np.arange(start, stop) * 167 % 251).astype(np.uint8)


def eight(spec: Spec) -> Eight:
    """How kernels see an 8-bit tensor."""
    return Eight(spec.type is TensorType.INT8, spec.zero_point)


def roomy(spec: Spec) -> Array:
    """An array of a tensor's shape and type whose end native code may read beyond, aligned."""
    memory = aligned_bytes(_bytes(spec))
    return memory.view(spec.type.dtype).reshape(spec.shape or ())


def _bytes(spec: Spec) -> int:
    return spec.size * spec.type.dtype.itemsize


def _copy(target: Target, size: int) -> Compiled:
    plan = Plan(target)
    if size:
        plan.row(
            COPY, source=source(), target=result(), size=size, source_pitch=0, target_pitch=0, rows=1, work=size // 64
        )
    return plan.done("copy")
