"""Worker threads that share the rows of a program with the thread that runs it.

Each thread has a list of segments: rows that follow one another, then a barrier where all meet. Who waits spins for
some microseconds, then yields the processor at every look. A worker that finds nothing to do for a while goes to sleep
in a lock of Python's; the next run wakes it. In native code threads hold no lock of the interpreter.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
import weakref
from collections.abc import Callable

import numpy as np

from . import native
from .language import I1, I32, I64, POINTER, VOID, Function, Value
from .plan import Family, aligned
from .target import Target

SPINS = 2000
"""Looks at a word before the processor is yielded at every further look: some ten microseconds."""
PATIENCE = SPINS + 300
"""Looks before a worker without work goes to sleep."""
FOREVER = 1 << 62

# Words of the memory that a crew shares, each in a cache line of its own.
_POSTED, _ORDERS, _ARRIVED, _GENERATION, _SEEN = 0, 64, 128, 192, 256
_LINE = 64


def _load(place: Value, offset: int) -> Value:
    """A word that another thread writes, and all that it wrote before."""
    return place.function.emit(I64, f"load atomic i64, ptr {(place + offset).name} acquire, align 8")


def _store(place: Value, offset: int, value: Value | int) -> None:
    """A word for other threads, and before it all that was written."""
    word = place.function.constant(value, I64)
    place.function.write(f"store atomic i64 {word.name}, ptr {(place + offset).name} release, align 8")


def _wait(f: Function, look: Callable[[], Value], give_way: Value, limit: int) -> Value:
    """Until `look` gives true, or `limit` looks; whether it did."""
    with f.loop(limit, spins=f.constant(0, I64), found=f.constant(0, I1)) as each:
        each.found = look()
        if f.target.is_x86:
            f.call("llvm.x86.sse2.pause", VOID)
        with f.when(each.spins > SPINS):
            f.emit(I32, f"call i32 {give_way.name}()")
        each.spins = each.spins + 1
        each.stop_when(each.found)
    found: Value = each.found
    return found


def _meet(f: Function, control: Value, parties: Value, give_way: Value) -> None:
    """Until all parties are here."""
    generation = _load(control, _GENERATION)
    before = f.emit(I64, f"atomicrmw add ptr {(control + _ARRIVED).name}, i64 1 acq_rel, align 8")
    with f.when((before + 1).equals(parties)):
        _store(control, _ARRIVED, 0)
        _store(control, _GENERATION, generation + 1)
    _wait(f, lambda: _load(control, _GENERATION).equals(generation) ^ 1, give_way, FOREVER)


def _march(f: Function, orders: Value, control: Value, parties: Value, give_way: Value) -> None:
    """A thread's segments (where its rows begin, how many), one barrier after each."""
    with f.loop(orders.load(I64, 8, 8), segment=orders.load(POINTER, 0, 8)) as each:
        with f.loop(each.segment.load(I64, 8, 8), True, row=each.segment.load(POINTER, 0, 8)) as walk:
            f.call_kernel(walk.row.load(POINTER, 0, 8), walk.row + 16)
            walk.row = walk.row + walk.row.load(I64, 8, 8)
        _meet(f, control, parties, give_way)
        each.segment = each.segment + 16


def _write_lead(f: Function) -> None:
    """Posts the orders of all threads, and carries out the first."""
    row = f.arguments(LEAD.slots)
    _store(row.control, _ORDERS, f.emit(I64, f"ptrtoint ptr {row.orders.name} to i64"))
    _store(row.control, _POSTED, _load(row.control, _POSTED) + 1)
    _march(f, row.orders, row.control, row.parties, row.give_way)


LEAD = Family("lead", "*control *orders #parties *give_way", _write_lead)


def _write_serve(f: Function) -> None:
    """Carries out orders as they are posted, until none come for a while."""
    row = f.arguments(SERVE.slots)
    own = row.control + row.seen
    with f.loop(FOREVER) as again:
        seen = own.load(I64, 0, 8)
        found = _wait(f, lambda: _load(row.control, _POSTED).equals(seen) ^ 1, row.give_way, PATIENCE)
        with f.when(found):
            own.store(seen + 1)
            orders = f.emit(POINTER, f"inttoptr i64 {_load(row.control, _ORDERS).name} to ptr") + (row.index << 4)
            _march(f, orders, row.control, row.parties, row.give_way)
        again.stop_when(found ^ 1)


