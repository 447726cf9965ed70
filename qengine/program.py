"""A model prepared to run: shapes inferred, every node planned once, then a flat list of steps."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from . import memory
from .chains import Chains, find_chains
from .errors import ModelError, Unsupported
from .kernels import emit
from .kernels.emit.native import NoNativeCode, variant
from .kernels.emit.target import Target
from .kernels.profile import Profile
from .model import Blockwise, External, Graph, Model, Node, Shape, Tensor, TensorType
from .native import Assembly, Call, Part, roomy
from .op import Array, CustomKernel, Dynamic, Graphs, Op, Spec, Specs, Step
from .ops import custom
from .rounds import Rounds
from .sparsity import dense

_PLAIN = {
    TensorType.FLOAT32,
    TensorType.FLOAT16,
    TensorType.FLOAT64,
    TensorType.INT8,
    TensorType.UINT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
    TensorType.BOOL,
}

PREPARED = 64
"""How many graphs that other graphs call stay prepared: one each for every shape of their inputs."""


class Runtime:
    """A model being run in one profile: a Program for each graph in use, and the state that outlives a call.

    after: told of each run of a graph that another graph calls, for those who watch every tensor.
    """

    def __init__(
        self,
        model: Model,
        profile: Profile,
        *,
        keep_all: bool = False,
        native: bool = True,
        guard: bool = False,
        threads: int = 1,
        separate: bool = False,
        kernels: Mapping[str, CustomKernel] | None = None,
        after: Callable[[Program], None] | None = None,
    ) -> None:
        """keep_all: every tensor can be read after a call. native: whether compiled kernels may run (QENGINE_CPU=none
        says no too). guard: native steps run one by one, and memory around every tensor is watched. threads: among how
        many native steps may be shared, at most one a processor. separate: native steps run one by one, to be timed.
        kernels: of custom operators, by custom code; they go before those that come with qengine."""
        self.model = model
        self.profile = profile
        self.keep_all = keep_all
        self.guard = guard
        self.separate = separate
        self.kernels = dict(kernels or {})
        self.after = after
        self.crew: emit.crew.Crew | None = None
        self.target: Target | None = None
        self.no_native = "native code was not asked for"
        if os.environ.get("QENGINE_CPU") == "none":
            self.no_native = "QENGINE_CPU is none"
        elif native:
            try:
                self.target = variant()
                if threads > 1 and (size := min(threads, emit.crew.processors())) > 1:
                    self.crew = emit.crew.Crew(size, self.target)
            except NoNativeCode as error:
                self.no_native = str(error)
        self.resources: dict[Any, Any] = {}
        self._prepared: dict[Any, Program] = {}
        self._preparing: set[int] = set()

    def graph(self, index: int) -> Graph:
        """Another graph of the model."""
        if not 0 <= index < len(self.model.graphs):
            raise ModelError(f"expected one of {len(self.model.graphs)} graphs, got {index}")
        return self.model.graphs[index]

    def prepare(self, graph: int, inputs: Sequence[Spec]) -> tuple[Sequence[Spec], Callable[..., tuple[Array, ...]]]:
        """Another graph of the model, for an operator to call: its outputs' specs and a function of arrays."""
        self.graph(graph)
        tensors = self.model.graphs[graph].tensors
        for i, (spec, index) in enumerate(zip(inputs, self.model.graphs[graph].inputs, strict=False)):
            if 0 <= index < len(tensors) and tensors[index].type is not spec.type:
                place = f"$.subgraphs[{graph}].inputs[{i}]"
                got = tensors[index].type.name
                raise ModelError(f"expected {spec.type.name} as it is called with, got {got}", place)
        key = (graph, tuple((spec.shape, spec.type) for spec in inputs))
        program = self._prepared.pop(key, None) or self._prepare(graph, inputs)
        self._prepared[key] = program
        if len(self._prepared) > PREPARED and not any(tensor.is_variable for tensor in tensors):
            self._prepared.pop(next(iter(self._prepared)))
        return [program.specs[index] for index in program.graph.outputs], program.call

    def rounds(
        self, condition: int, body: int, inputs: Sequence[Spec], sources: Sequence[int | None]
    ) -> Callable[[Sequence[Array], int], list[Array] | None] | None:
        """Two other graphs as a loop on arrays that stay where they are; None where that can't be or all is watched."""
        if self.after is not None or self.keep_all:
            return None
        key = tuple((spec.shape, spec.type) for spec in inputs)
        programs = [self._prepared.get((graph, key)) for graph in (condition, body)]
        if programs[0] is None or programs[1] is None or not Rounds.suit(programs[0], programs[1]):
            return None
        return Rounds(programs[0], programs[1], sources, self.target).run

    def _prepare(self, graph: int, inputs: Sequence[Spec]) -> Program:
        if graph in self._preparing:
            raise ModelError("expected a graph that doesn't call itself, got one that does", f"$.subgraphs[{graph}]")
        self._preparing.add(graph)
        try:
            program = Program(self, graph)
            program.prepare([spec.shape for spec in inputs])
        finally:
            self._preparing.discard(graph)
        return program

    def custom(self, custom_code: str) -> CustomKernel | None:
        """What reads custom operators of this code, or None."""
        return self.kernels.get(custom_code) or custom.find(custom_code)


