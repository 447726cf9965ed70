"""A graph and its plan of quantization as a flat list of instructions over slots: the walk of `ptq.apply`, in floats.

Where `apply` puts a tensor on a grid, an instruction snaps its numbers to it; where it narrows a constant, one narrows
it. A slot is one form of a tensor: real (grid None), or on a grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..model import Graph, Node, TensorType
from ..ptq.plan import Activation, Bias, GraphPlan, NodePlan, Plan, Treatment, Weight
from .rules.movement import RULES as MOVES

REAL = TensorType.FLOAT32


@dataclass(frozen=True)
class Snap:
    """source to the nearest numbers of a grid. away: ties are rounded away from zero as integers, not to even."""

    source: int
    target: int
    grid: int
    away: bool = False


@dataclass(frozen=True)
class Narrow:
    """A constant as its narrowed weights stand for: those of the program's `narrowed[number]`. bias: the slot of a bias
    that may need wider scales, and the grid of the input that its unit goes by."""

    source: int
    target: int
    number: int
    weight: Weight
    bias: tuple[int, int] | None = None


@dataclass(frozen=True)
class Offset:
    """A bias rounded to its unit: scale of grid `activation` * scales of `weight`, a Narrow's target or a grid."""

    source: int
    target: int
    activation: int
    bias: Bias
    weight: int
    narrow: bool


@dataclass(frozen=True)
class Run:
    """Node `number`. snaps: by input position, the grid of a state that the operator keeps."""

    number: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    snaps: tuple[tuple[int, int], ...] = ()


Instruction = Snap | Narrow | Offset | Run


@dataclass
class Program:
    """Instructions in order. slots: each one's tensor and grid (-1: weights or bias). starts: the slots of graph
    inputs, constants and variables, by tensor. ends: the slots that stand for the graph's outputs, in order. narrowed:
    constants and how they are kept, each pair once.
    """

    instructions: list[Instruction] = field(default_factory=list)
    slots: list[tuple[int, int | None]] = field(default_factory=list)
    starts: dict[int, int] = field(default_factory=dict)
    ends: tuple[int, ...] = ()
    narrowed: list[tuple[int, Weight]] = field(default_factory=list)

    def computed(self, tensor: int, grid: int | None) -> int:
        """The slot of a tensor's form. KeyError where it has none."""
        return next(slot for slot, form in enumerate(self.slots) if form == (tensor, grid))


def lower(graph: Graph, plan: Plan | None = None, number: int = 0) -> Program:
    """The instructions of graph `number` under a plan; without one, all of it stays real."""
    work = _Lowering(graph, None if plan is None else plan.graphs[number], plan if number == 0 else None)
    work.run()
    return work.program


