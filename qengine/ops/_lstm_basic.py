"""The basic kernel of LSTM: one matrix of all gates, states that come in and go out.

x (b i), last activation (b c), weights (4c i+c), bias (4c), last state (b c) -> activation, state, and what the kernel
has in between: the inputs next to each other and the gates. What goes out replaces what came in, for the next call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..errors import ModelError, Unsupported
from ..kernels.arrays import AnyArray
from ..kernels.reference.lstm_basic import Results, lstm_basic, lstm_basic_integer
from ..kernels.requantizers import HalfUp
from ..model import Shape, TensorType
from ..op import Specs, Step
from ..scales import scale_of, zero_point_of
from ..shapes import known, of_rank
from ._operands import arity

T = TensorType
KINDS: Mapping[tuple[TensorType, ...], str] = {
    (T.FLOAT32,) * 9: "lstm_float32",
    (T.UINT8, T.UINT8, T.UINT8, T.INT32, T.INT16, T.UINT8, T.INT16, T.UINT8, T.INT16): "lstm_uint8",
}
"""Types of the inputs, then of the outputs."""


def infer_basic(specs: Specs) -> Sequence[Shape]:
    arity(specs, 5, 4)
    batch, width = of_rank(specs.input(0), 2, "inputs[0]")
    cells = of_rank(specs.input(1), 2, "inputs[1]")[1]
    expected: list[tuple[int, Shape]] = [
        (1, (batch, cells)),
        (2, (4 * cells, width + cells)),
        (3, (4 * cells,)),
        (4, (batch, cells)),
    ]
    for index, shape in expected:
        if known(specs.input(index)) != shape:
            raise ModelError(f"expected shape {list(shape)}, got {list(known(specs.input(index)))}", f"inputs[{index}]")
    return [(batch, cells), (batch, cells), (batch, width + cells), (batch, 4 * cells)]


def plan_basic(specs: Specs) -> Step:
    kinds = (*(specs.input(i).type for i in range(5)), *(specs.output(i).type for i in range(4)))
    kernel = KINDS.get(kinds)
    if kernel is None:
        raise Unsupported(f"inputs and outputs of types {', '.join(kind.name for kind in kinds)}", "inputs")
    compute: Callable[..., Results] = lstm_basic if kinds[0] is T.FLOAT32 else _integer(specs)

    def run(*arrays: AnyArray) -> Results:
        results = compute(*arrays)
        for state, after in ((arrays[1], results.activation), (arrays[4], results.state)):
            if state.flags.writeable:
                np.copyto(state, after)
        return results

    rows, width = known(specs.input(2))
    return Step(run, kernel, macs=known(specs.input(0))[0] * rows * width, folds=False)


def _integer(specs: Specs) -> Callable[..., Results]:
    scale = scale_of(specs.output(1), "outputs[1]")
    if scale != np.float32(2.0**-11):
        raise ModelError(f"expected a state of scale 2**-11, got {scale}", "outputs[1]")
    rule = HalfUp.from_real(np.asarray(4096 * np.float64(scale_of(specs.input(3), "inputs[3]"))))
    zero_point = zero_point_of(specs.input(2), "inputs[2]")

    def compute(x: AnyArray, h: AnyArray, weights: AnyArray, bias: AnyArray, c: AnyArray) -> Results:
        return lstm_basic_integer(x, h, weights, bias, c, zero_point, rule)

    return compute