@dataclass
class Prepared:
    """A node with its step, which is None until the shapes of its inputs are known, while running.

    folded: its outputs are constants, computed already. kernel, why: what runs, and for which reason.
    frees: tensors that no later node needs.
    """

    index: int
    node: Node
    step: Step | None
    folded: bool = False
    kernel: str = ""
    why: str = ""
    frees: tuple[int, ...] = ()


class Program:
    """One graph, prepared for given input shapes.

    specs: per tensor what is known of it; values: per tensor its array, or None where it isn't computed (yet).
    calls: what a run does, in order.
    Arrays of inputs, outputs and variables stay where they are as long as their shape does.
    """

    def __init__(self, runtime: Runtime, graph: int) -> None:
        self.runtime = runtime
        self.graph: Graph = runtime.model.graphs[graph]
        self.place = f"$.subgraphs[{graph}]"
        self.specs: list[Spec] = []
        self.values: list[Array | None] = []
        self.overrides: dict[int, Array] = {}
        self._steps: list[Prepared] = []
        self._cache: dict[Any, tuple[Step, tuple[Spec, ...]]] = {}

    # --- preparing

    def prepare(self, shapes: Sequence[Shape | None]) -> None:
        """Plans every node for inputs of these shapes. ModelError where a node can't be."""
        graph = self.graph
        self._check_indices()
        self.specs = [self._spec(index, tensor) for index, tensor in enumerate(graph.tensors)]
        for index, shape in zip(graph.inputs, shapes, strict=True):
            self.specs[index] = replace(self.specs[index], shape=shape)
        self._known = {index for index in graph.inputs if self.specs[index].shape is not None}
        self._known |= {i for i, spec in enumerate(self.specs) if spec.value is not None or spec.is_variable}
        self._cache.clear()
        self._steps = []
        for index, node in enumerate(graph.nodes):
            self._steps.append(self._prepare_node(index, node))
        self._allocate()
        self._plan_frees()
        self._assemble()

    def _spec(self, index: int, tensor: Tensor) -> Spec:
        value = self.overrides.get(index)
        if value is None and tensor.is_constant:
            try:
                value = self._constant(tensor)
            except ValueError as error:
                raise ModelError(str(error), f"{self.place}.tensors[{index}]") from error
        shape = tensor.shape or ()
        return Spec(
            shape,
            tensor.type,
            tensor.quantization,
            value,
            tensor.is_variable,
            tensor.name,
            block_scale=block_scale_of(self.graph, tensor),
        )

    @staticmethod
    def _constant(tensor: Tensor) -> Array:
        if isinstance(tensor.data, External):
            raise ValueError(f"expected a constant with its bytes loaded, got one in {tensor.data.group!r}")
        return tensor.array if tensor.sparsity is None else dense(tensor)

    def _check_indices(self) -> None:
        graph, count = self.graph, len(self.graph.tensors)

        def check(indices: Sequence[int], where: str, lowest: int) -> None:
            for position, index in enumerate(indices):
                if not lowest <= index < count:
                    raise ModelError(
                        f"expected a tensor index from {lowest} to {count - 1}, got {index}",
                        f"{self.place}.{where}[{position}]",
                    )

        check(graph.inputs, "inputs", 0)
        check(graph.outputs, "outputs", 0)
        for number, node in enumerate(graph.nodes):
            check(node.inputs, f"operators[{number}].inputs", -1)
            check(node.outputs, f"operators[{number}].outputs", 0)
            check(node.intermediates or (), f"operators[{number}].intermediates", -1)

    def _prepare_node(self, index: int, node: Node) -> Prepared:
        if any(i >= 0 and i not in self._known for i in node.inputs):
            for i in node.outputs:
                self._known.discard(i)
                self.specs[i] = replace(self.specs[i], shape=None)
            return Prepared(index, node, None)
        step, outputs = self._plan(index, node)
        folded = step.constant or self._fold(index, node, step)
        if folded is not None:
            pairs = zip(outputs, folded, strict=True)
            outputs = tuple(replace(spec, shape=value.shape, value=value, folded=True) for spec, value in pairs)
        for i, spec in zip(node.outputs, outputs, strict=True):
            self.specs[i] = spec
            if spec.shape is None:
                self._known.discard(i)
            else:
                self._known.add(i)
        return Prepared(index, node, step, folded is not None)

    def _plan(self, index: int, node: Node) -> tuple[Step, tuple[Spec, ...]]:
        place = f"{self.place}.operators[{index}]"
        op = node.op

        def spec(i: int) -> Spec | None:
            return None if i < 0 else self.specs[i]

        outputs = tuple(self.specs[i] for i in node.outputs)
        intermediates = tuple(spec(i) for i in node.intermediates or ())
        specs = Specs(tuple(spec(i) for i in node.inputs), outputs, intermediates)
        try:
            return plan_node(op, specs, self.runtime.profile, self.runtime)
        except Unsupported as error:
            types = ", ".join("none" if s is None else s.type.name for s in specs.inputs)
            results = ", ".join(s.type.name for s in specs.outputs)
            what = f"{op.name} version {node.version} ({types} -> {results})"
            raise Unsupported(f"{what}: {error.message}", error.where).within(place) from error
        except ModelError as error:
            raise ModelError(f"{op.name}: {error.message}", error.where).within(place) from error

    def _fold(self, index: int, node: Node, step: Step) -> tuple[Array, ...] | None:
        """The outputs of a node whose inputs are all constants."""
        if not step.folds or any(i in self.graph.inputs for i in node.outputs):
            return None
        arguments = [None if i < 0 else self.specs[i].value for i in node.inputs]
        if any(i >= 0 and value is None for i, value in zip(node.inputs, arguments, strict=True)):
            return None
        with np.errstate(all="ignore"):
            try:
                result = step.run(*arguments)
            except ModelError as error:
                raise error.within(f"{self.place}.operators[{index}]") from error
        return result if isinstance(result, tuple) else (result,)

    def _allocate(self) -> None:
        """Arrays for inputs, outputs and variables; constants as they are. RuntimeError where they are too large."""
        unmade = [spec for spec in self.specs if spec.value is None and spec.shape is not None]
        memory.check(sum(spec.size * spec.type.dtype.itemsize for spec in unmade), self.place)
        before = self.values or [None] * len(self.specs)
        self.values = [spec.value for spec in self.specs]
        self.persistent = {*self.graph.inputs, *self.graph.outputs}
        self.persistent |= {i for i, spec in enumerate(self.specs) if spec.is_variable}
        for i in self.persistent:
            spec, old = self.specs[i], before[i]
            if spec.value is not None or spec.shape is None:
                continue
            kept = old is not None and old.shape == spec.shape and old.flags.writeable
            self.values[i] = old if kept else _empty(spec)

    def _assemble(self) -> None:
        """Joins compiled steps into native calls, in between the steps that NumPy runs."""
        self._native: Assembly | None = None
        self.calls: list[Call] = []
        parts = self._parts()
        actions: Sequence[Call | Part] = parts
        if any(part.compiled is not None for part in parts):
            assert self.runtime.target is not None
            self._native = Assembly(
                self.runtime.target,
                parts,
                self.specs,
                self.values,
                self.persistent,
                self.runtime.keep_all,
                self.runtime.guard,
                self.runtime.crew,
                self.runtime.separate,
                self.place,
            )
            actions = self._native.calls()
        for action in actions:
            if isinstance(action, Part):
                action = Call(partial(self._run_node, self._steps[action.index]), (action.index,))
            self.calls.append(action)

    def _parts(self) -> list[Part]:
        """What runs, in order, chains of functions of one tensor joined unless every tensor is to be there."""
        target, chains = self.runtime.target, Chains()
        if target is not None and not self.runtime.keep_all:
            nodes = [(prepared.node, None if prepared.folded else prepared.step) for prepared in self._steps]
            chains = find_chains(nodes, self.specs, self.persistent)
        parts = []
        for prepared in self._steps:
            if prepared.folded:
                continue
            if prepared.index in chains.dropped:
                prepared.kernel, prepared.why = "joined", f"into operator {chains.dropped[prepared.index]}"
                continue
            chain = chains.ends.get(prepared.index)
            if chain is None or target is None:
                parts.append(self._part(prepared))
                continue
            size = self.specs[prepared.node.outputs[0]].size
            compiled = emit.lookup.plan_lookup(target, [(size, chain.stored)])
            prepared.kernel = f"native {prepared.step.kernel if prepared.step is not None else ''}"
            prepared.why = f"table of a chain from tensor {chain.root}"
            parts.append(Part(prepared.index, (chain.root,), prepared.node.outputs, compiled))
        return parts

    def _part(self, prepared: Prepared) -> Part:
        """A node with its rows, where it has a native kernel that can run here; else with the reason why not."""
        node, step = prepared.node, prepared.step
        part = Part(prepared.index, node.inputs, node.outputs)
        prepared.kernel, prepared.why = "numpy", "its shapes come while running"
        if step is None:
            return part
        prepared.kernel, prepared.why = step.kernel, step.why
        touched = [self.specs[i] for i in (*node.inputs, *node.outputs) if i >= 0]
        if any(spec.shape is None or (spec.is_variable and not step.stateful) for spec in touched):
            return part
        if step.alias and not self.specs[node.outputs[0]].type.dtype.hasobject:
            part.alias, prepared.kernel = True, "alias"
            return part
        if step.compiled is None or any(0 in (spec.shape or ()) for spec in touched):
            return part
        if self.runtime.target is None:
            prepared.why = self.runtime.no_native
            return part
        compiled = step.compiled(self.runtime.target)
        if isinstance(compiled, str):
            prepared.why = compiled
        else:
            part.compiled, prepared.kernel, prepared.why = compiled, f"native {step.kernel}", compiled.why
        return part

    def _plan_frees(self) -> None:
        """Marks each value that is no longer needed after a node, so that memory doesn't grow with depth."""
        if self.runtime.keep_all:
            return
        seen = set(self.persistent) | {i for i, spec in enumerate(self.specs) if spec.value is not None}
        for prepared in reversed(self._steps):
            touched = {i for i in (*prepared.node.inputs, *prepared.node.outputs) if i >= 0} - seen
            prepared.frees = tuple(touched)
            seen |= touched

    def fixed_arrays(self) -> dict[int, Array]:
        """Inputs and outputs of known shape, by tensor: arrays that stay while the program does. No strings, no types
        that NumPy lacks, no constants."""
        arrays = {}
        for i in (*self.graph.inputs, *self.graph.outputs):
            value, type_ = self.values[i], self.specs[i].type
            if value is not None and value.flags.writeable and type_ in _PLAIN and self.specs[i].shape is not None:
                arrays[i] = value
        return arrays

    # --- running

    @property
    def run(self) -> Callable[[], None]:
        """Runs all nodes in order on the values that are there. RuntimeError where a value makes a node impossible."""
        return self.calls[0].run if len(self.calls) == 1 and self.calls[0].native is not None else self._run

    def _run(self) -> None:
        try:
            with np.errstate(all="ignore"):
                for call in self.calls:
                    call.run()
        except MemoryError as error:
            raise RuntimeError(f"expected a model that fits in memory, got one that doesn't: {error}") from error

    def _run_node(self, prepared: Prepared) -> None:
        node, values, step = prepared.node, self.values, prepared.step
        arguments = [None if i < 0 else self.read(i) for i in node.inputs]
        if step is None:
            step = self._plan_late(prepared, arguments)
        try:
            result = step.run(*arguments)
        except ModelError as error:
            raise RuntimeError(str(error.within(f"{self.place}.operators[{prepared.index}]"))) from error
        results = result if isinstance(result, tuple) else (result,)
        for i, value in zip(node.outputs, results, strict=True):
            self._store(i, value)
        for i in prepared.frees:
            values[i] = None

    def _plan_late(self, prepared: Prepared, arguments: Sequence[Array | None]) -> Step:
        """The step of a node whose input shapes came only now; kept for the next time the same shapes come."""
        node = prepared.node
        for i, value in zip(node.inputs, arguments, strict=True):
            if i >= 0 and value is None:
                raise RuntimeError(
                    f"expected a value for tensor {i}, got none: no operator before this one computes it "
                    f"- at `{self.place}.operators[{prepared.index}]`"
                )
            if value is not None and self.specs[i].value is None:
                self.specs[i] = replace(self.specs[i], shape=value.shape)
        key = (prepared.index, tuple(None if value is None else value.shape for value in arguments))
        if key not in self._cache:
            try:
                self._cache[key] = self._plan(prepared.index, node)
            except ModelError as error:
                raise RuntimeError(str(error)) from error
        step, outputs = self._cache[key]
        for i, spec in zip(node.outputs, outputs, strict=True):
            if spec.type is not self.specs[i].type:
                self.specs[i] = replace(self.specs[i], type=spec.type)
        return step

    def read(self, index: int) -> Array | None:
        """A tensor's values where they are there: for a moment, since memory may be given to another tensor."""
        value = self.values[index]
        if value is None and self._native is not None and self._native.holds(index):
            return self._native.read(index)
        return value

    def _store(self, index: int, value: Array) -> None:
        spec = self.specs[index]
        if value.dtype != spec.type.dtype:
            raise TypeError(f"expected {spec.type.dtype} for tensor {index} ({spec.name}), got {value.dtype}")
        if self._native is not None and self._native.holds(index):
            self._native.write(index, value)
            if index not in self.persistent:
                return
        elif self._native is not None and self._native.lends(value):
            value = value.copy()
        if index in self.persistent:
            kept = self.values[index]
            if kept is not None and kept.shape == value.shape:
                np.copyto(kept, value)
                return
            value = value.copy()
        self.values[index] = value

    def evaluate(self, index: int, arguments: Sequence[Array | None]) -> tuple[Array, ...]:
        """What node `index` makes of these arrays, by its reference kernel. Of the program's tensors none is touched;
        variables among the arguments are updated. RuntimeError where a value makes the node impossible."""
        prepared = self._steps[index]
        step = self._plan_late(prepared, arguments) if prepared.step is None else prepared.step
        try:
            with np.errstate(all="ignore"):
                result = step.run(*arguments)
        except ModelError as error:
            raise RuntimeError(str(error.within(f"{self.place}.operators[{index}]"))) from error
        return result if isinstance(result, tuple) else (result,)

    def call(self, *arguments: Array) -> tuple[Array, ...]:
        """Runs the graph as a function: arrays of the prepared shapes in, copies of the outputs out."""
        for i, value in zip(self.graph.inputs, arguments, strict=True):
            self._store(i, value)
        self.run()
        if self.runtime.after is not None:
            self.runtime.after(self)
        outputs = (self.values[i] for i in self.graph.outputs)
        return tuple(np.array(value) for value in outputs)

    def reset_variables(self) -> None:
        """Variable tensors as they are at the start: zero, for int8 the zero point."""
        for spec, value in zip(self.specs, self.values, strict=True):
            if spec.is_variable and value is not None:
                value[...] = _empty(spec)

    @property
    def arena_bytes(self) -> int:
        """Memory that activations share in native calls."""
        return 0 if self._native is None else self._native.arena_bytes

    @property
    def packed_bytes(self) -> int:
        """Constants packed for native calls."""
        return 0 if self._native is None else self._native.packed_bytes

    @property
    def steps(self) -> Sequence[Prepared]:
        """The nodes in order, with what was planned for each."""
        return self._steps