class _Lowering:
    def __init__(self, graph: Graph, part: GraphPlan | None, plan: Plan | None) -> None:
        self.graph, self.part = graph, part
        self.types = (REAL, REAL) if plan is None else plan.recipe.types()
        self.program = Program()
        self._forms: dict[tuple[int, int | None], int] = {}
        self._narrow: dict[object, int] = {}

    def run(self) -> None:
        graph, program = self.graph, self.program
        for i in graph.inputs:
            self._start(i)
            grid = self._own(i)
            if grid is not None and self.types[0] is not REAL:
                self._forms[i, grid] = self._snap(self._forms.pop((i, None)), i, grid)
        for at, node in enumerate(graph.nodes):
            how = None if self.part is None else self.part.nodes[at]
            self._node(at, node, how)
        program.ends = tuple(self._leave(i) for i in graph.outputs)

    def _leave(self, index: int) -> int:
        grid = self._own(index)
        if grid is None or self.types[1] is REAL or self.graph.tensors[index].type is not REAL:
            return self._real(index)
        return self._on_grid(index, grid)

    def _own(self, index: int) -> int | None:
        """The grid in which a tensor is given."""
        return None if self.part is None else self.part.tensors[index]

    def _slot(self, index: int, grid: int | None) -> int:
        self.program.slots.append((index, grid))
        return len(self.program.slots) - 1

    def _start(self, index: int) -> int:
        """The slot of a tensor that no node computes."""
        slot = self.program.starts[index] = self._forms[index, None] = self._slot(index, None)
        return slot

    def _snap(self, source: int, index: int, grid: int, away: bool = False) -> int:
        target = self._slot(index, grid)
        self.program.instructions.append(Snap(source, target, grid, away))
        return target

    def _real(self, index: int) -> int:
        if (index, None) in self._forms:
            return self._forms[index, None]
        grid = self._own(index)
        return self._forms[index, grid] if (index, grid) in self._forms else self._start(index)

    def _on_grid(self, index: int, grid: int) -> int:
        if (index, grid) not in self._forms:
            self._forms[index, grid] = self._snap(self._real(index), index, grid)
        return self._forms[index, grid]

    def _node(self, at: int, node: Node, how: NodePlan | None) -> None:
        integer = how is not None and how.treatment is Treatment.INTEGER
        snaps: list[tuple[int, int]] = []
        inputs = []
        for position, index in enumerate(node.inputs):
            operand = None if how is None else how.inputs[position]
            if index < 0:
                inputs.append(-1)
            elif isinstance(operand, Activation) and self._is_state(index):
                snaps.append((position, operand.grid))
                inputs.append(self._real(index))
            elif isinstance(operand, Activation):
                inputs.append(self._on_grid(index, operand.grid))
            elif isinstance(operand, Weight):
                assert how is not None
                inputs.append(self._weight(node, position, operand, how))
            elif isinstance(operand, Bias):
                inputs.append(-1)
            else:
                inputs.append(self._real(index))
        for position, operand in enumerate(() if how is None else how.inputs):
            if isinstance(operand, Bias) and node.inputs[position] >= 0:
                assert how is not None
                inputs[position] = self._bias(node, position, operand, how, inputs)
        grids = [None] * len(node.outputs) if how is None else list(how.outputs)
        passing = integer and how is not None and _passes(node, how)
        outputs = []
        for index, grid in zip(node.outputs, grids, strict=True):
            slot = self._slot(index, grid if passing else None)
            outputs.append(slot)
            self._forms[index, grid if passing else None] = slot
        self.program.instructions.append(Run(at, tuple(inputs), tuple(outputs), tuple(snaps)))
        for index, grid, slot in zip(node.outputs, grids, outputs, strict=True):
            if grid is not None and not passing:
                del self._forms[index, None]
                self._forms[index, grid] = self._snap(slot, index, grid, node.op.name == "AVERAGE_POOL_2D")

    def _is_state(self, index: int) -> bool:
        return self.graph.tensors[index].is_variable and index not in self.graph.inputs

    def _weight(self, node: Node, position: int, weight: Weight, how: NodePlan) -> int:
        index, bias = node.inputs[position], None
        for at, operand in enumerate(how.inputs):
            if isinstance(operand, Bias) and operand.weight == position and node.inputs[at] >= 0:
                activation = how.inputs[operand.activation]
                if operand.type is TensorType.INT32 and isinstance(activation, Activation):
                    bias = self._real(node.inputs[at]), activation.grid
        return self._once((index, weight, bias), lambda: self._narrowed(index, weight, bias))

    def _narrowed(self, index: int, weight: Weight, bias: tuple[int, int] | None) -> int:
        source, target = self._real(index), self._slot(index, -1)
        if (index, weight) not in self.program.narrowed:
            self.program.narrowed.append((index, weight))
        number = self.program.narrowed.index((index, weight))
        self.program.instructions.append(Narrow(source, target, number, weight, bias))
        return target

    def _bias(self, node: Node, position: int, bias: Bias, how: NodePlan, inputs: list[int]) -> int:
        activation, weight = how.inputs[bias.activation], how.inputs[bias.weight]
        assert isinstance(activation, Activation)
        narrow = isinstance(weight, Weight)
        of = weight.grid if isinstance(weight, Activation) else inputs[bias.weight]
        index, grid = node.inputs[position], activation.grid
        return self._once((index, bias.type, grid, of, narrow), lambda: self._offset(index, bias, grid, of, narrow))

    def _offset(self, index: int, bias: Bias, grid: int, of: int, narrow: bool) -> int:
        source, target = self._real(index), self._slot(index, -1)
        self.program.instructions.append(Offset(source, target, grid, bias, of, narrow))
        return target

    def _once(self, key: object, make: Callable[[], int]) -> int:
        if key not in self._narrow:
            self._narrow[key] = make()
        return self._narrow[key]


def _passes(node: Node, how: NodePlan) -> bool:
    """Whether outputs are numbers of the grid already, as the node only hands on those of its inputs."""
    if node.op.name not in MOVES and node.op.name != "MAX_POOL_2D":
        return False
    grids = {operand.grid for operand in how.inputs if isinstance(operand, Activation)}
    return len(grids) == 1 and set(how.outputs) == grids
