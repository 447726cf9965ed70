"""What the operators that run other graphs share: a call of one, loops and choices of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np

from ..errors import ModelError
from ..model import Graph, Shape, TensorType
from ..op import DYNAMIC, Array, Dynamic, Graphs, Spec, Specs, Step
from ..shapes import volume

Call = Callable[..., tuple[Array, ...]]
"""Another graph as a function of arrays."""

ITERATIONS = 1 << 20
"""How often a loop may go round, unless QENGINE_ITERATIONS says otherwise."""


def call_of(context: Graphs, index: int, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> tuple[list[Spec], Call]:
    """Another graph for such inputs: its outputs' specs, and a function. ModelError where it has others."""
    graph = context.graph(index)
    got = (len(graph.inputs), len(graph.outputs))
    if got != (len(inputs), len(outputs)):
        raise ModelError(
            f"expected graph {index} with {len(inputs)} inputs and {len(outputs)} outputs, got {got[0]} and {got[1]}"
        )
    specs, call = context.prepare(index, inputs)
    for i, (spec, wanted) in enumerate(zip(specs, outputs, strict=True)):
        if spec.type is not wanted.type:
            raise ModelError(f"expected {wanted.type.name} out of graph {index}, got {spec.type.name}", f"outputs[{i}]")
    return list(specs), call


def all_there(specs: Specs) -> list[Spec]:
    """The inputs, none of which is absent."""
    return [specs.input(i) for i in range(len(specs.inputs))]


# --- one of several graphs


def shapes_of_branches(context: Graphs, branches: Sequence[int], specs: Specs) -> Sequence[Shape] | Dynamic:
    """The shapes of a node's outputs, if all branches agree on them. The first input says which branch runs."""
    if not branches:
        raise ModelError("expected a graph to choose, got none", "builtin_options")
    inputs = all_there(specs)[1:]
    found = [[spec.shape for spec in call_of(context, branch, inputs, specs.outputs)[0]] for branch in branches]
    shapes = [shape for shape in found[0] if shape is not None]
    if len(shapes) < len(specs.outputs) or any(other != found[0] for other in found):
        return DYNAMIC
    return shapes


def choosing(context: Graphs, branches: Sequence[int], specs: Specs, choose: Callable[[Array], int]) -> Step:
    """The step that runs the branch that `choose` picks by the first input."""
    calls = [call_of(context, branch, all_there(specs)[1:], specs.outputs)[1] for branch in branches]

    def run(selector: Array, *arrays: Array) -> tuple[Array, ...]:
        return calls[choose(selector)](*arrays)

    return Step(run, f"graphs {', '.join(map(str, branches))}", folds=False)


# --- a graph again and again

Around = Callable[[Sequence[Array]], tuple[Array, ...]]