def block_scale_of(graph: Graph, tensor: Tensor) -> Array | None:
    """The scales of a tensor quantized in blocks: a constant of its graph, as one row of scales a row of values."""
    details = None if tensor.quantization is None else tensor.quantization.details
    if not isinstance(details, Blockwise) or not 0 <= details.scales < len(graph.tensors):
        return None
    scales = graph.tensors[details.scales]
    if scales.type is not TensorType.FLOAT16 or not scales.is_constant:
        return None
    rows, size = (tensor.shape or (0,))[0], scales.array.size
    return scales.array.reshape(rows, -1) if rows and size % rows == 0 else None


def plan_node(op: Op, specs: Specs, profile: Profile, context: Graphs) -> tuple[Step, tuple[Spec, ...]]:
    """A node's step, and its outputs' specs with the types and shapes it gives. ModelError where the node can't be."""
    types = op.output_types(specs)
    retyped = tuple(replace(output, type=type_) for output, type_ in zip(specs.outputs, types, strict=True))
    changes = any(new.type is not old.type for new, old in zip(retyped, specs.outputs, strict=True))
    if changes and not (profile is Profile.XNNPACK and op.delegated(specs)):  # the delegate believes the file
        specs = replace(specs, outputs=retyped)
    shapes = op.infer(specs, context)
    resolved: list[Shape | None] = [None] * len(specs.outputs)
    if not isinstance(shapes, Dynamic):
        resolved = [tuple(int(length) for length in shape) for shape in shapes]
    if len(resolved) != len(specs.outputs):
        raise ModelError(f"expected {len(resolved)} outputs, got {len(specs.outputs)}", "outputs")
    for shape in resolved:
        if shape is not None and any(length < 0 for length in shape):
            raise ModelError(f"expected an output shape without negative lengths, got {list(shape)}")
    pairs = zip(specs.outputs, resolved, strict=True)
    outputs = tuple(replace(output, shape=shape, value=None, folded=False) for output, shape in pairs)
    specs = replace(specs, outputs=outputs)
    if profile is Profile.XNNPACK and not op.delegated(specs):
        profile = Profile.OPTIMIZED
    return op.prepare(specs, profile, context), outputs


def _empty(spec: Spec) -> Array:
    """A fresh array for a tensor; variables start at zero, in int8 at their zero point."""
    assert spec.shape is not None
    if spec.type.dtype.hasobject:
        return np.full(spec.shape, b"", spec.type.dtype)
    array = roomy(spec)
    if spec.is_variable and spec.type.name == "INT8" and spec.quantization is not None and spec.quantization.is_affine:
        array[...] = spec.zero_point
    return array
