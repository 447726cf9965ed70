"""What a gradient rule is: one node that has run, and the way back from its outputs to its inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..op import Array, Specs, Step


@dataclass
class Call:
    """A node that ran.

    inputs: arrays, None where absent. outputs: what it gave. needs: for each input, whether its gradient is asked.
    gradients: of the loss with respect to each output, of the outputs' shapes. specs, step: as prepared.
    kept: what the rule's own forward left for its way back. memory: what the node may remember from step to step, as
    long as shapes stay. snaps: by input position, what rounds a state as the integer operator would.
    training: whether this is a step of training, for operators that then do otherwise; seed: of the step, for those
    that draw numbers.
    """

    op: Any
    specs: Specs
    step: Step
    inputs: tuple[Array | None, ...]
    needs: tuple[bool, ...]
    outputs: tuple[Array, ...] = ()
    gradients: tuple[Array, ...] = ()
    kept: Any = None
    memory: dict[str, Any] = field(default_factory=dict)
    snaps: dict[int, Callable[[Array], Array]] = field(default_factory=dict)
    training: bool = False
    seed: tuple[int, ...] = (0,)

    def input(self, index: int) -> Array:
        """Input `index`, which must be there."""
        array = self.inputs[index]
        assert array is not None
        return array

    def there(self, index: int) -> bool:
        return index < len(self.inputs) and self.inputs[index] is not None

    def wants(self, index: int) -> bool:
        """Whether the gradient of input `index` is asked."""
        return index < len(self.needs) and self.needs[index]

    @property
    def output(self) -> Array:
        return self.outputs[0]

    @property
    def gradient(self) -> Array:
        """With respect to the first output."""
        return self.gradients[0]


Gradients = Sequence[Array | None]
Backward = Callable[[Call], Gradients]
Forward = Callable[[Call], Array]


@dataclass(frozen=True)
class Gradient:
    """One operator's entry.

    backward: the gradient of each input, in order (trailing ones may be left out), None where there is none or it isn't
    asked; of the input's own shape. A fused activation has been gone back through already.
    forward: where training computes the output itself, without the fused activation; else the operator's own kernel
    runs.
    """

    backward: Backward
    forward: Forward | None = None


def unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of an operand of that shape, from that of what it was stretched to: sums over stretched axes."""
    if gradient.shape == shape:
        return gradient
    extra = gradient.ndim - len(shape)
    axes = (*range(extra), *(extra + i for i, length in enumerate(shape) if length == 1 != gradient.shape[extra + i]))
    return np.asarray(gradient.sum(axis=axes)).reshape(shape)


def nothing(call: Call) -> Gradients:
    """No gradient: outputs that change in steps or not at all with the inputs."""
    return [np.zeros_like(call.input(i)) if call.wants(i) else None for i in range(len(call.inputs))]
