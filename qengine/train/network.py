"""A float model as a function that can be gone back through, with fake quantization where a plan puts its grids."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..errors import Unsupported
from ..kernels.profile import Profile
from ..model import Buffer, Graph, Model, Shape, TensorType
from ..op import Array, Specs
from ..packing import pack
from ..program import Program as Planned
from ..program import Runtime
from ..ptq.plan import Parameters, Plan
from ..ptq.ranges import keys_of
from ..ptq.weights import quantize_bias, rescaled, widened_scales
from .batch import batch_of, for_batch
from .execution import Pass, Shaped, computed, gone_back, snapped, through_snap
from .gradient import Call
from .lowering import Narrow, Offset, Program, Run, Snap, lower
from .ranges import Given, RangeRule, constant_ends
from .reach import learned_grid, learned_weights, reached
from .trainable import trainable
from .weights import NarrowWeights

Replace = Callable[[int, Array], Array]
"""Told of a slot and what it holds; gives what the network goes on with."""


class Network:
    """Graph 0 of a float model.

    parameters: the constants that can be trained, by key (`ptq.ranges.keys_of`), to be changed in place.
    ranges: by grid of the plan, its rule. weights: how each of `program.narrowed` is narrowed.
    """

    def __init__(
        self,
        model: Model,
        plan: Plan | None = None,
        ranges: Sequence[RangeRule] = (),
        *,
        learn_weights: bool = False,
        others: Parameters = (),
        dtype: Any = np.float32,
    ) -> None:
        """learn_weights: whether the scales of narrowed weights are trained (LSQ). others: of the other graphs' grids,
        for export. dtype: that is computed in."""
        self.others = others
        self.model, self.plan, self.ranges, self.dtype = model, plan, ranges, dtype
        self.graph: Graph = model.graphs[0]
        self.program: Program = lower(self.graph, plan)
        self.keys = keys_of(0, self.graph)
        self._tensors = {self.keys[i]: i for i in trainable(self.graph)}
        self.parameters = {key: np.array(self.graph.tensors[i].array, dtype) for key, i in self._tensors.items()}
        self.weights: list[NarrowWeights] = []
        for tensor, weight in self.program.narrowed if plan is not None else ():
            assert plan is not None
            values = np.asarray(self.graph.tensors[tensor].array, dtype)
            self.weights.append(NarrowWeights(weight, plan.recipe.weight_observer, values, learned=learn_weights))
        self._shaped: dict[tuple[Shape, ...], Shaped] = {}
        self._needed: tuple[Collection[str], frozenset[int]] | None = None

    # --- what can be trained

    @property
    def learned(self) -> dict[str, Array]:
        """All that can be trained: parameters, and what range rules and narrowed weights learn; changed in place."""
        found = dict(self.parameters)
        for grid, rule in enumerate(self.ranges):
            found |= {learned_grid(grid, word): array for word, array in rule.learned.items()}
        for number, weights in enumerate(self.weights):
            found |= {learned_weights(number, word): array for word, array in weights.learned.items()}
        return found

    def tensor(self, key: str) -> int:
        """The tensor of a parameter."""
        return self._tensors[key]

    def current(self) -> Model:
        """The model with the parameters as they are now."""
        tensors = list(self.graph.tensors)
        for key, i in self._tensors.items():
            values = self.parameters[key].astype(np.float32)
            if not np.array_equal(values, tensors[i].array):
                tensors[i] = replace(tensors[i], data=Buffer(pack(values, TensorType.FLOAT32)))
        return replace(self.model, graphs=(replace(self.graph, tensors=tuple(tensors)), *self.model.graphs[1:]))

    def train_only(self, keys: Collection[str] | None) -> None:
        """Leaves all other parameters and learned steps out of the way back; None: none. Unsupported where a node on
        the way has no gradient."""
        if keys is None:
            self._needed = None
        else:
            self._needed = keys, reached(self.graph, self.program, self.keys, keys)

    def _needs(self) -> tuple[Collection[str], frozenset[int]]:
        """What is trained, and the slots whose gradients that takes."""
        if self._needed is None:
            self.train_only(frozenset(self.learned))
        assert self._needed is not None
        return self._needed

    # --- shapes

    def prepare(self, shapes: Sequence[Shape]) -> Shaped:
        """Plans every node for input shapes. ModelError where the model can't take them."""
        key = tuple(shapes)
        if key not in self._shaped:
            self._shaped[key] = self._prepare(key)
        return self._shaped[key]

    def _prepare(self, shapes: tuple[Shape, ...]) -> Shaped:
        """Parameters count as inputs there: nothing may be computed beforehand that depends on them."""
        model = self.model
        batch = shapes[0][0] if shapes and shapes[0] else 1
        if batch != batch_of(model):
            first = Planned(Runtime(model, Profile.REFERENCE, native=False), 0)
            first.prepare([self.graph.tensors[i].shape or () for i in self.graph.inputs])
            model = for_batch(model, [spec.shape for spec in first.specs], batch)
        graph, given = model.graphs[0], list(self._tensors.values())
        tensors = list(graph.tensors)
        for i in given:
            tensors[i] = replace(tensors[i], data=None)
        graph = replace(graph, tensors=tuple(tensors), inputs=(*graph.inputs, *given))
        planned = Planned(
            Runtime(replace(model, graphs=(graph, *model.graphs[1:])), Profile.REFERENCE, native=False), 0
        )
        planned.prepare([*shapes, *(tensors[i].shape for i in given)])
        for prepared in planned.steps:
            if prepared.step is None:
                raise Unsupported(
                    f"expected shapes known before a model runs, got {prepared.node.op.name} whose inputs' come while "
                    "running",
                    f"$.subgraphs[0].operators[{prepared.index}]",
                )
        return Shaped(planned, planned.steps, [{} for _ in planned.steps])

    # --- forward

    def run(
        self,
        inputs: Mapping[int, Array],
        *,
        training: bool = False,
        seed: tuple[int, ...] = (0,),
        instead: Replace | None = None,
    ) -> Pass:
        """Runs on arrays by input tensor. training: whether ranges are told of what they see, and operators of training
        act, drawing numbers by `seed`."""
        arrays = {i: np.asarray(a, self.dtype) if a.dtype.kind == "f" else a for i, a in inputs.items()}
        shaped = self.prepare([arrays[i].shape for i in self.graph.inputs])
        run = Pass(arrays, training, seed, shaped, [None] * len(self.program.slots))
        self.follow_constants()
        needed = self._needs()[1] if training else frozenset()
        for tensor, slot in self.program.starts.items():
            run.values[slot] = self._start(tensor, run)
        for part in self.program.instructions:
            match part:
                case Snap():
                    x = run.value(part.source)
                    run.values[part.target] = self._snapped(run, part.target, part.grid, x, away=part.away)
                case Narrow():
                    run.values[part.target] = self._narrowed(run, part)
                case Offset():
                    run.values[part.target] = self._offset(run, part)
                case Run():
                    self._call(run, part, needed)
            if instead is not None:
                for slot in part.outputs if isinstance(part, Run) else (part.target,):
                    run.values[slot] = instead(slot, run.value(slot))
        return run

    def follow_constants(self) -> None:
        """Grids of constants that are trained, after these have changed. Every run does it."""
        for rule in self.ranges:
            key = self.keys[rule.grid.range]
            if isinstance(rule, Given) and rule.grid.fixed is None and key in self.parameters:
                others = [self.graph.tensors[i].array for i in rule.grid.also]
                rule.follow(constant_ends([self.parameters[key], *others]))

    def _start(self, tensor: int, run: Pass) -> Array | None:
        """What a tensor that no node computes holds: an input, a constant, a state of zeros."""
        if tensor in run.inputs:
            return run.inputs[tensor]
        if self.keys[tensor] in self.parameters:
            return self.parameters[self.keys[tensor]]
        spec = run.shaped.planned.specs[tensor]
        if spec.is_variable:
            assert spec.shape is not None
            return np.zeros(spec.shape, self.dtype)
        return self._constant(spec.value)

    def _constant(self, value: Array | None) -> Array | None:
        return value.astype(self.dtype) if value is not None and value.dtype == np.float32 else value

    def _snapped(self, run: Pass, target: int, grid: int, x: Array, *, away: bool = False) -> Array:
        rule = self.ranges[grid]
        if x.size:
            low, high = float(x.min()), float(x.max())
            before = run.ends.get(target, (low, high))
            run.ends[target] = min(low, before[0]), max(high, before[1])
            if run.training:
                rule.observe(low, high)
        return snapped(x, rule, away=away)

    def _narrowed(self, run: Pass, narrow: Narrow) -> Array:
        """Weights as the file's integers stand for them; with wider scales where a bias would pass int32 otherwise."""
        values, weights = run.value(narrow.source), self.weights[narrow.number]
        if narrow.weight.type is TensorType.FLOAT16:
            return weights.real(values)
        made = weights.quantized(values)
        if narrow.bias is not None:
            scales = made.scales.astype(np.float64)
            wider = widened_scales(run.value(narrow.bias[0]), self.ranges[narrow.bias[1]].scale, scales)
            if (wider != scales).any():
                made = rescaled(values, wider, narrow.weight.type, narrow.weight.axis, narrow.weight.bits)
        run.scales[narrow.target] = made.scales
        return made.real().astype(self.dtype, copy=False)

    def _offset(self, run: Pass, offset: Offset) -> Array:
        of_grid = np.array([self.ranges[offset.weight].scale], np.float32) if not offset.narrow else None
        scales = run.scales[offset.weight] if of_grid is None else of_grid
        units = (np.float32(self.ranges[offset.activation].scale) * scales).astype(np.float32)
        q = quantize_bias(run.value(offset.source), units, offset.bias.type)
        return (q * units.astype(np.float64)).astype(self.dtype)

    def _call(self, run: Pass, part: Run, needed: frozenset[int]) -> None:
        prepared, specs = run.shaped.steps[part.number], run.shaped.planned.specs
        node = prepared.node
        if prepared.folded:
            for slot, i in zip(part.outputs, node.outputs, strict=True):
                run.values[slot] = self._constant(specs[i].value)
            return
        before = self.graph.nodes[part.number].inputs
        # A constant that says the batch size is another tensor than the file's.
        inputs = [
            None if slot < 0 else run.values[slot] if now == was else self._constant(specs[now].value)
            for slot, now, was in zip(part.inputs, node.inputs, (*before, *node.inputs[len(before) :]), strict=True)
        ]
        assert prepared.step is not None
        call = Call(
            node.op,
            Specs(tuple(None if i < 0 else specs[i] for i in node.inputs), tuple(specs[i] for i in node.outputs)),
            prepared.step,
            tuple(inputs),
            tuple(slot in needed for slot in part.inputs),
            memory=run.shaped.memories[part.number],
            training=run.training,
            seed=(*run.seed, part.number),
        )
        for position, grid in part.snaps:
            call.snaps[position] = partial(self._snapped, run, part.outputs[0], grid)
        call.outputs = tuple(computed(call))
        run.calls[part.number] = call
        for slot, value in zip(part.outputs, call.outputs, strict=True):
            run.values[slot] = value

    # --- backward

    def back(self, run: Pass, seeds: Mapping[int, Array]) -> dict[str, Array]:
        """Gradients of all that is trained, by the keys of `learned`, given the loss' gradients by slot."""
        keys, needed = self._needs()
        gradients: dict[int, Array] = dict(seeds)
        found: dict[str, Array] = {}
        for part in reversed(self.program.instructions):
            if isinstance(part, Run):
                self._call_back(run, part, gradients, needed)
                continue
            gradient = gradients.pop(part.target, None)
            if gradient is None:
                continue
            x = run.value(part.source)
            if isinstance(part, Snap):
                rule = self.ranges[part.grid]
                for word, own in rule.gradient(x, gradient).items() if rule.learned else ():
                    _add(found, learned_grid(part.grid, word), own)
                gradient = through_snap(rule, x, gradient, run.ends[part.target])
            elif isinstance(part, Narrow):
                gradient, steps = self.weights[part.number].back(x, gradient)
                for word, own in steps.items():
                    _add(found, learned_weights(part.number, word), own)
            if part.source in needed:
                _add(gradients, part.source, gradient)
        for tensor, slot in self.program.starts.items():
            if self.keys[tensor] in keys and slot in gradients:
                found[self.keys[tensor]] = gradients[slot]
        return {key: gradient for key, gradient in found.items() if key in keys}

    @staticmethod
    def _call_back(run: Pass, part: Run, gradients: dict[int, Array], needed: frozenset[int]) -> None:
        call = run.calls.get(part.number)
        wanted = [gradients.pop(slot, None) for slot in part.outputs]
        if call is None or all(gradient is None for gradient in wanted) or not any(call.needs):
            return
        call.gradients = tuple(
            np.zeros_like(value) if gradient is None else gradient
            for gradient, value in zip(wanted, call.outputs, strict=True)
        )
        for slot, gradient in zip(part.inputs, gone_back(call), strict=False):
            if gradient is not None and slot in needed:
                _add(gradients, slot, gradient)
        call.kept = None


def _add(gradients: dict[Any, Array], key: int | str, gradient: Array) -> None:
    """Never in place: a gradient may be a view of another."""
    gradients[key] = gradients[key] + gradient if key in gradients else gradient