class Loop:
    """A body that runs as long as a condition holds: both are graphs of the same inputs.

    Where shapes stay, its outputs live where the body's inputs do, one copied after the other. So an output of the
    body that is one of its inputs, but another one, may be copied when that is overwritten already; the condition sees
    it as it was. The runtime does so, and so does this.
    """

    def __init__(self, context: Graphs, condition: int, body: int, specs: Specs) -> None:
        self._context, self._condition, self._body = context, condition, body
        self._specs, self._inputs = specs, all_there(specs)
        if condition == body:
            raise ModelError(f"expected two graphs, got graph {body} twice", "builtin_options")
        if len(specs.outputs) != len(self._inputs):
            raise ModelError(f"expected {len(self._inputs)} outputs, got {len(specs.outputs)}", "outputs")
        self._flag = Spec((), TensorType.BOOL)
        graph = context.graph(body)
        self._sources = [graph.inputs.index(index) if index in graph.inputs else None for index in graph.outputs]

    def shapes(self) -> Sequence[Shape] | Dynamic:
        """What the body makes of the inputs' shapes; DYNAMIC where that isn't known or not the same.

        A number and a vector of one number count as the same.
        """
        holds = call_of(self._context, self._condition, self._inputs, [self._flag])[0][0]
        if holds.shape is not None:
            _check_flag(holds.shape)
        made = [spec.shape for spec in call_of(self._context, self._body, self._inputs, self._specs.outputs)[0]]
        known = [shape for shape in made if shape is not None]
        alike = len(known) == len(made) and all(
            before.shape == after or sum(length[0] for length in (before.shape or (), after) if length) == 1
            for before, after in zip(self._inputs, known, strict=True)
        )
        return known if alike else DYNAMIC

    def step(self) -> Step:
        name = f"graphs {self._condition}, {self._body}"
        if isinstance(self.shapes(), Dynamic):
            return Step(
                lambda *arrays: self._run(list(arrays), list(arrays), self._holds, self._around), name, folds=False
            )
        before = [spec.shape or () for spec in self._inputs]
        after = [spec.shape or () for spec in self._specs.outputs]
        _, condition = call_of(self._context, self._condition, self._inputs, [self._flag])
        _, body = call_of(self._context, self._body, self._inputs, self._specs.outputs)

        def holds(arrays: Sequence[Array]) -> Array:
            return condition(*_shaped(arrays, before))[0]

        def around(arrays: Sequence[Array]) -> tuple[Array, ...]:
            return body(*_shaped(arrays, before))

        rounds = self._context.rounds(self._condition, self._body, self._inputs, self._sources)

        def run(*arrays: Array) -> tuple[Array, ...]:
            if rounds is None:
                return self._run(list(arrays), _shaped(arrays, after), holds, around)
            limit = _limit()
            state = rounds(arrays, limit)
            if state is None:
                raise _goes_on(limit)
            return tuple(np.array(array) for array in _shaped(state, after))

        return Step(run, name, folds=False)

    def _run(
        self, seen: list[Array], state: list[Array], holds: Callable[[Sequence[Array]], Array], around: Around
    ) -> tuple[Array, ...]:
        """seen: what the condition gets; state: what the body gets."""
        limit = _limit()
        for _ in range(limit + 1):
            flag = holds(seen)
            _check_flag(flag.shape)
            if not flag.reshape(-1)[0]:
                return tuple(np.array(array) for array in state)
            seen = list(around(state))
            for i, (source, result) in enumerate(zip(self._sources, seen, strict=True)):
                state[i] = result if source is None else state[source].reshape(result.shape)
        raise _goes_on(limit)

    def _holds(self, arrays: Sequence[Array]) -> Array:
        """The condition of arrays whatever their shapes."""
        return call_of(self._context, self._condition, self._like(arrays), [self._flag])[1](*arrays)[0]

    def _around(self, arrays: Sequence[Array]) -> tuple[Array, ...]:
        """The body of arrays whatever their shapes."""
        return call_of(self._context, self._body, self._like(arrays), self._specs.outputs)[1](*arrays)

    def _like(self, arrays: Sequence[Array]) -> list[Spec]:
        return [Spec(array.shape, spec.type) for spec, array in zip(self._inputs, arrays, strict=True)]


def _limit() -> int:
    return int(os.environ.get("QENGINE_ITERATIONS", ITERATIONS))


def _goes_on(limit: int) -> ModelError:
    return ModelError(
        f"expected a loop that ends within {limit} rounds, got one that goes on "
        "(the environment variable QENGINE_ITERATIONS raises the limit)"
    )


def _shaped(arrays: Sequence[Array], shapes: Sequence[Shape]) -> list[Array]:
    return [array.reshape(shape) for array, shape in zip(arrays, shapes, strict=True)]


def _check_flag(shape: Shape) -> None:
    if shape not in ((), (1,)):
        raise ModelError(f"expected one flag out of the condition, got shape {list(shape)}")


def one_element(spec: Spec, kind: TensorType, where: str) -> None:
    """Refuses an operand that isn't one element of this type."""
    if spec.type is not kind or (spec.shape is not None and volume(spec.shape) != 1):
        raise ModelError(f"expected one {kind.name}, got {spec.type.name}{list(spec.shape or ())}", where)


def graph_without_operands(context: Graphs, index: int) -> Graph:
    """A graph that takes and gives nothing."""
    graph = context.graph(index)
    if graph.inputs or graph.outputs:
        raise ModelError(f"expected graph {index} without inputs and outputs", "builtin_options")
    return graph
