"""The placement walk: a plan of quantization from the operators' own rules, solved over the whole graph.

Where tensors must share scale and zero point, the surviving range is chosen as TensorFlow's converter does: an operator
with one real input hands its input's on; one with several (CONCATENATION, MAXIMUM) imposes its output's on them, in 8
bits. In 16 bits, where a second rounding costs nothing, each keeps its own and is requantized.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from ..errors import Unsupported
from ..model import Graph, Model, Node, Shape, TensorType
from ..op import Fixed, LikeInput, LikeOutput, Op
from .choose import REAL, Choice, Chooser
from .fuse import fused_clamp
from .plan import Activation, GraphPlan, Grid, NodePlan, Operand, Plan, Treatment
from .recipe import Recipe, Scheme
from .trial import Trial


def place(
    model: Model,
    recipe: Recipe,
    origins: Sequence[Sequence[tuple[int, ...]]] | None = None,
    source: Model | None = None,
    shapes: Callable[[int, int], Shape | None] | None = None,
) -> Plan:
    """The plan for a float model. Unsupported names the nodes that the recipe can't quantize.

    origins: for each graph and node, the nodes of `source` that it stands for (rules go by them). shapes: of a tensor,
    by graph and index, where running has shown them; else the file's.
    """
    trial = Trial(model, shapes)
    replaced = _replaced(model)
    graphs = []
    refused: list[str] = []
    for number, graph in enumerate(model.graphs):
        chooser = Chooser(number, graph, recipe, trial, is_replaced=number in replaced)
        choices = chooser.choose(
            None if origins is None else origins[number], None if source is None else source.graphs[number]
        )
        refused += chooser.refused
        graphs.append(Walk(number, graph, recipe, choices).plan())
    if refused:
        listed = "; ".join(refused[:5]) + (f"; and {len(refused) - 5} more" if len(refused) > 5 else "")
        raise Unsupported(
            f"expected operators that can be quantized so, got {listed}. Name them in keep_in_float, or give "
            "the recipe unquantizable='float' to leave all such nodes float between DEQUANTIZE and QUANTIZE"
        )
    return Plan(recipe, tuple(graphs))


def _replaced(model: Model) -> set[int]:
    """Graphs that say what a STABLEHLO_COMPOSITE computes: the runtime's delegate may do so otherwise, in float."""
    found = set()
    for graph in model.graphs:
        for node in graph.nodes:
            composite: Any = node.op
            if node.op.name == "STABLEHLO_COMPOSITE":
                found.add(int(composite.decomposition_subgraph_index))
    return found


def narrow(op: Op, scheme: Scheme, where: str) -> tuple[float, int]:
    """Scale and zero point under which an operator that clamps its output gives numbers of `activation_bits`.

    Unsupported where it doesn't clamp both ends: nothing else keeps numbers within fewer bits than their type has.
    """
    bits = scheme.activation_bits
    low, high = fused_clamp(op).bounds
    if low == 0 and high < inf:
        return high / ((1 << bits) - 1), 0 if scheme.activation_type is TensorType.INT16 else -128
    if low == -high and high < inf and bits > 1:
        return high / ((1 << bits - 1) - 1), 0
    raise Unsupported(f"expected RELU6 or RELU_N1_TO_1 for outputs of {bits} bits, got {op.name} without", where)


