"""Other graphs run as rows of the one that calls them: once, or two in turn as a loop whose shapes stay.

Their inputs and outputs stay where they are; they are copied there and back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .kernels.emit.fill import COPY
from .kernels.emit.flip import FLIP
from .kernels.emit.plan import FAULT, BoundRow, Compiled, Place, Plan, result, source
from .kernels.emit.program import Program as Rows
from .kernels.emit.target import Target
from .kernels.emit.walker import ROUNDS, WALK
from .model import TensorType
from .op import Array, Spec, Specs

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
        self._round = None if target is None else self._as_one(target)

    def _as_one(self, target: Target) -> Rows | None:
        """A round as one table: the body, copies, the condition; None where the graphs aren't a native call each."""
        tables = [_table(program) for program in (self._body, self._condition)]
        if tables[0] is None or tables[1] is None:
            return None
        body, condition = (BoundRow(WALK.name, table, 1) for table in tables if table is not None)
        return Rows([[body], *_stages(self._pairs, target), [condition]], target)

    def compiled(self, target: Target, specs: Specs, limit: int) -> Compiled | str:
        """Inputs copied to where the graphs have them, the condition, the rounds, and what is left copied out."""
        condition = _table(self._condition)
        if self._round is None or condition is None:
            return "its graphs are not one native call each"
        plan = Plan(target)
        for i, (seen, state) in enumerate(zip(self._seen, self._state, strict=True)):
            for array in (seen, state):
                _copy(plan, specs.input(i), source(i), array.ctypes.data, array.nbytes)
        plan.then()
        plan.row(WALK, table=condition[0], rows=condition[1], work=1)
        plan.then()
        plan.row(
            ROUNDS, table=self._round.table.ctypes.data, rows=self._round.rows, flag=self._flag.ctypes.data, most=limit,
            fault=FAULT, work=1,
        )  # fmt: skip
        plan.then()
        for i, state in enumerate(self._state):
            _copy(plan, specs.outputs[i], state.ctypes.data, result(i), state.nbytes)
        fault = (
            "expected a loop that ends within {number} rounds, got one that goes on (the environment variable "
            "QENGINE_ITERATIONS raises the limit) - at `{place}`"
        )
        return replace(plan.done("all rounds in one call", fault), after=(self._check,))

    def _check(self) -> None:
        for program in (self._body, self._condition):
            check = program.calls[0].check
            if check is not None:
                check()

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
        check, body, copies, flag = self._condition.run, self._body.run, self._copies, self._flag.reshape(-1)
        for _ in range(limit + 1):
            check()
            if not flag[0]:
                return self._state
            body()
            copies()
        return None


class Once:
    """A graph that is one native call, as rows of another."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def compiled(self, target: Target, specs: Specs) -> Compiled | str:
        """For a node's operands: inputs copied in, the graph, outputs copied out; or why not."""
        program, table = self._program, _table(self._program)
        graph = program.graph
        inputs, outputs = _arrays(program, graph.inputs), _arrays(program, graph.outputs)
        found = [*zip(specs.inputs, inputs, strict=False), *zip(specs.outputs, outputs, strict=False)]
        there = len(inputs) == len(specs.inputs) and len(outputs) == len(specs.outputs)
        given = any(program.specs[i].value is not None for i in graph.inputs)
        if table is None or not there or given or not all(_fits(spec, array) for spec, array in found):
            return "its graph is not one native call"
        plan = Plan(target)
        for i, array in enumerate(inputs):
            _copy(plan, specs.input(i), source(i), array.ctypes.data, array.nbytes)
        plan.then()
        plan.row(WALK, table=table[0], rows=table[1], work=1)
        plan.then()
        for i, array in enumerate(outputs):
            _copy(plan, specs.outputs[i], array.ctypes.data, result(i), array.nbytes)
        return replace(plan.done("rows of another graph"), after=(self._check,))

    def _check(self) -> None:
        check = self._program.calls[0].check
        if check is not None:
            check()


def _fits(spec: Spec | None, array: Array) -> bool:
    if spec is None or spec.type.dtype != array.dtype or spec.type.dtype.hasobject or not array.flags.c_contiguous:
        return False
    return array.nbytes == spec.size * array.itemsize > 0


def _table(program: Program) -> tuple[int, int] | None:
    """Address and number of the rows of a graph that is one native call on one thread."""
    native = program.calls[0].native if len(program.calls) == 1 else None
    if native is None or not native.rows or native.threads > 1:
        return None
    return int(native.table.ctypes.data), native.rows


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


def _copy(plan: Plan, spec: Spec, origin: Place | int, target: Place | int, size: int) -> None:
    """Between native memory and where NumPy has a tensor."""
    if spec.type is TensorType.INT8:
        plan.row(FLIP, a=origin, out=target, size=size, work=1)
    else:
        plan.row(COPY, source=origin, target=target, size=size, source_pitch=0, target_pitch=0, rows=1, work=1)
