"""Recurrent operators: how state, gates and biases are kept, which their integer kernels prescribe beyond any rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..model import Node, Quantization, TensorType
from ..op import Op, Spec, Specs
from .plan import Activation, Bias, Grid, NodePlan, Operand, Treatment, Weight
from .recipe import Scheme

if TYPE_CHECKING:
    from .place import Walk

Arrays = Sequence[NDArray[np.float32] | None]


@dataclass(frozen=True)
class State:
    """A variable input. type: of its numbers; like_output: whether it has the output's grid, else one of its own."""

    input: int
    type: TensorType
    like_output: bool = False
    power_of_two: bool = False


@dataclass(frozen=True)
class Recurrent:
    """How one operator's operands are kept; `why` says instead why they can't be.

    hidden: the number of its intermediates (the last one has the output's grid, the others stay empty).
    """

    operands: tuple[Operand, ...] | str
    states: tuple[State, ...] = ()
    hidden: int = 0

    def trial(self, specs: Specs) -> Specs:
        """Specs for a trial: state and intermediates as they would be."""
        inputs = list(specs.inputs)
        for state in self.states:
            spec = inputs[state.input]
            assert spec is not None
            scale = 2.0**-12 if state.power_of_two else 0.0625
            inputs[state.input] = replace(spec, type=state.type, quantization=Quantization.of(scale))
        empty = Spec((0,), TensorType.FLOAT32)
        last = Spec((0,), specs.outputs[0].type, specs.outputs[0].quantization)
        middle = (*([empty] * (self.hidden - 1)), last) if self.hidden else specs.intermediates
        return replace(specs, inputs=tuple(inputs), intermediates=tuple(middle))

    def plan(self, node: Node, walk: Walk, operands: Sequence[Operand], outputs: Sequence[int | None]) -> NodePlan:
        """The node's plan, with grids for its state."""
        kept = list(operands)
        grid = outputs[0]
        assert grid is not None
        for state in self.states:
            own = Grid(state.type, node.inputs[state.input], power_of_two=state.power_of_two)
            kept[state.input] = Activation(grid if state.like_output else walk.add_grid(own))
        middle = (*([None] * (self.hidden - 1)), grid) if self.hidden else ()
        return NodePlan(Treatment.INTEGER, tuple(kept), tuple(outputs), middle)


def recurrent_operands(op: Op, constant: Sequence[bool], present: Sequence[bool], scheme: Scheme) -> Recurrent | None:
    """How a recurrent operator is kept; None for all others."""
    if op.name == "UNIDIRECTIONAL_SEQUENCE_LSTM":
        return _lstm(constant, present, scheme)
    return _svdf(constant, present, scheme) if op.name == "SVDF" else None


def _lstm(constant: Sequence[bool], present: Sequence[bool], scheme: Scheme) -> Recurrent:
    """Weights tensorwise int8, gate biases at input * weight, the cell state int16 with a power of two."""
    if scheme.activation_type is not TensorType.INT8 or scheme.weight_type is not TensorType.INT8:
        return Recurrent("its integer kernel computes with int8 activations and weights")
    if any(present[9:12]) or any(present[16:18]) or any(present[20:]) or not all(present[1:9]):
        return Recurrent("only without coupled gates, peepholes, projection and layer normalization")
    if not all(constant[1:9]) or not all(constant[12:16]):
        return Recurrent("its weights are computed")
    operands: list[Operand] = [None] * len(present)
    operands[0] = Activation(-1)
    for position in range(1, 9):
        operands[position] = Weight(TensorType.INT8)
    for gate in range(4):
        operands[12 + gate] = Bias(TensorType.INT32, 0, 1 + gate)
    states = (State(18, TensorType.INT8, like_output=True), State(19, TensorType.INT16, power_of_two=True))
    return Recurrent(tuple(operands), states, hidden=5)


def _svdf(constant: Sequence[bool], present: Sequence[bool], scheme: Scheme) -> Recurrent:
    """Feature weights int8, time weights and state int16, the bias at state * time weight."""
    if scheme.activation_type is not TensorType.INT8 or scheme.weight_type is not TensorType.INT8:
        return Recurrent("its integer kernel computes with int8 activations and weights")
    if not constant[1] or not constant[2] or (present[3] and not constant[3]):
        return Recurrent("its weights are computed")
    bias = Bias(TensorType.INT32, 4, 2) if present[3] else None
    operands = (Activation(-1), Weight(TensorType.INT8), Weight(TensorType.INT16, bits=10), bias, None)
    return Recurrent(operands, (State(4, TensorType.INT16),))


def watched(op: Op) -> Callable[[Arrays], dict[int, NDArray[np.float32]]] | None:
    """What an operator's state is at each of its steps, by input position, from its input arrays; None: nothing."""
    if op.name != "UNIDIRECTIONAL_SEQUENCE_LSTM":
        return None
    options: Any = op
    return lambda inputs: _lstm_states(inputs, options.time_major)


def _lstm_states(inputs: Arrays, time_major: bool) -> dict[int, NDArray[np.float32]]:
    """The cell state after each step: (steps, batch, cells), for x (batch, steps, depth), or time_major (steps, batch,
    depth).

    The standard cell, without coupled gates, peepholes, projection and layer normalization; nothing for others.
    """
    absent = [*inputs[9:12], *inputs[16:18], *inputs[20:]]
    if any(part is not None for part in absent) or any(part is None for part in (*inputs[:9], *inputs[12:16])):
        return {}
    x, h, c = (np.asarray(inputs[i], np.float64) for i in (0, 18, 19))
    w_in, w_back = ([np.asarray(inputs[i + gate]) for gate in range(4)] for i in (1, 5))
    bias = [np.asarray(inputs[12 + gate]) for gate in range(4)]
    seen = [c]
    for now in x if time_major else np.swapaxes(x, 0, 1):
        i, f, g, o = (now @ a.T + h @ b.T + d for a, b, d in zip(w_in, w_back, bias, strict=True))
        c = _logistic(f) * c + _logistic(i) * np.tanh(g)
        h = _logistic(o) * np.tanh(c)
        seen.append(c)
    return {19: np.array(seen, np.float32)}


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))
