"""Memory whose every byte before the start or after the end faults, and compiled operations run on it."""

from __future__ import annotations

import ctypes
import itertools
import mmap
import os

import numpy as np

from qengine.kernels.emit.plan import SLACK, Compiled
from qengine.kernels.emit.program import Program

PAGE = mmap.PAGESIZE
CANARY = 0xA5
_turn = itertools.count()


class Memory:
    """`size` bytes and `slack` more, then (or, where `at_start`, before them) a page that can't be touched."""

    def __init__(self, size, slack=0, *, at_start):
        self.size = size
        room = -(-max(1, size + slack) // PAGE) * PAGE
        self._map = mmap.mmap(-1, room + 2 * PAGE)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        whole = np.frombuffer(self._map, np.uint8)
        whole[:] = CANARY
        start = PAGE if at_start else PAGE + room - size - slack
        self.address = base + start
        self.bytes = whole[start : start + size]
        self._before, self._after = whole[PAGE:start], whole[start + size : PAGE + room]
        if os.name == "posix":
            libc = ctypes.CDLL(None)
            for page in (base, base + PAGE + room):
                assert libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(PAGE), 0) == 0

    @property
    def is_clean(self):
        """Whether nobody wrote around the bytes."""
        return bool((self._before == CANARY).all() and (self._after == CANARY).all())


def run(compiled, inputs, shape, dtype):
    """What a compiled operation gives for arrays, checked for reads and writes where it has no business.

    Inputs may be read SLACK bytes beyond their end, the output may be touched nowhere else.
    """
    assert isinstance(compiled, Compiled), compiled
    at_start = next(_turn) % 2 == 0
    memories = [Memory(x.nbytes, SLACK, at_start=at_start) for x in inputs]
    for memory, x in zip(memories, inputs, strict=True):
        memory.bytes[:] = np.ascontiguousarray(x).reshape(-1).view(np.uint8) ^ flip(x.dtype)
    before = [memory.bytes.copy() for memory in memories]
    output = Memory(int(np.prod(shape)) * np.dtype(dtype).itemsize, at_start=at_start)
    scratch = Memory(compiled.scratch, at_start=at_start)
    stages = compiled.bind([memory.address for memory in memories], [output.address], scratch.address)
    Program(stages, compiled.target).run()
    assert all(memory.is_clean for memory in (*memories, output, scratch))
    assert all(np.array_equal(memory.bytes, old) for memory, old in zip(memories, before, strict=True))
    return (output.bytes ^ flip(dtype)).view(dtype).reshape(shape)


def flip(dtype):
    return np.uint8(0x80 if np.dtype(dtype) == np.int8 else 0)