class Walk:
    """The grids of one graph whose nodes are decided."""

    def __init__(self, number: int, graph: Graph, recipe: Recipe, choices: Sequence[Choice]) -> None:
        self.number, self.graph, self.recipe, self.choices = number, graph, recipe, choices
        self.grids: list[Grid] = []
        self._found: dict[tuple[int, TensorType], int] = {}

    def plan(self) -> GraphPlan:
        """The graph's plan, once every node is decided."""
        roots = self._roots()
        fixed = self._fixed()
        wanted = self._wanted_types()
        count = len(self.graph.tensors)
        tensors: list[int | None] = [None] * count
        for i in range(count):
            if i in wanted:
                root = roots.get(i, i)
                tensors[i] = self._grid(root, wanted[i], fixed.get(root) if root == i or root in fixed else None)
        nodes = [self._node(node, at, roots, fixed, tensors) for at, node in enumerate(self.graph.nodes)]
        return GraphPlan(tuple(self.grids), tuple(tensors), tuple(nodes))

    def _grid(self, root: int, type_: TensorType, fixed: tuple[float, int] | None, also: tuple[int, ...] = ()) -> int:
        key = (root, type_)
        if key not in self._found:
            self._found[key] = len(self.grids)
            self.grids.append(Grid(type_, root, also, fixed))
        return self._found[key]

    def _wanted_types(self) -> dict[int, TensorType]:
        """The type in which each quantized tensor is first given: its producer's, else its first integer reader's."""
        wanted: dict[int, TensorType] = {}
        for choice, node in zip(self.choices, self.graph.nodes, strict=True):
            if choice.treatment is not Treatment.INTEGER:
                continue
            for i in node.outputs:
                if self._is_real(i):
                    wanted[i] = choice.scheme.activation_type
        made = {i for node in self.graph.nodes for i in node.outputs}
        for choice, node in zip(self.choices, self.graph.nodes, strict=True):
            if choice.treatment is Treatment.INTEGER:
                for i, operand in zip(node.inputs, choice.operands, strict=True):
                    if isinstance(operand, Activation) and i not in made and not self.graph.tensors[i].is_constant:
                        wanted.setdefault(i, choice.scheme.activation_type)
        ends = zip((self.graph.inputs, self.graph.outputs), self.recipe.types(), strict=True)
        for indices, type_ in ends:
            for i in indices:
                if type_ is not REAL and self._is_real(i) and self.number == 0:
                    wanted.setdefault(i, self.recipe.scheme.activation_type)
        return wanted

    def _fixed(self) -> dict[int, tuple[float, int]]:
        """Tensors whose parameters their operator prescribes."""
        found: dict[int, tuple[float, int]] = {}
        for at, (choice, node) in enumerate(zip(self.choices, self.graph.nodes, strict=True)):
            rule = node.op.rule
            if choice.treatment is not Treatment.INTEGER:
                continue
            parameters = rule.parameters.get(choice.scheme.activation_type) if isinstance(rule, Fixed) else None
            if choice.scheme.activation_bits:
                parameters = narrow(node.op, choice.scheme, f"$.subgraphs[{self.number}].operators[{at}]")
            if parameters is not None:
                found |= {i: (float(parameters[0]), int(parameters[1])) for i in node.outputs if self._is_real(i)}
        return found

    def _roots(self) -> dict[int, int]:
        """By tensor: the one whose range it takes on, where that isn't itself."""
        above: dict[int, int] = {}

        def root(i: int) -> int:
            while i in above:
                i = above[i]
            return i

        integer = [
            (node, choice)
            for choice, node in zip(self.choices, self.graph.nodes, strict=True)
            if choice.treatment is Treatment.INTEGER
        ]
        for node, _ in integer:
            source = self._hands_on(node)
            for i in node.outputs if source is not None else ():
                if self._is_real(i):
                    above[i] = root(source)  # type: ignore[arg-type]
        fixed = self._fixed()
        taken: set[int] = set()
        for node, choice in reversed(integer):
            if not self._imposes(node) or choice.scheme.activation_type is TensorType.INT16:
                continue
            target = root(node.outputs[0])
            for i, operand in zip(node.inputs, choice.operands, strict=True):
                free = isinstance(operand, Activation) and not self.graph.tensors[i].is_constant and i not in above
                if free and i not in taken and i not in fixed and i != target:
                    above[i] = target
                    taken.add(i)
        return {i: root(i) for i in above}

    def _real_inputs(self, node: Node) -> list[int]:
        """The real inputs that share a scale by the operator's rule."""
        rule = node.op.rule
        positions = rule.inputs if isinstance(rule, LikeInput) else tuple(range(len(node.inputs)))
        return [node.inputs[p] for p in positions if p < len(node.inputs) and self._is_real(node.inputs[p])]

    def _hands_on(self, node: Node) -> int | None:
        """The one computed input whose scale the outputs have."""
        inputs = self._real_inputs(node)
        if not isinstance(node.op.rule, LikeInput) or len(inputs) != 1:
            return None
        return None if self.graph.tensors[inputs[0]].is_constant else inputs[0]

    def _imposes(self, node: Node) -> bool:
        """Whether the inputs take on the output's scale."""
        if isinstance(node.op.rule, LikeOutput):
            return True
        inputs = self._real_inputs(node)
        several = len(inputs) > 1 or (len(inputs) == 1 and self.graph.tensors[inputs[0]].is_constant)
        return isinstance(node.op.rule, LikeInput) and several

    def _node(
        self,
        node: Node,
        at: int,
        roots: dict[int, int],
        fixed: dict[int, tuple[float, int]],
        tensors: Sequence[int | None],
    ) -> NodePlan:
        choice = self.choices[at]
        nothing = (None,) * len(node.outputs)
        if choice.treatment is not Treatment.INTEGER:
            return NodePlan(choice.treatment, choice.operands, nothing, why=choice.why)
        type_ = choice.scheme.activation_type
        outputs = tuple(tensors[i] if self._is_real(i) else None for i in node.outputs)
        shared = self._shared_grid(node, outputs, type_, roots, fixed)
        same = set(self._real_inputs(node)) if self._hands_on(node) is not None or self._imposes(node) else set()
        operands: list[Operand] = []
        for i, operand in zip(node.inputs, choice.operands, strict=True):
            if not isinstance(operand, Activation):
                operands.append(operand)
            elif i in same and shared is not None:
                operands.append(Activation(shared))
            else:
                root = i if self.graph.tensors[i].is_constant else roots.get(i, i)
                operands.append(Activation(self._grid(root, type_, fixed.get(root))))
        if choice.recurrent is not None:
            return replace(choice.recurrent.plan(node, self, operands, outputs), why=choice.why)
        return NodePlan(Treatment.INTEGER, tuple(operands), outputs, why=choice.why)

    def _shared_grid(
        self,
        node: Node,
        outputs: Sequence[int | None],
        type_: TensorType,
        roots: dict[int, int],
        fixed: dict[int, tuple[float, int]],
    ) -> int | None:
        """The grid of an operator whose inputs and outputs have one."""
        source = self._hands_on(node)
        if source is not None:
            root = roots.get(source, source)
            return self._grid(root, type_, fixed.get(root))
        if not self._imposes(node):
            return None
        grid = outputs[0]
        assert grid is not None
        inputs = self._real_inputs(node)
        constants = tuple(inputs) if len(inputs) == 1 and self.graph.tensors[inputs[0]].is_constant else ()
        self.grids[grid] = replace(self.grids[grid], also=(*self.grids[grid].also, *constants))
        return grid

    def add_grid(self, grid: Grid) -> int:
        """A grid of its own, for state that an operator keeps."""
        self.grids.append(grid)
        return len(self.grids) - 1

    def _is_real(self, index: int) -> bool:
        return index >= 0 and self.graph.tensors[index].type is REAL
