"""A loop whose shapes stay: two prepared graphs run in turn, on arrays that stay where they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .kernels.emit.fill import COPY
from .kernels.emit.plan import BoundRow, Plan
from .kernels.emit.program import Program as Rows
from .kernels.emit.target import Target
from .kernels.emit.walker import ROUNDS, WALK
from .op import Array

if TYPE_CHECKING:
    from .program import Program


class Rounds:
    """The body's outputs become its inputs, and the condition's, after each round: copied one after the other.

    sources: per output of the body the number of its input that it is, or None. What the condition sees is the output
    as it was; an input that is an output elsewhere may be overwritten when it is copied, as in the runtime.
    """

    def __init__(self, condition: Program, body: Program, sources: Sequence[int | None], target: Target | None) -> None:
        self._condition, self._body = condition, body
        self._seen, self._state = _arrays(condition, condition.graph.inputs), _arrays(body, body.graph.inputs)
        made = _arrays(body, body.graph.outputs)
        (self._flag,) = _arrays(condition, condition.graph.outputs)
        state = self._state
        later = [(result if source is None else state[source]) for source, result in zip(sources, made, strict=True)]
        pairs = [*zip(made, self._seen, strict=True), *zip(later, state, strict=True)]
        self._pairs = [(a, b) for a, b in pairs if a is not b]
        self._copies = _copies(self._pairs, target)
        self._whole = None if target is None else self._as_one(target)

    def _as_one(self, target: Target) -> Rows | None:
        """All rounds but the first check as one native call, where both graphs are one each."""
        tables = []
        for program in (self._body, self._condition):
            native = program.calls[0].native if len(program.calls) == 1 else None
            if native is None or not native.rows or native.threads > 1:
                return None
            tables.append((int(native.table.ctypes.data), native.rows))
        body, condition = (BoundRow(WALK.name, table, 1) for table in tables)
        self._round = Rows([[body], *_stages(self._pairs, target), [condition]], target)
        self._most = np.zeros(1, np.int64)
        places = (self._flag.ctypes.data, self._most.ctypes.data)
        row = BoundRow(ROUNDS.name, (int(self._round.table.ctypes.data), self._round.rows, *places), 1)
        return Rows([[row]], target)

    def _run_whole(self, limit: int) -> list[Array] | None:
        assert self._whole is not None
        self._condition.run()
        flag = self._flag.reshape(-1)
        if flag[0] and limit > 0:
            self._most[0] = limit
            self._whole.run()
            for program in (self._body, self._condition):
                if program.calls[0].check is not None:
                    program.calls[0].check()
        return None if flag[0] else self._state

    @staticmethod
    def suit(condition: Program, body: Program) -> bool:
        """Whether every array is there already, and outputs are as large as the inputs that they become."""
        graphs = condition.graph, body.graph
        if len(graphs[0].outputs) != 1 or len(graphs[0].inputs) != len(graphs[1].inputs):
            return False
        for program, indices in zip((condition, body), graphs, strict=True):
            used = {*indices.inputs, *indices.outputs}
            if any(program.values[i] is None or program.specs[i].type.dtype.hasobject for i in used):
                return False
            if any(program.specs[i].shape is None or program.specs[i].value is not None for i in indices.inputs):
                return False
        inputs, outputs = _arrays(body, body.graph.inputs), _arrays(body, body.graph.outputs)
        seen = _arrays(condition, condition.graph.inputs)
        triples = zip(inputs, outputs, seen, strict=True)
        return all(a.nbytes == b.nbytes == c.nbytes > 0 and a.dtype == b.dtype == c.dtype for a, b, c in triples)

    def run(self, arrays: Sequence[Array], limit: int) -> list[Array] | None:
        """The state when the condition no longer holds, as it lies; None where it still does after so many rounds."""
        for array, seen, state in zip(arrays, self._seen, self._state, strict=True):
            seen[...] = array.reshape(seen.shape)
            state[...] = array.reshape(state.shape)
        if self._whole is not None:
            return self._run_whole(limit)
        check, body, copies, flag = self._condition.run, self._body.run, self._copies, self._flag.reshape(-1)
        for _ in range(limit + 1):
            check()
            if not flag[0]:
                return self._state
            body()
            copies()
        return None


def _arrays(program: Program, indices: Sequence[int]) -> list[Array]:
    found = [program.values[i] for i in indices]
    return [array for array in found if array is not None]


def _copies(pairs: Sequence[tuple[Array, Array]], target: Target | None) -> Callable[[], None]:
    """Copies each first array to the second, in order."""
    if target is None or not all(a.flags.c_contiguous and b.flags.c_contiguous for a, b in pairs):

        def by_numpy() -> None:
            for a, b in pairs:
                np.copyto(b, a.reshape(b.shape))

        return by_numpy
    return Rows(_stages(pairs, target), target).run


def _stages(pairs: Sequence[tuple[Array, Array]], target: Target) -> list[list[BoundRow]]:
    plan = Plan(target)
    for a, b in pairs:
        plan.row(
            COPY, source=a.ctypes.data, target=b.ctypes.data, size=b.nbytes, source_pitch=0, target_pitch=0, rows=1,
            work=1,
        )  # fmt: skip
        plan.then()
    return plan.done("copies").bind([], [])