SERVE = Family("serve", "*control seen index #parties *give_way", _write_serve)


def processors() -> int:
    """How many processors this process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def _way_to_yield() -> int:
    """The address of the system's function that lets other threads run."""
    if sys.platform == "win32":
        function = ctypes.WinDLL("kernel32").SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


class _Shared:
    """What a crew's threads share; they hold no reference to the crew, so that it can be collected while they live."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.memory = aligned(np.zeros(_SEEN + _LINE * size, np.uint8))
        self.start_over()

    def start_over(self) -> None:
        """As if no thread had ever been started: also what is true after a fork, in the child."""
        self.memory[:] = 0
        self.lock = threading.Lock()
        self.leading = False
        self.closing = False
        self.asleep = [True] * self.size
        self.wake = [threading.Lock() for _ in range(self.size)]
        self.threads: list[threading.Thread] = []
        for lock in self.wake:
            lock.acquire()

    def rouse(self) -> None:
        """Wakes who sleeps. The lock must be held."""
        for index in range(len(self.threads)):
            if self.asleep[index]:
                self.asleep[index] = False
                self.wake[index].release()


def _work(shared: _Shared, index: int, serve: Callable[[], None]) -> None:
    """A worker's life: sleep, serve while there is work, sleep."""
    while True:
        shared.wake[index].acquire()
        while True:
            with shared.lock:
                if shared.closing:
                    return
            serve()
            with shared.lock:
                if not shared.leading and not shared.closing:
                    shared.asleep[index] = True
                    break


def _close(shared: _Shared) -> None:
    """Ends the threads; waits for them but where a worker itself collects its crew."""
    with shared.lock:
        shared.closing = True
        shared.rouse()
    for thread in shared.threads:
        if thread is not threading.current_thread():
            thread.join()


class Crew:
    """`size` threads, the calling one included. The others start with the first run and end with the crew."""

    def __init__(self, size: int, variant: Target) -> None:
        self.size = size
        self._variant = variant
        self._turn = threading.Lock()
        self._shared = _Shared(size - 1)
        _crews.add(self)
        weakref.finalize(self, _close, self._shared)

    @functools.cached_property
    def _native(self) -> tuple[Callable[[ctypes.c_void_p], None], Callable[[ctypes.c_void_p], None]]:
        """The kernels that lead and serve."""
        addresses = native.addresses({LEAD.name, SERVE.name}, self._variant)
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
        return function(addresses[LEAD.name]), function(addresses[SERVE.name])

    @property
    def _control(self) -> int:
        return int(self._shared.memory.ctypes.data)

    def orders(self, address: int) -> tuple[int, ...]:
        """The arguments for `run`, of orders at this address: per thread where its segments begin, and how many."""
        return self._control, address, self.size, _way_to_yield()

    def run(self, arguments: ctypes.c_void_p) -> bool:
        """All threads carry out the orders; False, and nothing done, where no threads can be started."""
        with self._turn:
            shared = self._shared
            if not shared.threads and not self._start():
                return False
            with shared.lock:
                shared.leading = True
                shared.rouse()
            try:
                self._native[0](arguments)
            finally:
                shared.leading = False
        return True

    def _start(self) -> bool:
        shared = self._shared
        try:
            for index in range(shared.size):
                seen = _SEEN + _LINE * index
                arguments = np.array([self._control, seen, index + 1, self.size, _way_to_yield()], np.int64)
                serve = _Serving(self._native[1], arguments)
                thread = threading.Thread(target=_work, args=(shared, index, serve), name="qengine", daemon=True)
                thread.start()
                shared.threads.append(thread)
        except RuntimeError:  # the system gives no more threads
            _close(shared)
            shared.start_over()
            return False
        return True


class _Serving:
    """The native call of a worker, and the memory that it reads."""

    def __init__(self, serve: Callable[[ctypes.c_void_p], None], arguments: np.ndarray[tuple[int], np.dtype[np.int64]]):
        self._serve, self._arguments = serve, arguments
        self._pointer = ctypes.c_void_p(arguments.ctypes.data)

    def __call__(self) -> None:
        self._serve(self._pointer)


_crews: weakref.WeakSet[Crew] = weakref.WeakSet()


def _after_fork() -> None:
    """In a child process there are no workers: each crew starts its own when it next runs."""
    for crew in _crews:
        crew._turn = threading.Lock()
        crew._shared.start_over()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_after_fork)
