"""What becomes of each node: by the recipe's rules, and by what the operator says it can run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import ModelError
from ..model import Graph, Node, TensorType
from ..op import LikeInput, LikeOutput, Unquantized, Weights
from .fuse import has_option
from .plan import Activation, Bias, Operand, Treatment, Weight
from .recipe import Recipe, Scheme
from .recurrent import Recurrent, recurrent_operands
from .trial import Trial

REAL = TensorType.FLOAT32
_CALLERS = ("CALL", "CALL_ONCE", "IF", "STABLEHLO_COMPOSITE", "WHILE")
_CONVERSIONS = ("CAST", "DEQUANTIZE", "FAKE_QUANT", "QUANTIZE")


@dataclass
class Choice:
    """What is decided about one node before grids are."""

    treatment: Treatment
    scheme: Scheme
    operands: tuple[Operand, ...]
    recurrent: Recurrent | None = None
    why: str = ""


class Chooser:
    """Decides for the nodes of one graph. is_replaced: whether it only says what a composite computes."""

    def __init__(self, number: int, graph: Graph, recipe: Recipe, trial: Trial, *, is_replaced: bool = False) -> None:
        self.number, self.graph, self.recipe, self.trial, self.is_replaced = number, graph, recipe, trial, is_replaced
        self.choices: list[Choice] = []
        self.refused: list[str] = []
        self._producers = {i: at for at, node in enumerate(graph.nodes) for i in node.outputs}
        self._readers: dict[int, list[int]] = {}
        for at, node in enumerate(graph.nodes):
            for i in node.inputs:
                self._readers.setdefault(i, []).append(at)

    def choose(self, origins: Sequence[tuple[int, ...]] | None, source: Graph | None) -> list[Choice]:
        """Every node's treatment, and how its constants are kept. `refused` says what the recipe can't quantize."""
        for at, node in enumerate(self.graph.nodes):
            origin = (at,) if origins is None else origins[at]
            self.choices.append(self._choose(node, self._scheme(node, origin, source or self.graph), at))
        self._release()
        return self.choices

    def _scheme(self, node: Node, origin: tuple[int, ...], source: Graph) -> Scheme:
        merged = [source.nodes[i] for i in origin] or [node]
        operators = {part.op.name for part in (*merged, node)}
        names = {source.tensors[i].name or "" for part in merged for i in part.outputs}
        names |= {self.graph.tensors[i].name or "" for i in node.outputs}
        for rule in self.recipe.rules:
            if rule.matches(self.number, operators, names, set(origin)):
                return rule.resolved
        return self.recipe.scheme

    def _choose(self, node: Node, scheme: Scheme, at: int) -> Choice:
        nothing: tuple[Operand, ...] = (None,) * len(node.inputs)
        if not any(self._is_real(i) for i in (*node.inputs, *node.outputs)):
            return Choice(Treatment.UNTOUCHED, scheme, nothing)
        self._check_float(node, at)
        if scheme.compute == "float":
            return Choice(Treatment.FLOAT, scheme, nothing, why="" if self.recipe.scheme is scheme else "by a rule")
        if self.is_replaced:
            return Choice(Treatment.FLOAT, scheme, nothing, why="delegates replace the composite that this computes")
        if node.op.name in _CALLERS:
            return Choice(Treatment.FLOAT, scheme, nothing, why="hands real numbers to another graph")
        if self._keeps_resources(node):
            return Choice(Treatment.FLOAT, scheme, nothing, why="keeps real numbers in a resource")
        if scheme.compute == "integer":
            return self._choose_integer(node, scheme, at)
        return self._choose_weights(node, scheme)

    def _check_float(self, node: Node, at: int) -> None:
        """ModelError where the node is quantized already."""
        for i in (*node.inputs, *node.outputs):
            quantization = None if i < 0 else self.graph.tensors[i].quantization
            if quantization is None or self.graph.tensors[i].type is REAL:
                continue
            if quantization.is_affine or quantization.details is not None:
                raise ModelError(
                    f"expected a float model, got {node.op.name} with quantized tensor "
                    f"{self.graph.tensors[i].name!r}: dequantize_model makes it float",
                    f"$.subgraphs[{self.number}].operators[{at}]",
                )

    def _choose_integer(self, node: Node, scheme: Scheme, at: int) -> Choice:
        place = f"node {at} {node.op.name} of graph {self.number}"
        nothing: tuple[Operand, ...] = (None,) * len(node.inputs)
        real_output = any(self._is_real(i) for i in node.outputs)
        if node.op.name in _CONVERSIONS or (isinstance(node.op.rule, Unquantized) and real_output):
            return Choice(Treatment.FLOAT, scheme, nothing, why="makes real numbers of others")
        wider = [replace(scheme, weights="int8")] if scheme.weight_type is TensorType.INT4 else []
        why = ""
        for attempt in (scheme, *wider):
            found = self._attempt(node, attempt)
            if isinstance(found, Choice):
                found.why = f"int8 weights: {why}" if attempt is not scheme else found.why
                return found
            why = why or found
        if node.op.weights and not any(self._is_real(i) and not self._is_constant_real(i) for i in node.inputs):
            tables = self._choose_weights(node, replace(scheme, compute="dynamic"))
            if tables.treatment is Treatment.DYNAMIC:
                return replace(tables, why="its kernel gives real numbers")
        if self.recipe.unquantizable == "refuse":
            self.refused.append(f"{place} ({why})")
        return Choice(Treatment.FLOAT, scheme, nothing, why=f"no integer kernel: {why}")

    def _attempt(self, node: Node, scheme: Scheme) -> Choice | str:
        """The node in integers, its weights with a scale a channel or, where only that runs, one in all; or why not."""
        recurrent = self._recurrent(node, scheme)
        operands = self._operands(node, scheme) if recurrent is None else recurrent.operands
        if isinstance(operands, str):
            return operands
        whole = tuple(replace(o, axis=None) if isinstance(o, Weight) else o for o in operands)
        why = ""
        for attempt in (operands, whole) if whole != operands else (operands,):
            refused = self.trial.refuses(self.number, node, attempt, scheme.activation_type, recurrent)
            if not refused:
                tensorwise = f"tensorwise: {why}" if attempt is not operands else ""
                return Choice(Treatment.INTEGER, scheme, attempt, recurrent, tensorwise)
            why = why or refused
        return why

    def _operands(self, node: Node, scheme: Scheme) -> tuple[Operand, ...] | str:
        """How the node's inputs are read; grids are only named later (-1). A text says why it can't be."""
        operands: list[Operand] = [Activation(-1) if self._is_real(i) else None for i in node.inputs]
        for weights in node.op.weights:
            if weights.input >= len(node.inputs) or not self._is_real(node.inputs[weights.input]):
                continue
            shares = isinstance(node.op.rule, LikeInput) and weights.input in node.op.rule.inputs
            operand = weights.axis < 0  # BATCH_MATMUL: the converter treats its second matrix like any operand
            if shares or operand or not self.graph.tensors[node.inputs[weights.input]].is_constant:
                weight: Operand = operands[weights.input]
            else:
                axis = None if scheme.granularity == "tensorwise" else self._axis(node, weights)
                weight = operands[weights.input] = Weight(scheme.weight_type, axis, bits=scheme.weight_bits)
            if weights.bias is None or weights.bias >= len(node.inputs) or node.inputs[weights.bias] < 0:
                continue
            if not self.graph.tensors[node.inputs[weights.bias]].is_constant:
                return "its bias is computed"
            data = next((p for p, o in enumerate(operands) if isinstance(o, Activation) and p != weights.bias), None)
            if data is None or (not isinstance(weight, Weight) and data == weights.input):
                return "its input is constant"
            type_ = TensorType.INT64 if scheme.activation_type is TensorType.INT16 else TensorType.INT32
            operands[weights.bias] = Bias(type_, data, weights.input)
        return tuple(operands)

    def _choose_weights(self, node: Node, scheme: Scheme) -> Choice:
        """Weights alone are quantized: kept in the operator where it computes so, else decoded before it."""
        nothing: tuple[Operand, ...] = (None,) * len(node.inputs)
        kept = [
            position
            for position, (i, weight) in enumerate(zip(node.inputs, self._weight_axes(node, scheme), strict=True))
            if weight and self._is_constant_real(i) and self._size(i) >= self._least(scheme)
        ]
        if not kept:
            return Choice(Treatment.FLOAT, scheme, nothing)
        axes = {weights.input: self._axis(node, weights) for weights in node.op.weights}
        why = ""
        if scheme.compute == "dynamic":
            dynamic = self._weights(node, scheme, kept, axes, decoded=False)
            why = self.trial.refuses(self.number, node, dynamic, None, None)
            if why and scheme.granularity == "blockwise":
                channelwise = replace(scheme, granularity="channelwise")
                dynamic = self._weights(node, channelwise, kept, axes, decoded=False)
                why, reason = self.trial.refuses(self.number, node, dynamic, None, None), why
                if not why:
                    return Choice(Treatment.DYNAMIC, scheme, dynamic, why=f"channelwise: {reason}")
            if not why:
                return Choice(Treatment.DYNAMIC, scheme, dynamic)
            why = f"weights decoded: {why}"
        if scheme.granularity == "blockwise":
            scheme = replace(scheme, granularity="channelwise")
            why = why or "channelwise: only computing operators take blocks"
        decoded = self._weights(node, scheme, kept, axes, decoded=True)
        return Choice(Treatment.WEIGHT_ONLY, scheme, decoded, why=why)

    def _axis(self, node: Node, weights: Weights) -> int:
        """The dimension of a weight's channels, counted from 0; the last but one where they are read transposed."""
        if weights.axis >= 0:
            return weights.axis
        transposed: Any = node.op
        turned = has_option(node.op, "adj_y") and transposed.adj_y
        rank = len(self.graph.tensors[node.inputs[weights.input]].shape or ())
        return rank - 2 if turned else rank + weights.axis

    def _weight_axes(self, node: Node, scheme: Scheme) -> list[bool]:
        """Per input whether it is to be kept narrow: weights, and with float16 every constant."""
        inputs = {weights.input for weights in node.op.weights}
        whole = scheme.weight_type is TensorType.FLOAT16
        return [whole or position in inputs for position in range(len(node.inputs))]

    def _weights(
        self, node: Node, scheme: Scheme, kept: Sequence[int], axes: dict[int, int], *, decoded: bool
    ) -> tuple[Operand, ...]:
        operands: list[Operand] = [None] * len(node.inputs)
        whole = scheme.granularity == "tensorwise"
        block = scheme.block_size if scheme.granularity == "blockwise" else 0
        for position in kept:
            shape = self.graph.tensors[node.inputs[position]].shape or ()
            fits = block and len(shape) == 2 and shape[-1] % block == 0
            axis = None if whole else axes.get(position)
            operands[position] = Weight(scheme.weight_type, axis, block if fits else 0, decoded, scheme.weight_bits)
        return tuple(operands)

    def _least(self, scheme: Scheme) -> int:
        return max(1, self.recipe.min_weight_elements)

    def _release(self) -> None:
        """Nodes that only move numbers between float nodes stay float: they would cost a QUANTIZE and a DEQUANTIZE."""
        changed = True
        while changed:
            changed = False
            for choice, node in zip(self.choices, self.graph.nodes, strict=True):
                if choice.treatment is Treatment.INTEGER and self._is_between_floats(node):
                    choice.treatment, choice.operands = Treatment.FLOAT, (None,) * len(node.inputs)
                    choice.why, changed = "between float nodes", True

    def _is_between_floats(self, node: Node) -> bool:
        if not isinstance(node.op.rule, LikeInput | LikeOutput) or node.op.weights:
            return False
        before = [self._producers[i] for i in node.inputs if self._is_real(i) and i in self._producers]
        after = [at for i in node.outputs for at in self._readers.get(i, ())]
        around = [self.choices[at].treatment for at in (*before, *after)]
        kept = self.recipe.types() == (REAL, REAL) or not (
            {*node.inputs} & {*self.graph.inputs} or {*node.outputs} & {*self.graph.outputs}
        )
        return kept and Treatment.FLOAT in around and Treatment.INTEGER not in around

    def _is_real(self, index: int) -> bool:
        return index >= 0 and self.graph.tensors[index].type is REAL

    def _is_constant_real(self, index: int) -> bool:
        return self._is_real(index) and self.graph.tensors[index].is_constant

    def _recurrent(self, node: Node, scheme: Scheme) -> Recurrent | None:
        present = [i >= 0 for i in node.inputs]
        constant = [i >= 0 and self.graph.tensors[i].is_constant for i in node.inputs]
        return recurrent_operands(node.op, constant, present, scheme)

    def _keeps_resources(self, node: Node) -> bool:
        types = {self.graph.tensors[i].type for i in (*node.inputs, *node.outputs) if i >= 0}
        return bool(types & {TensorType.RESOURCE, TensorType.VARIANT})

    def _size(self, index: int) -> int:
        count = 1
        for length in self.graph.tensors[index].shape or ():
            count *= length
        return count
