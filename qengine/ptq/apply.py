"""Applying a plan: constants narrowed, tensors on their grids, conversions where forms differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..affine import quantize
from ..model import Graph, Model, Node, Quantization, Tensor, TensorType
from ..op import Array
from .constants import Constants, operator
from .draft import Draft, Placed, floats, rewritten, shared_buffers
from .plan import Activation, Bias, GraphPlan, NodePlan, Operand, Parameters, Plan, Treatment, Weight
from .trial import operator_for

REAL = TensorType.FLOAT32


@dataclass(frozen=True)
class Applied:
    """A quantized model. tensors: by graph, where the plan's tensors are in it. weights: by graph and node, the signal
    and the noise (sums of squares) of its narrowed weights.
    """

    model: Model
    tensors: tuple[dict[int, int], ...]
    weights: dict[tuple[int, int], tuple[float, float]]


LearnedScales = Mapping[tuple[int, Weight], NDArray[np.float64]]
"""Scales of weights that training chose, by tensor of the first graph and how it is kept."""


def apply(
    model: Model,
    plan: Plan,
    parameters: Parameters,
    scales: LearnedScales | None = None,
    means: Mapping[tuple[int, int], Array] | None = None,
) -> Applied:
    """The quantized model: `parameters` gives every grid of every graph its scale and zero point; `scales` those of
    weights that don't follow from the weights; `means`, by graph and tensor, those of an activation's channels, by
    which biases are corrected.
    """
    drafts, stands = [], []
    weights: dict[tuple[int, int], tuple[float, float]] = {}
    for number, (graph, part) in enumerate(zip(model.graphs, plan.graphs, strict=True)):
        learned = scales if scales is not None and number == 0 else {}
        watched = {i: mean for (of, i), mean in (means or {}).items() if of == number}
        work = _Applying(model, number, graph, plan, part, parameters[number], learned, watched)
        work.run()
        drafts.append(work.draft)
        stands.append(work.stands)
        weights |= {(number, at): sums for at, sums in work.constants.errors.items()}
    result, moves = rewritten(model, drafts, stands)
    return Applied(shared_buffers(result), tuple(moves), weights)


class _Applying:
    """One graph being quantized. Every new tensor and node is made once, when it is first needed."""

    def __init__(
        self,
        model: Model,
        number: int,
        graph: Graph,
        plan: Plan,
        part: GraphPlan,
        parameters: Sequence[Quantization],
        scales: LearnedScales,
        means: Mapping[int, Array],
    ) -> None:
        self.model, self.number, self.graph = model, number, graph
        self.plan, self.part, self.parameters = plan, part, parameters
        self.draft = Draft(graph)
        self.placed: list[Placed] = []
        self.stands: dict[int, int] = {}
        self.constants = Constants(number, graph, self.draft, self.placed, plan.recipe, parameters, scales, means)
        self._forms: dict[tuple[int, int | None], int] = {}
        self._unsigned: set[int] = set()
        self._ended: dict[int, int] = {}

    def run(self) -> None:
        """Rewrites the draft."""
        types = self.plan.recipe.types() if self.number == 0 else (REAL, REAL)
        for i in self.graph.inputs:
            self._enter(i, types[0])
        made = {i for node in self.graph.nodes for i in node.outputs}
        for i, tensor in enumerate(self.graph.tensors):
            if i not in made and i not in self.graph.inputs and not tensor.is_constant:
                self._forms[i, None] = i
        for at, (node, how) in enumerate(zip(self.graph.nodes, self.part.nodes, strict=True)):
            self.constants.at = at
            self._node(node, how)
        outputs = [self._leave(i, types[1]) for i in self.graph.outputs]
        self.stands |= dict(zip(self.graph.outputs, outputs, strict=True))
        self.draft.outputs = outputs
        self.draft.nodes = self.placed

    # --- the graph's ends

    def _enter(self, index: int, type_: TensorType) -> None:
        """An input: real, or given in integers of its grid."""
        grid = self.part.tensors[index]
        self._forms[index, None] = index
        if grid is None or type_ is REAL or self.graph.tensors[index].type is not REAL:
            return
        quantization = self.parameters[grid]
        del self._forms[index, None]
        if type_ is self._type(grid):
            self._set(index, type_, quantization)
            self._forms[index, grid] = index
            return
        self._set(index, type_, _as_unsigned(quantization))
        self._unsigned.add(index)

    def _leave(self, index: int, type_: TensorType) -> int:
        """The tensor that stands for an output: real, or integers of its grid. It has the output's name."""
        grid = self.part.tensors[index]
        if self.graph.tensors[index].type is not REAL or type_ is REAL or grid is None:
            return self._real(index)
        if index in self._ended:
            return self._ended[index]
        if index in self.graph.inputs and self.draft.tensors[index].type is type_:
            return index
        source = self._forms.get((index, grid), self._forms.get((index, None)))
        if type_ is self._type(grid):
            result = self._on_grid(index, grid)
        else:
            before = self._on_grid(index, grid) if source is None else source
            result = self._convert(before, "QUANTIZE", type_, _as_unsigned(self.parameters[grid]))
        if result != index and index not in self.graph.inputs and not self.graph.tensors[index].is_constant:
            name, inner = self.graph.tensors[index].name, self.draft.tensors[index]
            self._rename(index, f"{name}_{inner.type.name.lower()}")
            self._rename(result, name)
        self._ended[index] = result
        return result

    # --- forms of a tensor

    def _type(self, grid: int) -> TensorType:
        return self.part.grids[grid].type

    def _real(self, index: int) -> int:
        """The tensor's real form, made by a DEQUANTIZE where it is on a grid. It keeps the name."""
        if (index, None) in self._forms:
            return self._forms[index, None]
        tensor = self.graph.tensors[index]
        if tensor.is_constant or tensor.type is not REAL:
            return index
        grid = self.part.tensors[index]
        assert grid is not None
        source = self._forms.get((index, grid), index)
        result = self._convert(source, "DEQUANTIZE", REAL, None)
        if source == index and index not in self.graph.inputs:
            self._rename(source, f"{tensor.name}_{self._type(grid).name.lower()}")
            self._rename(result, tensor.name)
        self._forms[index, None] = result
        return result

    def _on_grid(self, index: int, grid: int) -> int:
        """The tensor as numbers of a grid, converted from what there is."""
        if (index, grid) in self._forms:
            return self._forms[index, grid]
        tensor, quantization = self.graph.tensors[index], self.parameters[grid]
        if tensor.is_constant:
            assert quantization.scale is not None
            assert quantization.zero_point is not None
            type_ = self._type(grid)
            scale, point = float(quantization.scale[0]), int(quantization.zero_point[0])
            values = quantize(
                floats(tensor), np.float32(scale), point, type_.dtype, narrow_range=type_ is TensorType.INT16
            )
            made = self.draft.constant(values, type_, tensor.name, quantization)
        else:
            made = self._requantized(index, grid)
        self._forms[index, grid] = made
        return made

    def _requantized(self, index: int, grid: int) -> int:
        """A computed tensor on a grid that it isn't on yet."""
        own, quantization = self.part.tensors[index], self.parameters[grid]
        if (index, own) not in self._forms or own is None:
            source = index if index in self._unsigned else self._forms[index, None]
            return self._convert(source, "QUANTIZE", self._type(grid), quantization)
        held = self._forms[index, own]
        if self._type(own) is self._type(grid) and self.parameters[own] == quantization:
            return held
        return self._convert(held, "QUANTIZE", self._type(grid), quantization)

    def _convert(self, source: int, name: str, type_: TensorType, quantization: Quantization | None) -> int:
        """A QUANTIZE or DEQUANTIZE of a tensor, placed here; its output's index."""
        before = self.draft.tensors[source]
        suffix = type_.name.lower()
        result = self.draft.add(
            Tensor(
                f"{before.name}_{suffix}",
                before.shape,
                type_,
                None,
                quantization,
                before.shape_signature,
                has_rank=before.has_rank,
            )
        )
        self.placed.append(Placed(Node(operator(name), (source,), (result,))))
        return result

    def _set(self, index: int, type_: TensorType, quantization: Quantization) -> None:
        self.draft.tensors[index] = replace(self.draft.tensors[index], type=type_, quantization=quantization)

    def _rename(self, index: int, name: str | None) -> None:
        self.draft.tensors[index] = replace(self.draft.tensors[index], name=name)

    # --- nodes

    def _node(self, node: Node, how: NodePlan) -> None:
        inputs = [self._input(node, position, operand, how) for position, operand in enumerate(how.inputs)]
        for i, grid in zip(node.outputs, how.outputs, strict=True):
            if grid is None:
                self._forms[i, None] = i
            else:
                self._set(i, self._type(grid), self.parameters[grid])
                self._forms[i, grid] = i
        activation = None
        if how.treatment is Treatment.INTEGER:
            activation = next((self._type(g) for g in how.outputs if g is not None), None) or self._activation(how)
        op = operator_for(node.op, how.inputs, activation)
        changed = how.treatment not in (Treatment.FLOAT, Treatment.UNTOUCHED)
        middle = self._intermediates(node, how)
        made = replace(
            node,
            op=op,
            inputs=tuple(inputs),
            intermediates=middle,
            version=None if changed else node.version,
        )
        self.placed.append(Placed(made, (self.constants.at,)))

    def _activation(self, how: NodePlan) -> TensorType | None:
        return next((self._type(o.grid) for o in how.inputs if isinstance(o, Activation)), None)

    def _intermediates(self, node: Node, how: NodePlan) -> tuple[int, ...] | None:
        if not how.intermediates:
            return node.intermediates
        given = node.intermediates or ()
        made = []
        for position, grid in enumerate(how.intermediates):
            index = given[position] if position < len(given) else -1
            if index < 0:
                index = self.draft.add(Tensor(f"{node.op.name.lower()}_intermediate", (0,), REAL))
            if grid is not None:
                self._set(index, self._type(grid), self.parameters[grid])
            made.append(index)
        return tuple(made)

    def _input(self, node: Node, position: int, operand: Operand, how: NodePlan) -> int:
        index = node.inputs[position]
        if index < 0:
            return index
        if isinstance(operand, Activation):
            if self.graph.tensors[index].is_variable and index not in self.graph.inputs:
                self._set(index, self._type(operand.grid), self.parameters[operand.grid])
                return index
            return self._on_grid(index, operand.grid)
        if isinstance(operand, Weight):
            return self.constants.weight(node, position, operand, how)
        if isinstance(operand, Bias):
            return self.constants.bias(node, position, operand, how)
        return self._real(index)


def _as_unsigned(quantization: Quantization) -> Quantization:
    """The same grid in uint8: its zero point 128 higher."""
    assert quantization.scale is not None
    assert quantization.zero_point is not None
    return Quantization.of(quantization.scale, quantization.zero_point + 128)
